"""Phoenix: its settings, ports and database; its client; ``register``."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from messages import Said, closed_port, folder, output, taken_port
from rag_tutorials.course import prepare
from rag_tutorials.course.embedded import environment
from rag_tutorials.course.embedded.fast_imports import fast_imports
from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.prepare import Course

_FIRST_PORT = 7100
FOLDER = folder()

environment.remove_foreign()
environment.keep_quiet()
os.environ["PHOENIX_WORKING_DIR"] = str(FOLDER)
os.environ["PHOENIX_GRPC_PORT"] = "0"
with fast_imports():
    import phoenix as px
    from phoenix.client import Client
    from phoenix.client.types.spans import SpanQuery
    from phoenix.otel import register
    from phoenix.server import main as server
    from phoenix.server import thread_server

px.server.app.GrpcServer = functools.partial(px.server.app.GrpcServer, disabled=True)
_clock = thread_server.time
thread_server.time = lambda: _clock() / 24  # five seconds to start are too few on a busy machine


@contextlib.contextmanager
def _with(**variables: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def _launch(**variables: str) -> Any:
    variables = {"PHOENIX_PORT": str(free_port(_FIRST_PORT)), **variables}
    with _with(**variables):
        return px.launch_app(use_temp_dir=False)


def _database(name: str) -> dict[str, str]:
    return {"PHOENIX_SQL_DATABASE_URL": f"sqlite:///{FOLDER / name}.db"}


def _running() -> str:
    return str((px.active_session() or _launch()).url).rstrip("/")


# Before one runs


def setting_not_a_number() -> None:
    _launch(PHOENIX_PORT="http://localhost:6006")


def port_taken() -> None:
    with taken_port() as port:
        _launch(PHOENIX_PORT=str(port))


address_in_use = port_taken


def no_session() -> None:
    with taken_port() as port:
        _launch(PHOENIX_PORT=str(port)).url  # noqa: B018


def grpc_port_taken() -> None:
    with socket.socket() as holder, pytest.MonkeyPatch.context() as patch:
        holder.bind(("", 0))  # of all interfaces, as Phoenix does; nothing listens
        patch.setattr(px.server.app, "GrpcServer", px.server.app.GrpcServer.func)
        _launch(PHOENIX_GRPC_PORT=str(holder.getsockname()[1]))


def start_too_slow() -> None:
    with pytest.MonkeyPatch.context() as patch:  # a clock too fast is a machine too slow
        patch.setattr(thread_server, "time", lambda: _clock() * 10_000)
        _launch(**_database("slow"))  # its server may start all the same


def unknown_database() -> None:
    _launch(PHOENIX_SQL_DATABASE_URL="mysql://localhost/traces")


def postgres_in_a_notebook() -> None:
    _launch(PHOENIX_SQL_DATABASE_URL="postgresql://localhost/traces")


def _serve(**variables: str) -> None:
    with _with(**variables), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["phoenix", "serve"])
        server.main()


def auth_not_true_or_false() -> None:
    _serve(PHOENIX_ENABLE_AUTH="yes")


def secret_missing() -> None:
    _serve(PHOENIX_ENABLE_AUTH="true")


def secret_too_short() -> None:
    _serve(PHOENIX_ENABLE_AUTH="true", PHOENIX_SECRET="secret")


def database_newer() -> None:
    newer = _database("newer")
    _launch(**newer)
    px.close_app()
    with contextlib.closing(sqlite3.connect(FOLDER / "newer.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        database.commit()
    _launch(**newer)


migration_failed = database_newer


def database_damaged() -> None:
    (FOLDER / "damaged.db").write_bytes(b"no database" * 1000)
    _launch(**_database("damaged"))


# While one runs


def port_argument() -> None:
    px.launch_app(port=free_port(_FIRST_PORT))


def launched_twice() -> None:
    _launch(PHOENIX_COLLECTOR_ENDPOINT="http://localhost:6006")


collector_endpoint_set = launched_twice


def _send(endpoint: str, **headers: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint, headers=headers)))
    provider.get_tracer("messages").start_span("one").end()


def export_405() -> None:
    _send(_running())


def logs_405() -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = OTLPLogExporter(f"{_running()}/v1/logs")
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("messages").emit(event_name="one")


def export_415() -> None:
    _send(f"{_running()}/v1/traces", **{"Content-Type": "application/json"})


def project_missing() -> None:
    Client(base_url=_running()).spans.get_spans(project_identifier="no-such-project")


def condition_refused() -> None:
    query = SpanQuery().where("span_kind = 'LLM'")
    Client(base_url=_running()).spans.get_spans_dataframe(query=query, project_identifier="default")


def annotation_without_span() -> None:
    Client(base_url=_running()).spans.add_span_annotation(
        annotation_name="correct", span_id="0" * 16, annotator_kind="HUMAN", label="yes", sync=True
    )


def annotation_empty() -> None:
    Client(base_url=_running()).spans.add_span_annotation(
        annotation_name="correct", span_id="0" * 16, annotator_kind="HUMAN"
    )


def dataset_missing() -> None:
    Client(base_url=_running()).datasets.get_dataset(dataset="no-such-dataset")


def prompt_missing() -> None:
    Client(base_url=_running()).prompts.get(prompt_identifier="no-such-prompt")


def client_refused() -> None:
    with closed_port() as port:
        Client(base_url=f"http://127.0.0.1:{port}").projects.list()


def client_without_scheme() -> None:
    Client(base_url="localhost:6006").projects.list()


def protocol_unknown() -> None:
    register(endpoint=f"{_running()}/v1/traces", protocol="http")  # type: ignore[arg-type]


def protocol_not_inferred() -> None:
    register(
        endpoint=f"{_running()}/traces", set_global_tracer_provider=False, verbose=False
    ).shutdown()


# In the course


@functools.cache
def _course() -> Course:
    px.close_app()
    with closed_port() as port:
        os.environ |= {
            "COURSE_LLM": "stub",
            "COURSE_STATE_DIR": str(FOLDER / "state"),
            "OTEL_SDK_DISABLED": "true",
            "PHOENIX_PORT": str(port),
        }
    return prepare("00_start_here")


def settings_ignored() -> list[Said]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        course = _course()
        (course.traces_folder / "phoenix.db").write_bytes(b"no database" * 1000)
        with socket.create_server(("127.0.0.1", course.port)):
            px.launch_app(use_temp_dir=False)
    return output("rag_tutorials", printed.getvalue())


traces_set_aside = settings_ignored
taken_meanwhile = settings_ignored


def spans_missing() -> None:
    _course().read_back("0" * 31 + "1", timeout=0.1)
