"""What a chat asks: a model with two tools, the handbook and the table of leave days."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from openai import OpenAI
from opentelemetry.trace import Status, StatusCode

DAYS_LEFT = {"Ada": 12, "Bob": 7}
MOST_CALLS = 5  # of the model, for one answer
SYSTEM = {
    "role": "system",
    "content": "You answer employees' questions with the help of your tools. If they do not have "
    "the answer, say that you do not know.",
}


class HelpDesk:
    """Answers with the help of tools. Each tool that is run is a TOOL span.

    The calls of the model are spans if its client is instrumented; what is above them, the caller
    makes.
    """

    def __init__(self, retriever: Callable[..., Sequence[Any]], tracer: Any, model: str) -> None:
        """Hold the handbook's retriever, a tracer of OpenInference, and the chat model's name."""
        self._retriever, self._tracer, self._model = retriever, tracer, model
        self._client = OpenAI()
        self._functions: dict[str, Callable[..., str]] = {
            "search_handbook": self.search_handbook,
            "leave_balance": self.leave_balance,
        }

    def answer(self, messages: Sequence[Any]) -> str:
        """Return the answer to a conversation whose last message is the question.

        Args:
            messages: Role and content of each, without the instructions.

        Raises:
            Exception: those of the OpenAI client.
        """
        said = [SYSTEM, *messages]
        for _ in range(MOST_CALLS):
            completion = self._client.chat.completions.create(
                model=self._model, messages=said, tools=TOOLS
            )
            reply = completion.choices[0].message
            if not reply.tool_calls:
                return reply.content or ""
            said += [reply.model_dump(exclude_none=True), *map(self._use, reply.tool_calls)]
        return "I could not find out."

    def complete(self, instructions: str, text: str) -> str:
        """Return what the model says to a text, without tools."""
        completion = self._client.chat.completions.create(
            model=self._model,
            messages=[
                {"role": "system", "content": instructions},
                {"role": "user", "content": text},
            ],
        )
        return completion.choices[0].message.content or ""

    def search_handbook(self, query: str) -> str:
        """Return three passages."""
        return "\n\n".join(result.text for result in self._retriever(query, top_k=3))

    def leave_balance(self, employee: str) -> str:
        """Return a sentence with the days left.

        Raises:
            LookupError: nobody has this name.
        """
        if employee not in DAYS_LEFT:
            raise LookupError(f"no employee named {employee!r}")
        return f"{employee} has {DAYS_LEFT[employee]} days of annual leave left."

    def _use(self, call: Any) -> dict[str, str]:
        """Run a tool that the model asked for; return the message that says what came of it."""
        name, text = call.function.name, call.function.arguments
        with self._tracer.start_as_current_span(name, openinference_span_kind="tool") as span:
            span.set_input(text)
            try:
                result = self._functions[name](**json.loads(text))
            except (LookupError, TypeError, ValueError) as error:
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, str(error)))
                result = f"Error: {error}"
            span.set_output(result)
        return {"role": "tool", "tool_call_id": call.id, "content": result}


def _tool(name: str, description: str, argument: str) -> Any:
    schema = {
        "type": "object",
        "properties": {argument: {"type": "string"}},
        "required": [argument],
    }
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


TOOLS = [
    _tool("search_handbook", "Search the employee handbook.", "query"),
    _tool("leave_balance", "Days of annual leave that an employee has left.", "employee"),
]
