"""What lesson 07 says of the two vocabularies holds for the versions that it names."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from openinference.instrumentation import TraceConfig, TracerProvider
from opentelemetry.sdk.trace import ReadableSpan

NOTEBOOK = Path(__file__).parents[4] / "notebooks" / "07_backends_and_delivery.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
}
TABLE, GAPS, BACK = (
    CELLS["understood"],
    CELLS["explain-foreign"],
    CELLS["explain-other-direction"],
)
KIND, OPERATION = "openinference.span.kind", "gen_ai.operation.name"
PART = {"type": "text", "content": "hello"}
ASKED = [{"role": "user", "parts": [PART]}]
ANSWERED = [{"role": "assistant", "parts": [PART], "finish_reason": "stop"}]
DOCUMENT = {"id": "leave-02", "score": 0.5, "content": "Five days."}
IN, OUT = "llm.input_messages.0.message", "llm.output_messages.0.message"

# One step in both vocabularies; the keys are those of the lesson's table.
CHAT = (
    {
        KIND: "LLM",
        "llm.model_name": "gpt-4.1-mini",
        f"{IN}.role": "user",
        f"{IN}.content": "hello",
        f"{OUT}.role": "assistant",
        f"{OUT}.content": "hello",
        "llm.token_count.prompt": 20,
        "llm.token_count.completion": 4,
        "session.id": "monday",
    },
    {
        OPERATION: "chat",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.input.messages": ASKED,
        "gen_ai.output.messages": ANSWERED,
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.conversation.id": "monday",
    },
)
TOOL = (
    {
        KIND: "TOOL",
        "tool.name": "leave_left",
        "tool.parameters": '{"employee": "Ada"}',
        "output.value": "12 days",
    },
    {
        OPERATION: "execute_tool",
        "gen_ai.tool.name": "leave_left",
        "gen_ai.tool.call.arguments": {"employee": "Ada"},
        "gen_ai.tool.call.result": "12 days",
    },
)
RETRIEVER = (
    {
        KIND: "RETRIEVER",
        "input.value": "How many days?",
        "retrieval.documents.0.document.id": "leave-02",
        "retrieval.documents.0.document.score": 0.5,
        "retrieval.documents.0.document.content": "Five days.",
    },
    {
        OPERATION: "retrieval",
        "gen_ai.retrieval.query.text": "How many days?",
        "gen_ai.retrieval.documents": [DOCUMENT],
    },
)
AGENT = ({KIND: "AGENT"}, {OPERATION: "invoke_agent"})
STEPS = pytest.mark.parametrize(
    ("openinference", "genai"),
    [CHAT, TOOL, RETRIEVER, AGENT],
    ids=["chat", "tool", "retriever", "agent"],
)


def switched_on(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return what a span has at its end when the second vocabulary is on, JSON read."""
    provider = TracerProvider(config=TraceConfig(enable_genai_semconv=True))
    with provider.get_tracer("test").start_as_current_span("step") as span:
        span.set_attributes(attributes)
    assert isinstance(span, ReadableSpan)
    return {key: read(value) for key, value in (span.attributes or {}).items()}


def in_phoenix(genai: dict[str, Any]) -> dict[str, Any]:
    """Return what Phoenix makes of a span's attributes when it arrives."""
    from phoenix.trace.gen_ai.conversion import get_openinference_attributes  # seconds to import

    return dict(get_openinference_attributes({key: sent(value) for key, value in genai.items()}))


def read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value


def sent(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


@STEPS
def test_what_has_a_counterpart_gets_it(
    openinference: dict[str, Any], genai: dict[str, Any]
) -> None:
    have = switched_on(openinference)
    for key, value in genai.items():
        if key == "gen_ai.output.messages":
            assert [one["parts"] for one in have[key]] == [one["parts"] for one in value]
        else:
            assert have[key] == value, key


def test_what_goes_in_and_out_of_a_step_has_none() -> None:
    step = {KIND: "LLM", "input.value": "question", "output.value": "answer"}
    assert {key for key in switched_on(step) if key.startswith("gen_ai.")} == {OPERATION}


@pytest.mark.slow
@STEPS
def test_phoenix_translates_it_back(openinference: dict[str, Any], genai: dict[str, Any]) -> None:
    have = in_phoenix(genai)
    for key, value in openinference.items():
        assert read(have[key]) == read(value), key


@pytest.mark.slow
def test_the_gaps_are_there() -> None:
    chat = {OPERATION: "chat", "gen_ai.input.messages": ASKED, "gen_ai.output.messages": ANSWERED}
    assert f"{OUT}.content" in in_phoenix(chat)
    assert not {"input.value", "output.value"} & set(in_phoenix(chat))
    answered = chat | {"gen_ai.response.id": "one", "gen_ai.response.model": "gpt-4.1-mini"}
    assert read(in_phoenix(answered)["output.value"]) == {"id": "one", "model": "gpt-4.1-mini"}

    unfinished = [{"role": "assistant", "parts": [PART]}]
    assert f"{OUT}.content" not in in_phoenix(chat | {"gen_ai.output.messages": unfinished})
    no_score = {OPERATION: "retrieval", "gen_ai.retrieval.documents": [{"id": "leave-02"}]}
    assert not [key for key in in_phoenix(no_score) if "document" in key]

    other_versions = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.cache_write.input_tokens")
    for name in other_versions:
        assert f"`{name}`" in GAPS
        assert not [key for key in in_phoenix({OPERATION: "chat", name: 8}) if "token" in key]
    known = in_phoenix({OPERATION: "chat", "gen_ai.usage.cache_creation.input_tokens": 8})
    assert known["llm.token_count.prompt_details.cache_write"] == 8


def test_the_lesson_names_the_versions_that_are_installed() -> None:
    [phoenix] = re.findall(r"Phoenix (\d+\.\d+),", GAPS)
    assert version("arize-phoenix").startswith(f"{phoenix}.")
    [instrumentor] = re.findall(r"OpenInference's (\d[\d.]+\d)", BACK)
    assert instrumentor == version("openinference-instrumentation-openai")
    [vocabulary] = re.findall(r"OpenInference is at (\d+\.\d+)\.", BACK)
    assert version("openinference-semantic-conventions").startswith(f"{vocabulary}.")


def test_the_steps_above_are_those_of_the_table() -> None:
    named = set(re.findall(r"gen_ai\.[a-z_.]+[a-z]", TABLE))
    assert named == {
        key for _, genai in (CHAT, TOOL, RETRIEVER, AGENT) for key in genai if f"`{key}`" in TABLE
    }
