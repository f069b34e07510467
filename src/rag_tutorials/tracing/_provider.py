"""The global tracer provider: where spans go, and under which names."""

import atexit
import inspect
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from openinference.instrumentation import TraceConfig
from openinference.instrumentation import TracerProvider as OpenInferenceTracerProvider
from openinference.semconv.resource import ResourceAttributes
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from rag_tutorials.tracing._delivery import WholeSpanExporter, protect_exports
from rag_tutorials.tracing._values import whole

TRACES_PATH = "/v1/traces"


def configure_tracing(
    endpoint: str | None = None,
    service_name: str = "rag-tutorials",
    exporter: SpanExporter | None = None,
    *,
    project_name: str | None = None,
    headers: Mapping[str, str] | None = None,
    api_key: str | None = None,
    batch: bool = False,
) -> TracerProvider:
    """Set the global tracer provider up: spans go to the console, an endpoint or an exporter.

    A cell that calls this can be run again. The provider stays the same, so tracers made earlier
    follow: their next spans carry the new names and go to the new place only; processors of the
    earlier call, and any added to the provider since, are flushed and shut down.

    If somebody else has set a provider, ``phoenix.otel.register()`` for instance, OpenTelemetry
    refuses another. Spans then go on to its exporters and, in addition, to the place given here;
    a warning says so. Names and limits stay those of that provider.

    Each span arrives whole and none is lost over another's value, whoever made it: a lone
    surrogate anywhere in it is replaced, bytes become text, an int of over 64 bits its digits.
    The exporters of a provider that somebody else has set get their spans so too.

    The provider is OpenInference's: 10,000 attributes a span, where OpenTelemetry's default of
    128 drops some silently, and masking by OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS
    and the like, read at each call for the tracers made after it.

    Args:
        endpoint: URL of an OTLP/HTTP receiver. If its path does not end in ``/traces`` it is a base
            URL, and ``/v1/traces`` is appended: ``http://localhost:6006`` and
            ``https://app.phoenix.arize.com/s/<space>`` are right. None: the console (stdout).
            OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_TIMEOUT hold for an endpoint too.
        service_name: The resource's service.name.
        exporter: A span exporter in place of an endpoint. It is shut down with its processor,
            except when the next call is given the same one.
        project_name: The Phoenix project, the resource's openinference.project.name. None:
            Phoenix files the spans under "default".
        headers: HTTP headers for the endpoint. Their values are never printed.
        api_key: Sent to the endpoint as ``authorization: Bearer <api_key>``, as a hosted Phoenix
            expects. Never printed. Empty means none.
        batch: False exports each span as it ends, before the program goes on: right for
            learning. True collects spans and exports them from a thread: right for production.
            Call ``force_flush()`` on the provider before you look for them.

    Returns:
        The global tracer provider.

    Raises:
        ValueError: If endpoint and exporter are both given, if headers or api_key come without an
            endpoint, or if the endpoint, a header or the api_key is malformed.
        RuntimeError: If the provider that somebody else has set takes no span processors.
    """
    target = _span_exporter(endpoint, exporter, headers, api_key)
    names = {SERVICE_NAME: whole(service_name)}
    if project_name is not None:
        names[ResourceAttributes.PROJECT_NAME] = whole(project_name)
    resource = Resource.create(names)

    with _lock:
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):  # none is set yet
            provider = _Provider(resource)
            _outputs[provider] = provider.outputs
            trace.set_tracer_provider(provider)
        elif isinstance(provider, _Provider):
            provider.renew(resource)
        elif isinstance(provider, TracerProvider):
            _attach(provider)
        else:
            raise RuntimeError(
                f"The global tracer provider is a {type(provider).__qualname__} set by somebody "
                "else, and it takes no span processors: restart Python and call "
                "configure_tracing first."
            )
        _outputs[provider].replace(target, batch=batch)
    return provider


def get_tracer(name: str) -> trace.Tracer:
    """A tracer of the global provider; ``name`` is the instrumentation scope of its spans.

    Called before configure_tracing it works as well: its spans are recorded from that call on.
    """
    return trace.get_tracer(name)


