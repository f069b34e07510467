"""The class's Phoenix as a program: who reaches it, how it ends, what it keeps to itself."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import _class
import _cli
import httpx
import psutil
import pytest
from served_class import LAST_LINE, Class, Program, eventually, message, send
from several_phoenix import MissingProgramError, nginx_check, postgresql

from rag_tutorials.classroom.instructor import server
from rag_tutorials.classroom.instructor.place import ADMIN, ClassPlace, Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class")]
ROOT = Path(__file__).parents[4]
DEFAULT_PORT = _cli._parser().parse_args(["class", "serve"]).port
PASSWORD = "s:e/c@r e%t"
QUOTED = "s%3Ae%2Fc%40r%20e%25t"


def test_it_asks_for_a_key_tells_no_secret_and_listens_on_one_port_alone(served: Class) -> None:
    url = served.place.server().url
    assert httpx.get(f"{url}/v1/projects", timeout=120).status_code == 401
    assert httpx.get(f"{url}/v1/projects", headers=served.admin, timeout=120).status_code == 200
    secrets = served.place.secrets()
    login = {"email": ADMIN, "password": secrets.password}
    assert httpx.post(f"{url}/auth/login", json=login, timeout=120).status_code == 204
    connections = psutil.Process(served.pid).net_connections()
    listening = [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]
    assert listening == [served.port]  # not gRPC's


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes of files.")
def test_what_it_writes_while_it_runs_is_this_users_alone(served: Class) -> None:
    assert (served.place.phoenix / "phoenix.db").exists()
    open_to_others = []
    for path in served.place.folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # SQLite takes its files away again
            open_to_others += [path] if path.stat().st_mode & 0o077 else []
    assert open_to_others == []


def test_many_logins_of_one_address_are_no_attack_and_many_wrong_ones_are(served: Class) -> None:
    url = f"{served.place.server().url}/auth/login"
    right = {"email": ADMIN, "password": served.place.secrets().password}
    assert {httpx.post(url, json=right, timeout=120).status_code for _ in range(20)} == {204}
    wrong = {"email": "nobody@example.org", "password": "x"}
    assert {httpx.post(url, json=wrong, timeout=120).status_code for _ in range(10)} == {401, 429}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become another user"
)
def test_another_user_of_the_machine_reaches_it(served: Class) -> None:
    asks = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=60).status)"
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", asks, f"{served.place.server().url}/healthz"],
        user="nobody",
        cwd="/",
        env={"PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "not found" in done.stderr or "No such file" in done.stderr or "denied" in done.stderr:
        pytest.skip("no Python here is for other users")
    assert done.stdout == "200\n", done.stderr


def test_a_second_serve_of_the_class_is_refused(served: Class) -> None:
    with served.serve() as second:
        second.wait_for(f"This class is served already at {served.place.server().url}")
        assert second.process.wait(60) == 1
    assert len(second.lines) == 1


def test_a_taken_port_is_one_sentence(served: Class, tmp_path: Path) -> None:
    other = Class(tmp_path)
    with other.serve(port=served.port) as program:
        program.wait_for(f"The class cannot be served at port {served.port} of 127.0.0.1")
        assert program.process.wait(60) == 1
    assert len(program.lines) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"port": 0}, "0 is no port"),
        ({"port": 70_000}, "70000 is no port"),
        ({"host": "no such host"}, "This machine has no address 'no such host'"),
        ({"host": "203.0.113.77"}, "cannot be served at port"),
        ({"url": "class.example.org"}, "--url takes the address"),
        ({"url": "https://class.example.org/path"}, "--url takes the address"),
        ({"url": "https://ada:secret@class.example.org"}, "--url takes the address"),
        ({"database": "mysql://secret@h/d"}, "--database takes postgresql://"),
        ({"database": "postgresql://u@h"}, "--database takes postgresql://"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    tmp_path: Path, options: dict[str, str | int], sentence: str
) -> None:
    refused = Class(tmp_path)
    done = refused.run(
        "serve",
        **{"host": "127.0.0.1", "port": refused.port, "database": None, "url": None} | options,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("asyncpg")
    monkeypatch.setenv(server.PASSWORD, PASSWORD)
    one = Class(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        database = f"postgresql://ada@127.0.0.1:{closed.getsockname()[1]}/phoenix"
        done = one.run("serve", host="127.0.0.1", port=one.port, database=database, url=None)
    assert done.returncode == 1
    assert f"The database {database} cannot be used (ConnectionRefusedError" in done.stderr
    assert PASSWORD not in done.stderr + done.stdout
    assert QUOTED not in done.stderr + done.stdout


def test_without_the_driver_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = server.importlib.util.find_spec
    monkeypatch.setattr(
        server.importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "asyncpg" else find(name, *rest),
    )
    one = Class(tmp_path)
    done = one.run(
        "serve", host="127.0.0.1", port=one.port, database="postgresql://u@h/d", url=None
    )
    assert done.returncode == 1
    assert "with the package asyncpg, which is not installed; run `python scripts/course.py" in (
        done.stderr
    )


def test_a_database_that_is_none_is_left_as_it_is(tmp_path: Path) -> None:
    one = Class(tmp_path)
    file = one.place.phoenix / "phoenix.db"
    file.write_bytes(b"no database at all\n" * 100)
    with one.serve() as program:
        program.wait_for(f"Phoenix did not start with {file} (")
        assert program.process.wait(60) == 1
    assert "file is not a database" in program.lines[-1]
    assert file.read_bytes() == b"no database at all\n" * 100


def test_addresses_are_as_they_are_reached(tmp_path: Path) -> None:
    place = ClassPlace(tmp_path)

    def settled(host: str, public: str | None = None) -> Server:
        return server._settled(place, host, 6060, None, public)

    own = "http://127.0.0.1:6060"
    assert settled("127.0.0.1") == Server(own, own, seen="http://localhost:6060")
    assert settled("::1").public == "http://[::1]:6060"
    assert settled("192.0.2.7").seen == "http://192.0.2.7:6060"
    everywhere = settled("0.0.0.0")
    assert everywhere.url == "http://127.0.0.1:6060"
    assert re.fullmatch(r"http://(?!0\.0\.0\.0)\S+:6060", everywhere.public)
    assert settled("127.0.0.1", "https://class.example.org/").public == "https://class.example.org"
    remembered = settled("127.0.0.1")
    assert remembered.public == remembered.seen == "https://class.example.org"


@pytest.mark.parametrize(
    ("url", "bare", "password"),
    [
        (f"postgresql://ada:{QUOTED}@h:5432/d", "postgresql://ada@h:5432/d", PASSWORD),
        ("postgresql://ada:pa@ss/word@h/d", "postgresql://ada@h/d", "pa@ss/word"),
        ("postgresql://ada@h/d?password=p%26w&ssl=true", "postgresql://ada@h/d?ssl=true", "p&w"),
        ("postgresql://ada@h/d", "postgresql://ada@h/d", ""),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql", ""),
    ],
)
def test_a_password_is_taken_out_of_a_url_whole(url: str, bare: str, password: str) -> None:
    assert _class.without_password(url) == (bare, password)


def test_a_password_is_put_back_as_phoenix_reads_it() -> None:
    from sqlalchemy import make_url

    made = make_url(server._with_password("postgres://ada@h:5432/d", PASSWORD))
    assert (made.drivername, made.username, made.password, made.host, made.database) == (
        "postgresql",
        "ada",
        PASSWORD,
        "h",
        "d",
    )
    assert make_url(server._with_password("postgresql:///d?host=/x", PASSWORD)).query == {
        "host": "/x",
        "password": PASSWORD,
    }


def test_nginx_takes_what_the_instructors_page_gives(tmp_path: Path) -> None:
    page = (ROOT / "notebooks" / "instructor" / "class.md").read_text("utf-8")
    [site] = re.findall(r"```nginx\n(.*?)```", page, flags=re.S)
    assert f"proxy_pass http://127.0.0.1:{DEFAULT_PORT};" in site
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl, which makes a certificate, is not on this machine")
    certificate, key = tmp_path / "class.pem", tmp_path / "class.key"
    makes = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*makes, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    site = site.replace("/etc/ssl/class.pem", str(certificate))
    site = site.replace("/etc/ssl/class.key", str(key))
    assert str(key) in site
    try:
        checked = nginx_check(tmp_path / "nginx", site)
    except MissingProgramError as missing:
        pytest.skip(str(missing))
    assert checked.returncode == 0, checked.stderr


def command(*arguments: str) -> list[str]:
    """Return a command of course.py, with the environment in which these tests run."""
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import _cli; from _setup import Checkout;"
        "Checkout.problem = lambda self: '';"
        "Checkout.python = property(lambda self: sys.executable);"
        "sys.exit(_cli.main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", code, str(ROOT / "scripts"), "class", *arguments]


def test_in_postgresql_too_everything_is_kept_and_the_password_to_itself(
    tmp_path: Path,
) -> None:
    """As a person runs it: with a password in the URL once, and then without."""
    pytest.importorskip("asyncpg", reason="asyncpg is missing: course.py setup --test")
    one = Class(tmp_path / "class")
    options = ["serve", "--folder", str(one.folder), "--port", str(one.port)]
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgresql(password=PASSWORD)).url
        except MissingProgramError as missing:
            pytest.skip(str(missing))
        given = url.replace("phoenix@", f"phoenix:{QUOTED}@")
        with Program(command(*options, "--database", given)) as program:
            program.wait_for(LAST_LINE)
            for process in (program.process.pid, *_children(program.process.pid)):
                shown = ""
                with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                    shown = " ".join(psutil.Process(process).cmdline())
                assert PASSWORD not in shown
                assert QUOTED not in shown
            ada = one.add("Ada Lovelace\n")["Ada Lovelace"]
            assert send(ada, message("ada-lovelace.01", 40)) == 200
            assert program.end("SIGTERM") == 0
            assert program.lines[-1] == "The class's Phoenix has ended; what it accepted is stored."
            said = "\n".join(program.lines)
        assert _files_with(one.folder, PASSWORD) == {"secrets.json"}
        assert not (one.folder / "phoenix" / "phoenix.db").exists()
        with Program(command(*options)) as program:
            program.wait_for(LAST_LINE)
            assert one.stored("ada-lovelace.01") == 40
            assert send(ada, message("ada-lovelace.01", 1)) == 200  # the old code is good
            eventually(lambda: one.stored("ada-lovelace.01") == 41)
            done = one.run("end", to=str(tmp_path / "out"), yes=True)
            assert done.returncode == 0, done.stderr
            assert program.end("SIGHUP") == 0
            said += "\n".join(program.lines)
        secrets = one.place.secrets()
        for secret in (PASSWORD, QUOTED, secrets.signing, secrets.admin, secrets.password):
            assert secret not in said


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _files_with(folder: Path, text: str) -> set[str]:
    return {
        file.name
        for file in folder.rglob("*")
        if file.is_file() and text in file.read_bytes().decode("utf-8", "replace")
    }
