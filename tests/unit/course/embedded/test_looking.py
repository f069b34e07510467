"""Why is nothing in Phoenix: each cause seen from outside has a sentence and a remedy."""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from rag_tutorials.course.embedded import looking, running
from rag_tutorials.course.embedded.finding import Finding
from rag_tutorials.course.embedded.looking import database, look, revisions
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import DATABASE, LOCK, Storage


def wrong(traces: Path, environ: Mapping[str, str] = {}) -> list[Finding]:
    found = [finding for finding in look(traces, environ) if not finding.ok]
    assert all(finding.text and finding.remedy for finding in found)
    return found


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """A folder of traces with one good database."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "phoenix" / "01_manual_spans"
    folder.mkdir(parents=True)
    make(folder, next(iter(revisions())))
    return folder.parent


def make(folder: Path, revision: str | None) -> None:
    with sqlite3.connect(folder / DATABASE) as opened:
        opened.execute("CREATE TABLE alembic_version (version_num TEXT)")
        opened.execute("CREATE TABLE traces (id INTEGER, text TEXT)")
        opened.executemany("INSERT INTO traces VALUES (?, ?)", [(n, "x" * 900) for n in range(60)])
        if revision:
            opened.execute("INSERT INTO alembic_version VALUES (?)", [revision])
    opened.close()


def test_the_revisions_of_the_installed_phoenix_are_known() -> None:
    assert len(revisions()) > 20


def test_nothing_is_wrong_with_a_good_folder_or_with_none(traces: Path) -> None:
    assert wrong(traces) == []
    told = [finding.text for finding in look(traces, {})]
    assert told[0].startswith("none runs now")
    assert told[1].startswith("01_manual_spans: 60 traces, 0.1 MB")
    assert wrong(traces.parent / "none") == []


def garbage(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database" * 1000)


def cut_short(folder: Path) -> None:
    os.truncate(folder / DATABASE, (folder / DATABASE).stat().st_size // 2 // 4096 * 4096)


def half_made(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE) as opened:
        opened.execute("DELETE FROM alembic_version")
    opened.close()


def newer(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE) as opened:
        opened.execute("UPDATE alembic_version SET version_num = 'fffffffffff0'")
    opened.close()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (garbage, "file is not a database"),
        (cut_short, "malformed"),
        (half_made, "half made, by a start that was interrupted"),
        (newer, "written by a newer Phoenix"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(traces: Path, damage: object, told: str) -> None:
    assert callable(damage)
    folder = traces / "01_manual_spans"
    damage(folder)
    before = (folder / DATABASE).read_bytes()
    (finding,) = wrong(traces)
    assert told in finding.text or (damage is cut_short and "damaged" in finding.text)
    assert finding.text.startswith("01_manual_spans: ")
    assert "kept under another name" in finding.remedy
    assert (folder / DATABASE).read_bytes() == before  # looking changes nothing


def test_an_empty_database_is_no_fault(traces: Path) -> None:
    (traces / "01_manual_spans" / DATABASE).write_bytes(b"")
    assert wrong(traces) == []


def test_a_kernels_database_is_not_opened(traces: Path) -> None:
    folder = traces / "01_manual_spans"
    garbage(folder)
    with FileLock(folder / LOCK):
        finding = database(folder)
    assert (finding.ok, finding.text) == (True, "01_manual_spans: in use by its kernel")


def test_a_database_that_another_program_holds_is_named(traces: Path) -> None:
    with sqlite3.connect(traces / "01_manual_spans" / DATABASE) as opened:
        opened.execute("BEGIN EXCLUSIVE")
        (finding,) = wrong(traces)
    opened.close()
    assert "another program holds the database" in finding.text


@pytest.mark.skipif(os.name == "nt", reason="there are no such modes")
def test_what_others_may_read_is_named(traces: Path) -> None:
    traces.parent.chmod(0o755)
    (finding,) = wrong(traces)
    assert finding.name == "privacy"
    traces.chmod(0o700)
    assert len(wrong(traces)) == 1  # the folders in it
    shutil.rmtree(traces)
    traces.mkdir(mode=0o700)
    assert wrong(traces) == []


def test_a_full_disk_is_named(traces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "DISK_TO_RUN", 10**18)
    (finding,) = wrong(traces)
    assert "GB free" in finding.text


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"OTEL_SDK_DISABLED": "True"}, ["SDK"]),
        ({"OTEL_SDK_DISABLED": "false"}, []),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, ["sampler"]),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, []),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, ["sampler"]),
        ({"PHOENIX_COLLECTOR_ENDPOINT": "http://elsewhere:6006"}, ["address"]),
        ({"HTTP_PROXY": "http://proxy:3128"}, ["proxy"]),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "localhost, 127.0.0.1"}, []),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, []),
        (
            {
                "HTTP_PROXY": "http://proxy:3128",
                "OTEL_SDK_DISABLED": "true",
                "OTEL_TRACES_SAMPLER": "always_off",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere:4318",
            },
            ["address", "sampler", "SDK", "proxy"],
        ),
    ],
)
def test_variables_are_named_in_the_order_of_the_question(
    tmp_path: Path, environ: dict[str, str], names: list[str]
) -> None:
    found = wrong(tmp_path / "none", environ)
    assert [finding.name for finding in found] == names
    assert "elsewhere" not in str(found)  # an address may hold a secret


@pytest.fixture
def phoenix(traces: Path) -> Iterator[dict[str, int] | None]:
    """What a Phoenix that was noted answers about its projects; to be filled by a test."""
    held: dict[str, int] = {}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("x-phoenix-server-version", "0")  # by which Phoenix is known
            self.end_headers()

        def do_POST(self) -> None:
            edges = [{"node": {"name": name, "traceCount": n}} for name, n in held.items()]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": {"projects": {"edges": edges}}}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = EmbeddedPhoenix(Storage(traces / "01_manual_spans", FileLock(traces / "unused")))
        here.port = server.server_address[1]
        running.note(here)
        yield held
        server.shutdown()


def test_projects_of_a_running_phoenix_are_told(traces: Path, phoenix: dict[str, int]) -> None:
    phoenix |= {"default": 0, "01_manual_spans": 7}
    assert wrong(traces) == []
    assert "has traces of 01_manual_spans: 7" in next(iter(look(traces, {}))).text


def test_a_running_phoenix_without_traces_leads_to_the_notebook(
    traces: Path, phoenix: dict[str, int]
) -> None:
    phoenix |= {"default": 0}
    (finding,) = wrong(traces)
    assert "nothing has reached the Phoenix of 01_manual_spans" in finding.text
    assert "course.doctor()" in finding.remedy
