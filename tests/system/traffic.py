"""Real traces from several senders at once, and what became of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

PATIENCE_S = 120.0


@dataclass
class Traffic:
    """Traces of four spans, sent in batches to one address with one key."""

    url: str
    key: str
    project: str
    accepted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    batches: list[Sequence[ReadableSpan]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def exporter(self, timeout: float = 60) -> OTLPSpanExporter:
        """Return an exporter as an application has it."""
        headers = {"authorization": f"Bearer {self.key}"}
        return OTLPSpanExporter(f"{self.url}/v1/traces", headers=headers, timeout=timeout)

    def batch(self, traces: int = 6, text: str = "") -> list[ReadableSpan]:
        """Make traces of four spans."""
        provider = TracerProvider(
            resource=Resource({"openinference.project.name": self.project}),
            shutdown_on_exit=False,
        )
        tracer = provider.get_tracer("traffic")
        made: list[Any] = []
        for number in range(traces):
            with tracer.start_as_current_span(f"answer {number}") as root:
                root.set_attribute("openinference.span.kind", "CHAIN")
                root.set_attribute("input.value", text or "How many days of leave are there?")
                made.append(root)
                for name, kind in (("retrieve", "RETRIEVER"), ("prompt", "CHAIN"), ("llm", "LLM")):
                    with tracer.start_as_current_span(name) as child:
                        child.set_attribute("openinference.span.kind", kind)
                        child.set_attribute("output.value", f"{name} {number}")
                        made.append(child)
        return made

    def send(self, spans: Sequence[ReadableSpan], exporter: OTLPSpanExporter | None = None) -> bool:
        """Send a batch, and note whether it was accepted."""
        sender = exporter or self.exporter()
        done = sender.export(spans) is SpanExportResult.SUCCESS
        with self._lock:
            (self.accepted if done else self.refused).update(map(span_id, spans))
            self.batches.append(spans)
        return done

    @contextmanager
    def flowing(self, kept: Callable[[], int], ahead: int, senders: int = 3) -> Iterator[None]:
        """Send batches from several threads until the block ends.

        They wait while ``ahead`` more spans are accepted than ``kept`` says are stored.
        """
        stopped = threading.Event()

        def sender() -> None:
            exporter = self.exporter()
            while not stopped.wait(0.2):
                if len(self.accepted) - kept() < ahead:
                    self.send(self.batch(), exporter)

        threads = [threading.Thread(target=sender, daemon=True) for _ in range(senders)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopped.set()
            for thread in threads:
                thread.join(PATIENCE_S)


def span_id(span: ReadableSpan) -> str:
    """Return a span's id as Phoenix writes it."""
    assert span.context is not None
    return format(span.context.span_id, "016x")


def stored(client: httpx.Client, project: str) -> Counter[str]:
    """Return how often each span id is in a project."""
    found: Counter[str] = Counter()
    cursor = None
    while True:
        parameters = {"limit": 1000, **({"cursor": cursor} if cursor else {})}
        answer = client.get(f"/v1/projects/{project}/spans", params=parameters)
        if answer.status_code == 404:
            return found
        page = answer.raise_for_status().json()
        found.update(each["context"]["span_id"] for each in page["data"])
        if not (cursor := page["next_cursor"]):
            return found


def eventually(look: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """Look until what is seen is true, or the time is over; return it."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


@contextmanager
def no_insertion(database: str) -> Iterator[None]:
    """Let nothing be stored in Phoenix's database within this block: what comes in waits."""
    import asyncpg

    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(database))
    transaction = connection.transaction()
    loop.run_until_complete(transaction.start())
    loop.run_until_complete(connection.execute("LOCK TABLE spans IN EXCLUSIVE MODE"))
    try:
        yield
    finally:
        loop.run_until_complete(transaction.rollback())
        loop.run_until_complete(connection.close())
        loop.close()
