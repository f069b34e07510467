"""Faults on demand: what a server or a model does wrong, for teaching and for tests."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from rag_tutorials.loopback.stoppable import Stoppable
from rag_tutorials.stub_llm.answering.conversation import AnswerMode

FaultName = Literal[
    "latency",
    "first_token",
    "rate_limit",
    "server_error",
    "hang",
    "cut_stream",
    "ignore_context",
    "contradict_context",
    "wrong_tool",
    "bad_arguments",
    "loop",
]
Api = Literal["chat", "responses", "embeddings"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one fault takes and when it applies."""

    meaning: str
    options: Mapping[str, float] = field(default_factory=dict)
    streams_only: bool = False
    answers_only: bool = False


KINDS: dict[FaultName, _Kind] = {
    "latency": _Kind("wait `seconds` before the response begins", {"seconds": 1.0}),
    "first_token": _Kind(
        "start the response at once, wait `seconds` before the first streamed chunk and `between` "
        "seconds between the others",
        {"seconds": 1.0, "between": 0.0},
        streams_only=True,
    ),
    "rate_limit": _Kind("answer 429 and ask to come back after `seconds`", {"seconds": 1.0}),
    "server_error": _Kind("answer 500"),
    "hang": _Kind("take the request and never answer"),
    "cut_stream": _Kind(
        "close the connection after `after` streamed chunks", {"after": 3}, streams_only=True
    ),
    "ignore_context": _Kind("give an answer that does not look at the context", answers_only=True),
    "contradict_context": _Kind(
        "give the context's answer with its facts changed", answers_only=True
    ),
    "wrong_tool": _Kind("call another tool than the one that fits", answers_only=True),
    "bad_arguments": _Kind("call with arguments that are cut-off JSON", answers_only=True),
    "loop": _Kind("repeat the last call, whatever came of it", answers_only=True),
}
_REFUSALS = ("rate_limit", "server_error", "hang")


class Fault(Stoppable):
    """An active fault; ``stop()`` or leaving its ``with`` block takes it away.

    ``hits`` counts the requests that it has met.
    """

    def __init__(
        self,
        owner: "Faults",
        number: int,
        name: FaultName,
        options: Mapping[str, float],
        times: int | None,
        path: Api | None,
    ) -> None:
        self._owner = owner
        self.id = number
        self.name = name
        self.options = dict(options)
        self.times = times
        self.path = path
        self.hits = 0

    def stop(self) -> None:
        """Take the fault away; nothing happens if it is over already."""
        self._owner.remove(self)

    def describe(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "options": self.options,
            "times": self.times,
            "path": self.path,
            "hits": self.hits,
        }

    def __repr__(self) -> str:
        left = "until ended" if self.times is None else f"{self.times - self.hits} more times"
        where = f" on {self.path}" if self.path else ""
        options = "".join(f", {key}={value:g}" for key, value in self.options.items())
        return f"<Fault {self.name}{options}{where}, {left}>"


@dataclass(frozen=True, slots=True)
class Effects:
    """What the active faults do to one request; waits are in seconds."""

    latency: float = 0.0
    first_token: float = 0.0
    between_tokens: float = 0.0
    cut_after: int | None = None
    refusal: Fault | None = None
    mode: AnswerMode = "grounded"


class Faults:
    """The active faults of one server; safe to use from several threads."""

    def __init__(self) -> None:
        self._active: list[Fault] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def add(
        self,
        name: str,
        *,
        times: int | None = None,
        path: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Fault:
        """Activate a fault.

        ``times`` ends it after that many requests, ``path`` limits it to one API. Raises
        ``ValueError`` that lists what exists for an unknown name, option, path or a bad value.
        """
        known = next((fault_name for fault_name in KINDS if fault_name == name), None)
        if known is None:
            raise ValueError(f"There is no fault {name!r}; there are {', '.join(KINDS)}.")
        kind = KINDS[known]
        chosen = dict(kind.options)
        for key, value in (options or {}).items():
            if key not in kind.options:
                takes = ", ".join(kind.options) or "no options"
                raise ValueError(f"The fault {name!r} has no option {key!r}; it takes {takes}.")
            chosen[key] = _option(name, key, value, whole=isinstance(kind.options[key], int))
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            raise ValueError(f"times must be a whole number or None, not {times!r}.")
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, not {times}.")
        api: Api | None = next((api for api in get_args(Api) if api == path), None)
        if path is not None and api is None:
            raise ValueError(f"path must be one of {', '.join(get_args(Api))}, not {path!r}.")
        fault = Fault(self, next(self._numbers), known, chosen, times, api)
        with self._lock:
            self._active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one fault away."""
        with self._lock:
            if fault in self._active:
                self._active.remove(fault)

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._active.clear()

    def active(self) -> list[Fault]:
        """The faults that are active now, in the order in which they were set."""
        with self._lock:
            return list(self._active)

    def take(self, api: Api, *, stream: bool) -> Effects:
        """Count one request against the faults that apply to it and say what they do.

        Faults of different names add up. Of those that refuse the request the first one set wins
        and the others are not used up.
        """
        if not self._active:
            return _NO_EFFECTS
        taken: dict[str, Fault] = {}
        with self._lock:
            for fault in list(self._active):
                kind = KINDS[fault.name]
                group: str = "mode" if kind.answers_only else fault.name
                if fault.name in _REFUSALS:
                    group = "refusal"
                if (
                    group in taken
                    or fault.path not in (None, api)
                    or (kind.streams_only and not stream)
                    or (kind.answers_only and api == "embeddings")
                ):
                    continue
                taken[group] = fault
            if "refusal" in taken:
                # A refused request never gets to stream or to answer.
                taken = {key: taken[key] for key in ("latency", "refusal") if key in taken}
            for fault in taken.values():
                fault.hits += 1
                if fault.hits == fault.times:
                    self._active.remove(fault)
        return _effects(taken)


_NO_EFFECTS = Effects()


def _effects(taken: Mapping[str, Fault]) -> Effects:
    latency, first, cut = (taken.get(k) for k in ("latency", "first_token", "cut_stream"))
    turned = taken["mode"].name if "mode" in taken else None
    mode: AnswerMode = next((mode for mode in get_args(AnswerMode) if mode == turned), "grounded")
    return Effects(
        latency=latency.options["seconds"] if latency else 0.0,
        first_token=first.options["seconds"] if first else 0.0,
        between_tokens=first.options["between"] if first else 0.0,
        cut_after=int(cut.options["after"]) if cut else None,
        refusal=taken.get("refusal"),
        mode=mode,
    )


def _option(name: str, key: str, value: Any, *, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 86_400:
        raise ValueError(f"{key} of the fault {name!r} must be a number from 0, not {value!r}.")
    if whole and value != int(value):
        raise ValueError(f"{key} of the fault {name!r} must be a whole number, not {value!r}.")
    return int(value) if whole else float(value)
