"""Which LLM answers: a real one when the student gives a key or an endpoint, else the stub."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import load_dotenv

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.stub_llm import StubLLM

_OPENAI_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_CHAT_MODEL",
    "OPENAI_EMBEDDING_MODEL",
)
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
        CourseError: ``COURSE_LLM`` has a value that nobody knows.
    """
    load_dotenv(root / ".env", override=False)
    for name in _OPENAI_VARIABLES:
        # The client takes an empty OPENAI_BASE_URL for an address and fails on it.
        if not os.environ.get(name, "x").strip():
            del os.environ[name]
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
        # Local servers ask for no key, but the client insists on one.
        os.environ.setdefault("OPENAI_API_KEY", "not-needed")
        where = f"the endpoint {_without_secrets(base_url)}" if base_url else "OpenAI"
        return LLMChoice("real", where)

    stub = shared_stub()
    os.environ["OPENAI_BASE_URL"] = stub.base_url
    os.environ["OPENAI_API_KEY"] = "stub"
    return LLMChoice("stub", "the course's stub (no key, no internet)", stub)


def keep_loopback_off_proxies() -> None:
    """Add loopback to ``NO_PROXY``, so that a proxy never sees a trace or a prompt."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        missing = [host for host in _LOOPBACK if host not in hosts]
        os.environ[name] = ",".join([*hosts, *missing])


def _without_secrets(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return f"{scheme}{found}{rest.rpartition('@')[2].partition('?')[0]}"
