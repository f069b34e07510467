"""The exercises of lesson 10, agents and tools."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from openinference.semconv.trace import SpanAttributes
from opentelemetry import trace

from rag_tutorials.course.judging.content import (
    Exercise,
    Found,
    MistakeError,
    Prediction,
    Rule,
    Seen,
    span,
)
from rag_tutorials.course.traces.spans import SpanRecord

TOGETHER = "How many days do Ada and Bob have left together?"
NIGHTS, PRICE = 3, 80
TOO_MANY = 12
WAIT_S = 20.0
_PROPERTIES = f"{SpanAttributes.TOOL_PARAMETERS}.properties"  # Phoenix keeps the schema as a tree


def price_of_stay(nights: int, price: int) -> str:
    """The price of a hotel for some nights, in euros."""
    if nights < 1:
        raise ValueError("nights must be 1 or more")
    return str(nights * price)


def _json_is(wanted: Any) -> Rule:
    def holds(value: Any) -> bool:
        try:
            return bool(json.loads(value) == wanted)
        except (TypeError, ValueError):
            return False

    return Rule(f"the JSON of {json.dumps(wanted)}", holds)


def _tool_of_a_stay(nights: int, **more: Any) -> Any:
    return span(
        price_of_stay.__name__,
        "TOOL",
        exact=True,
        attributes={
            SpanAttributes.TOOL_NAME: price_of_stay.__name__,
            SpanAttributes.TOOL_DESCRIPTION: price_of_stay.__doc__,
            **{f"{_PROPERTIES}.{name}.type": "integer" for name in ("nights", "price")},
            SpanAttributes.INPUT_VALUE: _json_is({"nights": nights, "price": PRICE}),
            **more.pop("attributes", {}),
        },
        **more,
    )


def _call_a_tool_twice(course: object, traced_tool: Callable[..., Any]) -> None:
    runs = []

    def noted(nights: int, price: int) -> str:
        runs.append(nights)
        around = trace.get_current_span()
        if getattr(around, "name", None) != price_of_stay.__name__:
            raise MistakeError(
                f"The function ran outside its span: none named `{price_of_stay.__name__}` was "
                "open."
            )
        return price_of_stay(nights, price)

    noted.__name__, noted.__doc__ = price_of_stay.__name__, price_of_stay.__doc__
    noted.__annotations__ = {"nights": int, "price": int, "return": str}
    tool = traced_tool(noted)
    if not callable(tool):
        raise MistakeError(f"`traced_tool` gave {type(tool).__name__}; it should give a function.")
    result = tool(nights=NIGHTS, price=PRICE)
    if result != price_of_stay(NIGHTS, PRICE):
        raise MistakeError(f"The function returns '240', the traced one returned {result!r}.")
    try:
        tool(nights=0, price=PRICE)
    except ValueError:
        pass
    else:
        raise MistakeError("The function raises ValueError for 0 nights; the traced one did not.")
    if runs != [NIGHTS, 0]:
        raise MistakeError(f"Two calls of the tool ran the function {len(runs)} times.")


def _balances_given(found: Found) -> int:
    """How many different balances the last call of the model was sent."""
    last = found.of_kind("LLM")[-1].attributes
    contents = {
        value
        for key, value in last.items()
        if key.startswith(SpanAttributes.LLM_INPUT_MESSAGES) and key.endswith(".content")
    }
    return sum("days_left" in str(content) for content in contents)


def _below_agents(found: Found) -> int:
    parents = Counter(one.parent_id for one in found.of_kind("TOOL") if one.parent_id)
    agents = {one.span_id for one in found.of_kind("AGENT")}
    return sum(count for parent, count in parents.items() if parent in agents)


def _run_bounded(course: object, run: Callable[..., Any]) -> None:
    def asks_again(number: int) -> list[tuple[str, str]]:
        spaced = '{ "employee":"Ada" }' if number % 2 else '{"employee": "Ada"}'
        return [("leave_balance", spaced)]

    asked: list[int] = []

    def repeats(messages: Sequence[Any]) -> Any:
        asked.append(len(messages))
        if len(asked) > TOO_MANY:
            raise MistakeError(f"The model was asked more than {TOO_MANY} times, and no end.")
        return asks_again(len(asked))

    run(repeats, "How many days does Ada have left?")
    script = iter(
        [[("leave_balance", f'{{"employee": "{name}"}}')] for name in ("Ada", "Bob")] + ["19 days"]
    )
    seen: list[int] = []

    def answers(messages: Sequence[Any]) -> Any:
        seen.append(len(messages))
        return next(script, "19 days")

    run(answers, TOGETHER)
    if len(seen) < 3 or not seen[0] < seen[1] < seen[2]:
        raise MistakeError(
            "The second question needs two different calls, and the model must see each result: "
            f"it was asked with {', '.join(map(str, seen)) or 'no'} messages."
        )


def _balance(name: str) -> Any:
    return span(
        "leave_balance",
        "TOOL",
        attributes={SpanAttributes.INPUT_VALUE: _json_is({"employee": name})},
    )


def _calls_at_once(course: object, in_threads: Callable[..., Any]) -> Any:
    tracer = trace.get_tracer(__name__)
    together = threading.Barrier(2)

    def call_tool(call: Any) -> dict[str, str]:
        with tracer.start_as_current_span(
            call.function.name,
            attributes={
                SpanAttributes.OPENINFERENCE_SPAN_KIND: "TOOL",
                SpanAttributes.INPUT_VALUE: call.function.arguments,
            },
        ):
            try:
                together.wait(WAIT_S)
            except threading.BrokenBarrierError:
                raise MistakeError(
                    "The second call did not begin while the first was running. Run them at the "
                    "same time; a context can be entered by one thread at a time."
                ) from None
        return {"role": "tool", "tool_call_id": call.id, "content": call.function.arguments}

    calls = [
        SimpleNamespace(
            id=f"call_{name}",
            function=SimpleNamespace(
                name="leave_balance", arguments=json.dumps({"employee": name})
            ),
        )
        for name in ("Ada", "Bob")
    ]
    with tracer.start_as_current_span(
        "agent-of-10-4", attributes={SpanAttributes.OPENINFERENCE_SPAN_KIND: "AGENT"}
    ):
        messages = in_threads(calls, call_tool)
    if [one.get("tool_call_id") for one in messages or ()] != [call.id for call in calls]:
        raise MistakeError("The results should come back as a list, in the order of the calls.")
    return messages


def _repeats(spans: Sequence[SpanRecord]) -> int:
    tools = (one for one in spans if one.kind == "TOOL")
    made = Counter((one.name, one.attributes.get(SpanAttributes.INPUT_VALUE)) for one in tools)
    return max(made.values(), default=0)


def _findings(seen_by_check: Seen) -> tuple[int, str | None, str | None]:
    """Of the three traces, in order of start: what each of them hides."""
    found = seen_by_check.found
    by_start = [found.in_trace(one) for one in found.trace_ids]
    wrong, runaway, forgetful = (*by_start, (), (), ())[:3]
    seen = {
        value
        for one in forgetful
        if one.kind == "LLM"
        for key, value in one.attributes.items()
        if key.startswith(SpanAttributes.LLM_INPUT_MESSAGES) and key.endswith(".content")
    }
    results = [
        one.attributes.get(SpanAttributes.OUTPUT_VALUE) for one in forgetful if one.kind == "TOOL"
    ]
    first = next((one.name for one in wrong if one.kind == "TOOL"), None)
    return _repeats(runaway), next((one for one in results if one not in seen), None), first


EXERCISES = (
    Exercise(
        id="10.1",
        title="Any function as a traced tool",
        minutes=6,
        run=_call_a_tool_twice,
        expect=(
            _tool_of_a_stay(
                NIGHTS,
                status="not ERROR",
                attributes={SpanAttributes.OUTPUT_VALUE: str(NIGHTS * PRICE)},
            ),
            _tool_of_a_stay(0, status="ERROR", events={"exception": 1}),
        ),
        hints=(
            "`call_tool` has all the lines; which of them make the span?",
            "The span's name, description and schema come from `describe(function)`; the input is "
            "`json.dumps(arguments)`.",
            "Open the span in `call`, `span.set_tool(...)`, `span.set_input(...)`, then run "
            "`function(**arguments)` inside the block, and catch nothing.",
        ),
    ),
    Exercise(
        id="10.2",
        title="Read what the answers hide",
        minutes=3,
        facts=_findings,
        given=(tuple, list),
        hints=(
            "`course.show` of each of the three traces shows all that is asked for.",
            "A repeated call has the same name and the same `input.value`. A result that was "
            "forgotten is an `output.value` that is in no model call's input messages.",
            "Count `(span.name, span.attributes['input.value'])` of the TOOL spans; compare "
            "`output.value` with the `content` of `known_at(span)` of each LLM span.",
        ),
    ),
    Exercise(
        id="10.3",
        title="Stop an agent that repeats itself",
        minutes=6,
        run=_run_bounded,
        expect=(
            span(
                "careful-agent",
                "AGENT",
                _balance("Ada"),
                status="ERROR",
                exact=True,
                attributes={
                    SpanAttributes.INPUT_VALUE: "How many days does Ada have left?",
                    SpanAttributes.OUTPUT_VALUE: None,
                },
            ),
            span(
                "careful-agent",
                "AGENT",
                _balance("Ada"),
                _balance("Bob"),
                status="not ERROR",
                exact=True,
                attributes={
                    SpanAttributes.INPUT_VALUE: TOGETHER,
                    SpanAttributes.OUTPUT_VALUE: "19 days",
                },
            ),
        ),
        hints=(
            "What tells two calls apart: the name, and what the arguments say.",
            "`json.loads` makes two spellings of the same arguments equal; keep the calls made in "
            "a list, and look before each call.",
            "`if (name, json.loads(arguments)) in made: span.set_status(StatusCode.ERROR, ...)`, "
            "and return, all inside the agent's span.",
        ),
    ),
    Exercise(
        id="10.4",
        title="Keep parallel calls under their agent",
        minutes=3,
        run=_calls_at_once,
        expect=span("agent-of-10-4", "AGENT", _balance("Ada"), _balance("Bob"), ordered=False),
        hints=(
            "What is the current span in the pool's threads?",
            "Copy the context where the agent's span is current, one copy for each call.",
            "`pool.submit(copy_context().run, call_tool, call)` for each call, then "
            "`future.result()` in the same order.",
        ),
    ),
    Exercise(
        id="10.5",
        title="Predict an agent's tree",
        minutes=2,
        run=lambda course, prediction, answer: answer(TOGETHER),
        facts={
            "LLM spans": lambda seen: len(seen.found.of_kind("LLM")),
            "TOOL spans": lambda seen: len(seen.found.of_kind("TOOL")),
            "TOOL spans below the agent": lambda seen: _below_agents(seen.found),
        },
        hints=(
            "Each round is one call of the model; the last round gives the answer.",
            "First both balances, then the sum, then the answer.",
            "Three rounds; two tools in the first, one in the second, each below the agent.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="10.a",
        title="How many spans will the trace have?",
        truth=len,
        answer=6,
        because="The agent; three calls of the model, for it is asked again after each result; "
        "and two tools.",
    ),
    Prediction(
        id="10.b",
        title="How many messages will the input of the last model call hold?",
        truth=lambda count: count,
        answer=5,
        because="The question, then a call and its result, then another call and its result. The "
        "model is sent all of it each time: between two calls it keeps nothing.",
    ),
    Prediction(
        id="10.c",
        title="How many spans will have the status ERROR?",
        truth=lambda found: sum(one.status == "ERROR" for one in found.spans),
        answer=0,
        because="The tool caught its error before anything could see it, and the answer rests on "
        "an invented zero.",
    ),
    Prediction(
        id="10.d",
        title="How many different balances will the model be given?",
        truth=_balances_given,
        answer=1,
        because="Both calls have the same name, so Bob's result overwrote Ada's, and went back "
        "under both ids.",
    ),
    Prediction(
        id="10.e",
        title="In how many traces will the spans land?",
        truth=lambda found: len(found.trace_ids),
        answer=4,
        because="The agent with its model calls is one. Each of the three tools ran in a thread "
        "with an empty context, so each is a trace of its own.",
    ),
    Prediction(
        id="10.f",
        title="How many LLM spans will there be?",
        truth=lambda found: len(found.of_kind("LLM")),
        answer=6,
        because="Each call was traced twice: by the framework (`chat ...`), and below it by the "
        "client's instrumentation (`ChatCompletion`), both with all tokens.",
    ),
    Prediction(
        id="10.g",
        title="In how many traces will the spans of both processes land?",
        truth=lambda found: len(found.trace_ids),
        answer=1,
        because="The MCP package injects the context into each request and extracts it on the "
        "other side.",
    ),
)
