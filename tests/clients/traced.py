"""A tracer provider that keeps its spans here, and the trees that they make."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(_exporter))


def trees(title: str, expected: str | None = None) -> str:
    """Print the trees of the spans since the last call, and return them.

    Raises:
        AssertionError: They are not those expected.
    """
    spans = sorted(_exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
    _exporter.clear()
    ids = {span.context.span_id for span in spans}
    lines = []

    def draw(parent: int | None, depth: int) -> None:
        for span in spans:
            above = span.parent.span_id if span.parent else None
            if above != parent and not (parent is None and above not in ids):
                continue
            kind = (span.attributes or {}).get("openinference.span.kind", "")
            status = span.status.status_code.name if not span.status.is_ok else ""
            lines.append(
                f"{'  ' * depth}{span.name} {kind} {status}".rstrip().replace("  ERR", " ERR")
            )
            draw(span.context.span_id, depth + 1)

    draw(None, 0)
    found = "\n".join(lines)
    print(f"\n{title}\n{found}")
    assert expected is None or found == expected.strip(), f"{title} was expected as{expected}"
    return found
