"""What a wrapped call costs beside the same spans written by hand.

    python tests/benchmarks/bench_wrappers.py [--blocks 200] [--calls 100]

Both sides run in alternating blocks of one process, on functions that do nothing, with the same
tracer and an exporter that discards its spans, so the ratio is that of the span alone. Before
it measures, the script checks that both sides leave the same spans. By hand, attributes are
built whether or not the span is sampled, as most people write it; the wrappers ask first.

Prints, for each wrapper and tracer, the median time of a call, the median of the paired ratios
and their quartiles, and exits with 1 if a ratio is above the target.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from openinference.instrumentation import TracerProvider as OpenInferenceTracerProvider
from openinference.semconv.trace import (
    DocumentAttributes,
    OpenInferenceMimeTypeValues,
    OpenInferenceSpanKindValues,
    SpanAttributes,
)
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import Tracer

from rag_tutorials.schema import RetrievalResult
from rag_tutorials.tracing import (
    ATTR_RETRIEVAL_DOCUMENT_COUNT,
    ATTR_RETRIEVAL_TOP_K,
    build_traced_rag_pipeline,
    traced_generation,
    traced_retrieval,
)

TARGET = 1.10
MODEL = "gpt-4.1-mini"
QUESTION = "How many days may an employee work from abroad?"
RESULTS = [
    RetrievalResult(f"international-work-{n:02}", 0.9 - n / 10, "dense", "Fourteen days. " * 30)
    for n in range(5)
]
CONTEXT = [result.text for result in RESULTS]
TEXT = OpenInferenceMimeTypeValues.TEXT.value
JSON = OpenInferenceMimeTypeValues.JSON.value
KIND = SpanAttributes.OPENINFERENCE_SPAN_KIND


class Discard(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def retrieve(question: str, top_k: int = 5) -> list[RetrievalResult]:
    return RESULTS[:top_k]


def answer(question: str, context: list[str]) -> str:
    return "Fourteen days in a calendar year."


def by_hand(tracer: Tracer) -> dict[str, Callable[[], object]]:
    """The same spans as somebody writes them who wraps nothing."""

    def retrieval(question: str, top_k: int = 5) -> list[RetrievalResult]:
        with tracer.start_as_current_span(
            "retrieval", attributes={KIND: OpenInferenceSpanKindValues.RETRIEVER.value}
        ) as span:
            span.set_attributes(
                {
                    SpanAttributes.INPUT_VALUE: question,
                    SpanAttributes.INPUT_MIME_TYPE: TEXT,
                    ATTR_RETRIEVAL_TOP_K: top_k,
                }
            )
            results = retrieve(question, top_k=top_k)
            attributes = {
                ATTR_RETRIEVAL_DOCUMENT_COUNT: len(results),
                SpanAttributes.OUTPUT_VALUE: json.dumps(
                    [{"id": result.chunk_id, "score": result.score} for result in results],
                    ensure_ascii=False,
                ),
                SpanAttributes.OUTPUT_MIME_TYPE: JSON,
            }
            for index, result in enumerate(results):
                prefix = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.{index}"
                attributes[f"{prefix}.{DocumentAttributes.DOCUMENT_ID}"] = result.chunk_id
                attributes[f"{prefix}.{DocumentAttributes.DOCUMENT_CONTENT}"] = result.text
                attributes[f"{prefix}.{DocumentAttributes.DOCUMENT_SCORE}"] = result.score
                attributes[f"{prefix}.{DocumentAttributes.DOCUMENT_METADATA}"] = json.dumps(
                    {"source": result.source}
                )
            span.set_attributes(attributes)
            return results

    def generation(question: str, context: list[str]) -> str:
        with tracer.start_as_current_span(
            "generation",
            attributes={
                KIND: OpenInferenceSpanKindValues.LLM.value,
                SpanAttributes.LLM_MODEL_NAME: MODEL,
            },
        ) as span:
            span.set_attributes(
                {
                    SpanAttributes.INPUT_VALUE: json.dumps(
                        {"question": question, "context": context}, ensure_ascii=False
                    ),
                    SpanAttributes.INPUT_MIME_TYPE: JSON,
                }
            )
            text = answer(question, context)
            span.set_attributes(
                {SpanAttributes.OUTPUT_VALUE: text, SpanAttributes.OUTPUT_MIME_TYPE: TEXT}
            )
            return text

    def pipeline(question: str) -> str:
        with tracer.start_as_current_span(
            "rag-pipeline", attributes={KIND: OpenInferenceSpanKindValues.CHAIN.value}
        ) as span:
            span.set_attributes(
                {SpanAttributes.INPUT_VALUE: question, SpanAttributes.INPUT_MIME_TYPE: TEXT}
            )
            results = retrieval(question, top_k=5)
            text = generation(question, [result.text for result in results])
            span.set_attributes(
                {SpanAttributes.OUTPUT_VALUE: text, SpanAttributes.OUTPUT_MIME_TYPE: TEXT}
            )
            return text

    return {
        "retrieval": lambda: retrieval(QUESTION, top_k=5),
        "generation": lambda: generation(QUESTION, CONTEXT),
        "pipeline": lambda: pipeline(QUESTION),
    }


def wrapped(tracer: Tracer) -> dict[str, Callable[[], object]]:
    retrieval = traced_retrieval(retrieve, tracer)
    generation = traced_generation(answer, tracer, MODEL)
    pipeline = build_traced_rag_pipeline(
        retriever=retrieve, answer_fn=answer, tracer=tracer, model_name=MODEL
    )
    return {
        "retrieval": lambda: retrieval(QUESTION, top_k=5),
        "generation": lambda: generation(QUESTION, CONTEXT),
        "pipeline": lambda: pipeline(QUESTION),
    }


def make_tracer(kind: str, exporter: SpanExporter) -> Tracer:
    sampler = ALWAYS_OFF if kind == "not sampled" else ALWAYS_ON
    provider: TracerProvider = (
        TracerProvider(sampler=sampler, span_limits=SpanLimits(max_span_attributes=10_000))
        if kind == "OpenTelemetry SDK"
        else OpenInferenceTracerProvider(sampler=sampler)
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("bench")


def left_spans(calls: Callable[[Tracer], dict[str, Callable[[], object]]], kind: str) -> list:
    exporter = InMemorySpanExporter()
    for call in calls(make_tracer(kind, exporter)).values():
        call()
    return [(span.name, dict(span.attributes or {})) for span in exporter.get_finished_spans()]


def block(call: Callable[[], object], calls: int) -> float:
    """Seconds that one call took, on average over a block of calls."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], blocks: int, calls: int
) -> tuple[float, float, list[float]]:
    """Median seconds of a call on both sides and the quartiles of the paired ratios."""
    block(ours, calls), block(theirs, calls)
    pairs = []
    for index in range(blocks):
        if index % 2:
            mine = block(ours, calls)
            other = block(theirs, calls)
        else:
            other = block(theirs, calls)
            mine = block(ours, calls)
        pairs.append((mine, other))
    ratios = statistics.quantiles([mine / other for mine, other in pairs], n=4)
    medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return medians[0], medians[1], ratios


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=200, help="pairs of blocks")
    parser.add_argument("--calls", type=int, default=100, help="calls in a block")
    options = parser.parse_args()

    worst = 0.0
    gc.disable()  # a collection would hit one block of a pair
    print(f"{options.blocks} pairs of blocks of {options.calls} calls; ratio: wrapped / by hand")
    print(f"{'tracer':18} {'call':11} {'wrapped':>9} {'by hand':>9} {'ratio':>6}  quartiles")
    for kind in ("OpenTelemetry SDK", "OpenInference", "not sampled"):
        if left_spans(wrapped, kind) != left_spans(by_hand, kind):
            print(f"{kind}: the two sides leave different spans, nothing to compare")
            return 1
        tracer = make_tracer(kind, Discard())
        ours, theirs = wrapped(tracer), by_hand(tracer)
        for name in ours:
            gc.collect()
            mine, other, (low, ratio, high) = compare(
                ours[name], theirs[name], options.blocks, options.calls
            )
            worst = max(worst, ratio)
            print(
                f"{kind:18} {name:11} {mine * 1e6:6.1f} us {other * 1e6:6.1f} us {ratio:6.3f}  "
                f"{low:.3f} to {high:.3f}"
            )
    verdict = "met" if worst <= TARGET else "missed"
    print(f"largest ratio {worst:.3f}, target {TARGET:.2f} or less: {verdict}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
