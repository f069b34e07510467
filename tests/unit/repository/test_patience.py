"""The tests on a machine that is three times too busy: they wait longer than httpx does."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[2]
ASKING = {
    f"httpx.{name}" for name in ("get", "post", "put", "patch", "delete", "request", "Client")
}
OWN = {"timeout", "transport", None}  # a transport of the test's own needs no time; None is **


def impatient(source: str) -> list[int]:
    """Return the lines on which httpx is asked without a timeout; its own is 5 seconds."""
    return [
        call.lineno
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ASKING
        and not OWN & {keyword.arg for keyword in call.keywords}
    ]


def test_what_is_impatient_is_found() -> None:
    assert impatient("import httpx\nhttpx.get('u')\nhttpx.get('u', timeout=9)\nget('u')") == [2]


def test_whoever_asks_says_how_long_they_wait() -> None:
    found = {file: impatient(file.read_text("utf-8")) for file in TESTS.rglob("*.py")}
    assert len(found) > 100
    assert {file: lines for file, lines in found.items() if lines} == {}
