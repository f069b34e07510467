"""``course.doctor()`` in a real kernel: why is nothing in Phoenix?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rag_tutorials.course.embedded.ports import free_port

from .conftest import OPENING, Kernel

pytestmark = pytest.mark.xdist_group("kernels")

WRONG = "[one.name for one in course.doctor().wrong]"
SPAN = "with tracer_provider.get_tracer('t').start_as_current_span('one') as span: pass"


def test_the_doctor_names_what_keeps_spans_from_phoenix(
    start_kernel: Callable[[Mapping[str, str]], Kernel], tmp_path: Path
) -> None:
    kernel = start_kernel({"COURSE_STATE_DIR": str(tmp_path), "PHOENIX_PORT": str(free_port())})
    assert not kernel.run(OPENING[0].format(name="00_start_here")).error
    assert kernel.ask(WRONG) == ["address", "provider"]
    assert not kernel.run(OPENING[1]).error
    assert kernel.ask(WRONG) == []
    kernel.run(SPAN)
    assert kernel.ask("course.read_back(span)[0].name") == "one"
    shown = kernel.run("course.doctor()").value
    assert shown.startswith("Nothing stands between a span and Phoenix.")
    assert "00_start_here has traces: 1" in shown

    dead = f"http://127.0.0.1:{free_port()}/v1/traces"
    kernel.run(f"""
        import os
        os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"
        from phoenix.otel import SimpleSpanProcessor
        tracer_provider.add_span_processor(SimpleSpanProcessor(endpoint={dead!r}))
        {SPAN}
        os.environ.update(OTEL_SDK_DISABLED="true", http_proxy="http://proxy:1")
        os.environ.update(NO_PROXY="", no_proxy="")
    """)
    assert kernel.ask(WRONG) == ["provider", "export", "SDK", "proxy"]
    assert f"the provider sends to {dead}, not here" in kernel.run("course.doctor()").value
    kernel.run("""
        from rag_tutorials.course.equipment.llm import keep_loopback_off_proxies
        keep_loopback_off_proxies()
        del os.environ["OTEL_SDK_DISABLED"]
    """)
    error = kernel.run("course.read_back(span, timeout=0.5)").error
    assert f"(none); the provider sends to {dead}, not here; run the cell with register()" in error
    assert not kernel.run(OPENING[1]).error  # which is the remedy
    kernel.run(SPAN)
    assert kernel.ask("course.read_back(span)[0].name") == "one"

    kernel.run("""
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
        tracer_provider.sampler = ALWAYS_OFF
    """)
    assert kernel.ask(WRONG) == ["export", "sampler"]
