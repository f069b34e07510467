"""What an exercise may use of the course."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from rag_tutorials.course.embedded.addresses import Link
from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.spans import OneSpan, SpanRecord
from rag_tutorials.stub_llm import StubLLM


class Surroundings(Protocol):
    """The notebook around an exercise: its Phoenix, its data, its model."""

    project: str

    @property
    def data(self) -> Path:
        """The folder with the handbook and the queries."""
        ...

    @property
    def chat_model(self) -> str:
        """The chat model's name."""
        ...

    @property
    def stub(self) -> StubLLM:
        """The stubbed LLM: faults on demand, and the journal of its requests."""
        ...

    @property
    def phoenix_url(self) -> str:
        """This notebook's Phoenix: the base address."""
        ...

    @property
    def otlp_endpoint(self) -> str:
        """Where spans are sent: OTLP over HTTP."""
        ...

    @property
    def client(self) -> Any:
        """A ``phoenix.client.Client`` of this notebook's Phoenix."""
        ...

    def fetch(self, **filters: Any) -> Sequence[SpanRecord]:
        """Return the spans of this notebook's project that Phoenix has now."""
        ...

    def fetch_trace(self, trace_id: str) -> Sequence[SpanRecord]:
        """Return the spans of a trace that Phoenix has now."""
        ...

    def annotated(self, found: Iterable[SpanRecord]) -> Sequence[SpanRecord]:
        """Return spans with the annotations and notes that Phoenix has of them now."""
        ...

    def session_annotations(self, *session_ids: str) -> Sequence[Annotation]:
        """Return the annotations and notes that Phoenix has of sessions now."""
        ...

    def link(self, what: OneSpan | None = None) -> Link:
        """Return a link to a trace; without one, to the project."""
        ...
