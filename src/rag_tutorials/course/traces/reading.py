"""A notebook's Phoenix from the outside: where it is, and the traces that it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.embedded import addresses, asking
from rag_tutorials.course.embedded.diagnosis import diagnose
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.traces import spans
from rag_tutorials.course.traces.annotations import Annotation, read_annotations

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)  # JSON's errors are ValueErrors


class Traces:
    """The traces of one project in the Phoenix of this kernel."""

    def __init__(self, project: str, phoenix: EmbeddedPhoenix) -> None:
        self.project = project
        self.phoenix = phoenix
        self._client: Any = None
        self._client_port = 0

    @property
    def port(self) -> int:
        """The loopback port of this notebook's Phoenix."""
        return self.phoenix.port

    @property
    def phoenix_url(self) -> str:
        """This notebook's Phoenix for code: reading back, exporting."""
        return self.phoenix.url

    @property
    def otlp_endpoint(self) -> str:
        """Where spans are sent: OTLP over HTTP."""
        return self.phoenix.otlp_endpoint

    def link(self, what: spans.OneSpan | None = None) -> addresses.Link:
        """Return a link to the trace of a span (or of a trace id); without one, to the project.

        Raises:
            CourseError: the span was never recorded, or the text is not a trace id.
        """
        return addresses.Link(self._url_of(what), self._words_for(what))

    def session_link(self, session_id: str) -> addresses.Link:
        """Return a link to the turns of a session."""
        url = addresses.page_url(self.phoenix.browser_url, "redirects", "sessions", session_id)
        return addresses.Link(url, "Open this session in Phoenix")

    def page(self, *parts: str, **query: str | Sequence[str]) -> addresses.Link:
        """Return a link to any page of Phoenix: ``page("datasets", id, "compare", key=[1, 2])``."""
        url = addresses.page_url(self.phoenix.browser_url, *parts, **query)
        return addresses.Link(url, "Open this page in Phoenix")

    def view(
        self,
        what: spans.OneSpan | None = None,
        height: int = 560,
    ) -> addresses.Frame:
        """Return Phoenix in a frame, ``height`` pixels high, open on a trace or on the project.

        Raises:
            CourseError: the span was never recorded, or the text is not a trace id.
        """
        return addresses.Frame(self._url_of(what), self._words_for(what), height)

    def read_back(
        self,
        what: spans.OneSpan,
        expect: int = 1,
        timeout: float = 10.0,
    ) -> list[spans.SpanRecord]:
        """Read a trace's spans back from Phoenix, oldest first.

        A span is readable a tenth of a second after its export, parents often after their
        children: this asks again until ``expect`` spans are there or ``timeout`` seconds are over.

        Raises:
            CourseError: fewer spans arrived, or Phoenix does not answer.
        """
        trace_id = spans.trace_id_of(what)
        found = spans.poll(lambda: self.fetch_trace(trace_id), expect, timeout)
        if len(found) < expect:
            names = ", ".join(span.name for span in found) or "none"
            wrong = diagnose(self.phoenix, self.project).wrong
            why = (
                f"{wrong[0].text}; {wrong[0].remedy}; course.doctor() shows all that was looked at."
                if wrong
                else "run the cell with register() and the one that makes the trace again."
            )
            raise CourseError(
                f"Phoenix has {len(found)} of the {expect} spans expected in trace {trace_id} "
                f"({names}); {why}"
            )
        return list(found)

    def fetch_trace(self, trace_id: str) -> Sequence[spans.SpanRecord]:
        """Return the spans of a trace that Phoenix has now, in any order."""
        return self.fetch(trace_ids=[trace_id])

    def fetch(self, **filters: Any) -> Sequence[spans.SpanRecord]:
        """Return the spans of this notebook's project that Phoenix has now.

        ``filters`` are those of ``phoenix.client``'s ``spans.get_spans``.

        Raises:
            CourseError: nothing listens at Phoenix's port, another program does, or its answer
                cannot be read.
            TimeoutError: whatever listens there does not answer.
        """
        try:
            found = self.client.spans.get_spans(
                project_identifier=self.project, **{"limit": 10_000, **filters}
            )
        except httpx.TimeoutException as error:
            raise TimeoutError(f"what listens at {self.phoenix_url} is silent") from error
        except Exception as error:
            if said := asking.trouble(self.phoenix_url):
                raise CourseError(
                    f"{said}; run the cells at the top of this notebook again, then this one."
                ) from error
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status == HTTPStatus.NOT_FOUND:
                return []  # a project begins with its first span
            if isinstance(error, _UNREADABLE):
                raise self._cannot_be_read(error) from error
            raise
        try:
            return [spans.from_phoenix(span) for span in found]
        except _UNREADABLE as error:
            raise self._cannot_be_read(error) from error

    def annotated(self, found: Iterable[spans.SpanRecord]) -> list[spans.SpanRecord]:
        """Return spans with the annotations and notes that Phoenix has of them now.

        Raises:
            OSError: Phoenix does not answer.
        """
        have = list(found)
        ids = [one.span_id for one in have]
        said: dict[str, list[Annotation]] = {span_id: [] for span_id in ids}
        for one in read_annotations(self.phoenix_url, self.project, "span", ids):
            said[one.on].append(one)
        return [replace(one, annotations=tuple(said[one.span_id])) for one in have]

    def session_annotations(self, *session_ids: str) -> tuple[Annotation, ...]:
        """Return the annotations and notes that Phoenix has of sessions now, oldest first.

        Raises:
            OSError: Phoenix does not answer.
        """
        return read_annotations(self.phoenix_url, self.project, "session", session_ids)

    @property
    def client(self) -> Any:
        """A ``phoenix.client.Client`` of this notebook's Phoenix."""
        if self._client is None or self._client_port != self.port:
            from phoenix.client import Client

            self._client = Client(base_url=self.phoenix_url)
            self._client_port = self.port
        return self._client

    def _cannot_be_read(self, error: Exception) -> CourseError:
        return CourseError(
            f"What Phoenix at {self.phoenix_url} answers cannot be read ({sentence_of(error)}); is "
            "it another version than the course's? Restart the kernel, and run the cells at the "
            "top of this notebook again."
        )

    def _url_of(self, what: spans.OneSpan | None) -> str:
        base = self.phoenix.browser_url
        if what is None:
            return f"{base}/redirects/projects/{self.project}"
        return f"{base}/redirects/traces/{spans.trace_id_of(what)}"

    def _words_for(self, what: object) -> str:
        return (
            f"Project {self.project} in Phoenix" if what is None else "Open this trace in Phoenix"
        )
