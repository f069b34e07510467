"""Which LLM answers: a real one when the student gives a key or an endpoint, else the stub."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from dotenv import load_dotenv

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.stub_llm import StubLLM

_OPENAI_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_CHAT_MODEL",
    "OPENAI_EMBEDDING_MODEL",
)
_TRIAL_S = 2.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class LLMChoice:
    """The LLM that the notebook talks to. ``description`` never holds a key."""

    kind: str
    description: str
    stub: StubLLM | None = field(default=None, repr=False)


_started: dict[str, StubLLM] = {}


def shared_stub() -> StubLLM:
    """Return this kernel's stub, started on first use."""
    if "stub" not in _started:
        _started["stub"] = StubLLM.start()
    return _started["stub"]


def choose_llm(root: Path) -> LLMChoice:
    """Read ``.env``, decide, and set the variables that the OpenAI client reads.

    ``COURSE_LLM=stub`` forces the stub. Otherwise ``OPENAI_BASE_URL`` or ``OPENAI_API_KEY``
    selects a real endpoint. Otherwise the stub answers.

    Raises:
        CourseError: ``COURSE_LLM`` has a value that nobody knows, ``OPENAI_BASE_URL`` is no
            address, or ``OPENAI_API_KEY`` is no key.
    """
    load_dotenv(root / ".env", override=False)
    for name in _OPENAI_VARIABLES:
        # The client takes an empty OPENAI_BASE_URL for an address and fails on it.
        if value := os.environ.get(name, "").strip():
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
    keep_loopback_off_proxies()

    wanted = os.environ.get("COURSE_LLM", "").strip().lower()
    if wanted not in ("", "stub"):
        raise CourseError(
            f"COURSE_LLM is {wanted!r}; set it to `stub`, or remove it to let OPENAI_API_KEY or "
            "OPENAI_BASE_URL decide."
        )
    stub = _started.get("stub")
    base_url = os.environ.get("OPENAI_BASE_URL")
    if stub is not None and base_url == stub.base_url:
        base_url = None  # our own setting, from an earlier call in this kernel
    key = os.environ.get("OPENAI_API_KEY")
    real_key = key if key and key != "stub" else None

    if wanted != "stub" and (base_url or real_key):
        _judge(base_url, real_key)
        # Local servers ask for no key, but the client insists on one.
        os.environ.setdefault("OPENAI_API_KEY", "not-needed")
        where = f"the endpoint {_without_secrets(base_url)}" if base_url else "OpenAI"
        return LLMChoice("real", where)

    stub = shared_stub()
    os.environ["OPENAI_BASE_URL"] = stub.base_url
    os.environ["OPENAI_API_KEY"] = "stub"
    return LLMChoice("stub", "the course's stub (no key, no internet)", stub)


def require_listener(choice: LLMChoice) -> None:
    """Try once, for two seconds at most, whether somebody listens at ``OPENAI_BASE_URL``.

    Left out for the stub, for OpenAI itself, and where a proxy stands between.

    Raises:
        CourseError: nobody does.
    """
    url = urlsplit(os.environ.get("OPENAI_BASE_URL", ""))
    proxied = url.scheme in getproxies() and not proxy_bypass(url.hostname or "")
    if choice.kind == "stub" or not url.hostname or proxied:
        return
    address = (url.hostname, url.port or (443 if url.scheme == "https" else 80))
    trial = _Trial(address)
    trial.start()
    trial.join(_TRIAL_S)  # looking a name up has no time limit of its own
    if trial.error or trial.is_alive():
        cause = sentence_of(trial.error) if trial.error else f"no answer within {_TRIAL_S:g} s"
        raise CourseError(
            f"Nobody listens at the address in OPENAI_BASE_URL, {_without_secrets(url.geturl())} "
            f"({cause}); start the server, correct the variable, or set COURSE_LLM=stub to work "
            "with the course's stub, and restart the kernel."
        )


class _Trial(threading.Thread):
    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.error: OSError | None = None

    def run(self) -> None:
        try:
            socket.create_connection(self._address, _TRIAL_S).close()
        except OSError as error:
            self.error = error


def _judge(base_url: str | None, key: str | None) -> None:
    """Refuse what the client would fail on later; no value is repeated, for it may hold a secret.

    Raises:
        CourseError: with the variable and what is wrong with it.
    """
    if key and not (key.isascii() and key.isprintable() and not set(" \"'") & set(key)):
        raise CourseError(
            "OPENAI_API_KEY holds a blank, a quote, a line break or a character beyond ASCII, "
            "which no key has; copy it again, or remove it to work with the course's stub, and "
            "restart the kernel."
        )
    if base_url is None:
        return
    try:
        url = urlsplit(base_url)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port or 1)
    except ValueError:
        usable = False
    if not usable or any(letter.isspace() for letter in base_url):
        raise CourseError(
            "OPENAI_BASE_URL is no address that begins with http:// or https://, such as "
            "http://localhost:11434/v1; correct it, or remove it to work with the course's stub, "
            "and restart the kernel."
        )


def keep_loopback_off_proxies() -> None:
    """Add loopback to ``NO_PROXY``, so that a proxy never sees a trace or a prompt."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        missing = [host for host in _LOOPBACK if host not in hosts]
        os.environ[name] = ",".join([*hosts, *missing])


def _without_secrets(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return f"{scheme}{found}{rest.rpartition('@')[2].partition('?')[0]}"
