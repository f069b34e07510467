"""Tools of the handbook's agent: what they give, what they refuse, and what a model is told."""

import json
from collections.abc import Callable

import pytest

from rag_tutorials import tools
from rag_tutorials.schema import RetrievalResult


def test_each_tool_answers_with_text() -> None:
    assert json.loads(tools.leave_balance("Ada")) == {"employee": "Ada", "days_left": 12}
    assert tools.calculator("12 - 5") == "7"
    assert tools.calculator("(2 + 1) * 1.5 / -3") == "-1.5"
    assert tools.weekday("2027-03-31") == "Wednesday"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tools.leave_balance("Ada Lovelace"), "known: Ada, Bob, Cem"),
        (lambda: tools.calculator("Calculate 2 + 2"), "such as 12 - 5"),
        (lambda: tools.calculator("2 ** 9"), "such as 12 - 5"),
        (lambda: tools.calculator("1 / 0"), "such as 12 - 5"),
        (lambda: tools.calculator("__import__('os')"), "such as 12 - 5"),
        (lambda: tools.weekday("31 March"), "YYYY-MM-DD"),
    ],
)
def test_an_error_says_what_would_be_right(call: Callable[[], str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def test_the_search_gives_the_passages_of_the_retriever() -> None:
    def retriever(question: str, top_k: int) -> list[RetrievalResult]:
        return [
            RetrievalResult(chunk_id=str(n), score=1.0, source="s", text=f"{question} {n}")
            for n in range(top_k)
        ]

    search = tools.build_search(retriever, top_k=2)
    assert json.loads(search("leave")) == ["leave 0", "leave 1"]


def test_a_model_is_told_the_name_the_docstring_and_the_schema() -> None:
    def stay(nights: int, price: float = 80.0, *, quiet: bool = True, town: str = "Kiel") -> str:
        """Price of a stay."""
        return f"{nights * price} {quiet} {town}"

    assert tools.describe(stay)["function"] == {
        "name": "stay",
        "description": "Price of a stay.",
        "parameters": {
            "type": "object",
            "properties": {
                "nights": {"type": "integer"},
                "price": {"type": "number"},
                "quiet": {"type": "boolean"},
                "town": {"type": "string"},
            },
            "required": ["nights"],
        },
    }


def test_an_argument_without_a_plain_type_is_refused() -> None:
    def stay(guests: list[str]) -> str:
        return str(guests)

    with pytest.raises(ValueError, match="'guests' needs the type"):
        tools.describe(stay)
