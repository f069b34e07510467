"""Tools of an agent over the handbook: plain functions, and what a model is told of them.

Arguments and results are text, as a model writes and reads them. A wrong argument raises a
ValueError whose sentence says what would be right.
"""

import ast
import inspect
import json
import operator
from collections.abc import Callable, Mapping
from datetime import date as calendar_date
from typing import Any, get_type_hints

from rag_tutorials.pipeline import Retriever

BALANCES: Mapping[str, int] = {"Ada": 12, "Bob": 7, "Cem": 21}
"""Days of annual leave that each employee has left."""

_SIGNS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def build_search(retriever: Retriever, top_k: int = 3) -> Callable[[str], str]:
    """Return the tool `search_handbook`: a JSON list of the passages that fit a query best."""

    def search_handbook(query: str) -> str:
        """Search the employee handbook for passages about a question."""
        return json.dumps([result.text for result in retriever(query, top_k=top_k)])

    return search_handbook


def leave_balance(employee: str) -> str:
    """Days of annual leave that an employee has left."""
    if employee not in BALANCES:
        raise ValueError(f"no employee named {employee!r}; known: {', '.join(BALANCES)}")
    return json.dumps({"employee": employee, "days_left": BALANCES[employee]})


def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression."""

    def value(node: ast.expr) -> float:
        match node:
            case ast.BinOp(left, sign, right) if type(sign) in _SIGNS:
                return _SIGNS[type(sign)](value(left), value(right))
            case ast.UnaryOp(ast.USub(), operand):
                return -value(operand)
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError

    try:
        return f"{value(ast.parse(expression.strip(), mode='eval').body):.12g}"
    except (ValueError, SyntaxError, ArithmeticError, RecursionError):
        raise ValueError(f"{expression!r} is no arithmetic expression such as 12 - 5") from None


def weekday(date: str) -> str:
    """The day of the week of a date (YYYY-MM-DD)."""
    try:
        return f"{calendar_date.fromisoformat(date):%A}"
    except ValueError:
        raise ValueError(f"{date!r} is no date of the form YYYY-MM-DD") from None


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON schema of a function's arguments, from its type hints.

    Raises:
        ValueError: An argument is not annotated as text, a number or a bool.
    """
    hints = get_type_hints(function)
    properties = {}
    for name in inspect.signature(function).parameters:
        if hints.get(name) not in _JSON_TYPES:
            raise ValueError(f"the argument {name!r} needs the type str, int, float or bool")
        properties[name] = {"type": _JSON_TYPES[hints[name]]}
    required = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
    ]
    return {"type": "object", "properties": properties, "required": required}


def describe(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function as a tool of the chat completions API: name, docstring and schema."""
    return {
        "type": "function",
        "function": {
            "name": function.__name__,
            "description": inspect.getdoc(function) or "",
            "parameters": schema_of(function),
        },
    }
