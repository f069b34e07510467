"""Why is nothing in Phoenix? What stands between a span and its place there, in order."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.request import getproxies, proxy_bypass

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from rag_tutorials.course.embedded import asking, endpoints, mishaps
from rag_tutorials.course.embedded.finding import Finding
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.loopback import HOST

_REGISTER = "run the cell with register() at the top of this notebook again"


class Diagnosis:
    """What was found, as text and as a table, below a sentence on the first thing that is wrong."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings that something can be done about, the likeliest cause first."""
        return tuple(one for one in self.findings if one.remedy)

    @property
    def summary(self) -> str:
        """The answer in one sentence."""
        if not self.wrong:
            return "Nothing stands between a span and Phoenix."
        first = self.wrong[0]
        return f"Look at the {first.name}: {first.text}; {first.remedy}."

    def __repr__(self) -> str:
        lines = [self.summary]
        for one in self.findings:
            lines.append(f"{'!!' if one.remedy else 'ok'}  {one.name:<9} {one.text}")
            if one.remedy:
                lines.append(f"{'':14}-> {one.remedy}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'&#10007;' if one.remedy else '&#10003;'}</td>"
            f'<th scope="row" style="text-align:left">{html.escape(one.name)}</th>'
            f'<td style="text-align:left">{html.escape(one.text)}'
            + (f"<br><b>{html.escape(one.remedy)}</b>" if one.remedy else "")
            + "</td></tr>"
            for one in self.findings
        )
        return f"<p>{html.escape(self.summary)}</p><table>{rows}</table>"


def diagnose(phoenix: EmbeddedPhoenix, project: str) -> Diagnosis:
    """Look at all that may keep spans from this Phoenix; nothing is sent, nothing changed."""
    trouble = asking.trouble(phoenix.url)
    provider = trace.get_tracer_provider()
    return Diagnosis(
        (
            _address(phoenix, trouble),
            _project(None if trouble else asking.trace_counts(phoenix.url), project),
            _provider(phoenix, provider),
            _export(phoenix),
            _sampler(provider),
            _sdk(),
            _proxy(),
            _disk(phoenix),
        )
    )


def _address(phoenix: EmbeddedPhoenix, trouble: str | None) -> Finding:
    if trouble:
        remedy = "run the cell with launch_app() at the top of this notebook, then the one below it"
        return Finding("address", trouble, remedy)
    return Finding("address", f"Phoenix {phoenix.version} answers at {phoenix.url}")


def _project(traces: Mapping[str, int] | None, project: str) -> Finding:
    if traces is None:
        return Finding("project", "could not be looked at")
    others = [f"{name} ({count})" for name, count in traces.items() if count and name != project]
    if count := traces.get(project, 0):
        return Finding("project", f"{project} has traces: {count}")
    if others:
        return Finding(
            "project",
            f"{project} has no trace, but there are some in {', '.join(others)}",
            f'look there, or give register() project_name="{project}"',
        )
    return Finding("project", f"no project has a trace; this notebook's is {project}")


def _provider(phoenix: EmbeddedPhoenix, provider: Any) -> Finding:
    if not isinstance(provider, TracerProvider):
        return Finding("provider", "no tracer provider is set, so no span is recorded", _REGISTER)
    places = list(_places(provider))
    if not places:
        return Finding("provider", "the provider has no exporter", _REGISTER)
    if any(closed for _, closed in places):
        return Finding("provider", "the provider was shut down and exports no more", _REGISTER)
    if not any(endpoints.is_ours(place, phoenix) for place, _ in places):
        where = ", ".join(place for place, _ in places)
        return Finding("provider", f"the provider sends to {where}, not here", _REGISTER)
    return Finding("provider", f"the provider sends to {phoenix.otlp_endpoint}")


def _places(provider: TracerProvider) -> Iterator[tuple[str, bool]]:
    """Yield where a provider's exporters send, and whether each was shut down."""
    every = provider._active_span_processor
    waiting = list(getattr(every, "_span_processors", ()))
    while waiting:
        one = waiting.pop(0)
        waiting += getattr(one, "_span_processors", ())  # a processor made of several
        exporter = getattr(one, "span_exporter", None)
        exporter = getattr(exporter, "_exporter", exporter)  # one inside another
        endpoint = getattr(exporter, "_endpoint", None)
        if endpoint:
            yield mishaps.clean(str(endpoint)), bool(getattr(exporter, "_shutdown", False))


def _export(phoenix: EmbeddedPhoenix) -> Finding:
    if said := phoenix.mishaps.export:
        remedy = "if spans are missing since then, mend what it names and make them again"
        return Finding("export", f"the last failure of an exporter: {said}", remedy)
    return Finding("export", "no exporter has failed")


def _sampler(provider: Any) -> Finding:
    sampler = getattr(provider, "sampler", None)
    said = sampler.get_description() if sampler is not None else "none"
    of_roots = re.match(r"ParentBased\{root:(\w+)", said)  # the rest is for spans with a parent
    if re.match("AlwaysOff|TraceIdRatio", of_roots[1] if of_roots else said):
        return Finding(
            "sampler",
            f"the sampler lets traces go unrecorded ({said})",
            "restart the kernel and make the provider without this sampler",
        )
    return Finding("sampler", "every trace is recorded" if of_roots else said)


def _sdk() -> Finding:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Finding(
            "SDK",
            "OTEL_SDK_DISABLED is true, so no span is recorded",
            'del os.environ["OTEL_SDK_DISABLED"], restart the kernel and run the cells again',
        )
    return Finding("SDK", "is not disabled")


def _proxy() -> Finding:
    if "http" in getproxies() and not proxy_bypass(HOST):
        return Finding(
            "proxy",
            "HTTP_PROXY is set and NO_PROXY leaves this machine out, so spans go to the proxy",
            "run the cell with prepare() again, which adds this machine to NO_PROXY",
        )
    return Finding("proxy", "none stands between")


def _disk(phoenix: EmbeddedPhoenix) -> Finding:
    free = mishaps.free_bytes(phoenix.folder)
    if free < mishaps.FULL:
        return Finding(
            "disk",
            f"the disk that holds {phoenix.folder} is full",
            "free some space, then run the cells that make traces again",
        )
    if said := phoenix.mishaps.store:
        return Finding(
            "disk",
            f"Phoenix could not keep some spans: {said}",
            "run the cells that made them again",
        )
    return Finding("disk", f"{free / 1e9:.1f} GB free for {phoenix.folder}")