class _Console(ConsoleSpanExporter):
    """Writes to the stdout of the moment, so that redirect_stdout and %%capture hold."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.out = sys.stdout
        return super().export(spans)


class _Outputs(SynchronousMultiSpanProcessor):
    """The processors of the latest configure_tracing call, replaced as a whole by the next."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._closed = False
        atexit.register(self.shutdown)  # a batch that is waiting still leaves

    def replace(self, exporter: SpanExporter, *, batch: bool) -> None:
        target = WholeSpanExporter(exporter)
        processor = BatchSpanProcessor(target) if batch else SimpleSpanProcessor(target)
        with self._lock:
            retired, self._span_processors = self._span_processors, (processor,)
            was_closed, self._closed = self._closed, False
        if was_closed:
            return
        for old in retired:
            held = getattr(old, "span_exporter", None)
            if held is exporter:  # of a processor that the caller added
                old.force_flush()  # a shutdown would close the exporter that is to go on
                continue
            if isinstance(held, WholeSpanExporter):
                held.lent = held.exporter is exporter
            old.shutdown()

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            super().shutdown()


class _Provider(OpenInferenceTracerProvider):
    """The provider made here. Later calls change its names and outputs, never the object."""

    def __init__(self, resource: Resource) -> None:
        self.outputs = _Outputs()
        super().__init__(
            resource=resource, active_span_processor=self.outputs, shutdown_on_exit=False
        )

    def renew(self, resource: Resource) -> None:
        # The SDK has no public way to rename a provider; its own after-fork update does the same.
        with self._tracers_lock:
            self._resource = resource
            for tracer in self._tracers.values():
                tracer.resource = resource
        self._oi_trace_config = TraceConfig()


_lock = threading.Lock()
_outputs: WeakKeyDictionary[TracerProvider, _Outputs] = WeakKeyDictionary()


def _attach(provider: TracerProvider) -> None:
    """Add our outputs to somebody else's provider, once, beside its own."""
    if provider in _outputs:
        return
    protect_exports(provider)
    outputs = _Outputs()
    # Phoenix's provider gives up its own exporter for an added one unless told otherwise.
    keep = "replace_default_processor"
    takes_keep = keep in inspect.signature(provider.add_span_processor).parameters
    provider.add_span_processor(outputs, **({keep: False} if takes_keep else {}))
    _outputs[provider] = outputs
    warnings.warn(
        f"A tracer provider is set already ({type(provider).__module__}), and OpenTelemetry "
        "allows one: its spans go where they went before and, from now on, also where this call "
        "says. To have configure_tracing alone, restart Python and call it first.",
        stacklevel=3,
    )


def _span_exporter(
    endpoint: str | None,
    exporter: SpanExporter | None,
    headers: Mapping[str, str] | None,
    api_key: str | None,
) -> SpanExporter:
    if endpoint is not None and exporter is not None:
        raise ValueError("Give configure_tracing an endpoint or an exporter, not both.")
    if endpoint is None and (headers or api_key):
        raise ValueError("headers and api_key need an endpoint to be sent to.")
    if exporter is not None:
        return exporter
    if endpoint is None:
        return _Console()
    return OTLPSpanExporter(_traces_url(endpoint), headers=_headers(headers or {}, api_key))


def _traces_url(endpoint: str) -> str:
    url = urlsplit(endpoint.strip())
    if url.scheme not in ("http", "https") or not url.hostname:
        # The value is not repeated: it may hold a password.
        raise ValueError(
            "The endpoint is no http:// or https:// URL: give one such as http://localhost:6006."
        )
    path = url.path.rstrip("/")
    if not path.endswith("/traces"):
        path += TRACES_PATH
    return urlunsplit(url._replace(path=path))


def _headers(headers: Mapping[str, str], api_key: str | None) -> dict[str, str]:
    """Headers with lower-case names; errors name a header and never repeat its value."""
    checked = {name.lower(): value.strip() for name, value in headers.items()}
    if api_key and (key := api_key.strip()):
        if "authorization" in checked:
            raise ValueError("Give an api_key or an authorization header, not both.")
        checked["authorization"] = f"Bearer {key}"
    for name, value in checked.items():
        # Sent as it is, such a value would appear in the HTTP client's error message.
        if not (value.isascii() and value.isprintable()):
            raise ValueError(
                f"The header {name!r} (or the api_key) holds a line break or a character "
                "outside ASCII: copy it again."
            )
    return checked
