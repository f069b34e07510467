"""What a check saw beyond the traces, as JSON text: so that somebody else can compare again.

Of spans it carries ids alone: whoever compares again reads them from the class. What has no JSON
(a client, a provider, a function) is carried as its type and how it prints; whoever uses it for
more meets :class:`NotCarried`. Nothing is pickled, and nothing that is decoded runs.
"""

from __future__ import annotations

import builtins
import dataclasses
import hashlib
import json
import os
import re
import sys
from collections import deque, namedtuple
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    format_span_id,
    format_trace_id,
)

from rag_tutorials.classroom.base.wire import LONGEST_EVIDENCE
from rag_tutorials.course.judging.mistake import MistakeError
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.surroundings import Surroundings
from rag_tutorials.course.judging.watching import Deed
from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import Event, SpanRecord

_LONGEST = (8_000, 2_000, 500)  # characters of a request or an answer; the next if too much
_LONGEST_GIVEN = 4  # times as much, of what was given or returned
_MOST = 20_000  # values; a cell does not wait for more
_REPR = 300
_DEEPEST = 12
_TAG = "!"  # the key that says that an object of JSON stands for something else
_OURS = "rag_tutorials."
# A request's other headers hold keys, a response's other ones an account's name.
_HEADERS = {
    "traceparent",
    "tracestate",
    "baggage",
    "content-type",
    "retry-after",
    "retry-after-ms",
}
_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|COURSE_CLASS")
_SHORTEST_SECRET = 8


class NotCarried(BaseException):
    """A comparison needs what the evidence does not hold.

    It is no ``Exception``: a look takes those for what a student's trace lacks.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Missing:
    """Stands for something that was not carried: only its type's name and its print are known."""

    def __init__(self, what: str, said: str) -> None:
        self.__dict__.update(_what=what, _said=said)

    def __repr__(self) -> str:
        return str(self.__dict__["_said"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python asks every object for
            raise AttributeError(name)
        raise NotCarried(self.__dict__["_what"])


def _refuse(self: Missing, *_: Any, **__: Any) -> Any:
    raise NotCarried(self.__dict__["_what"])


_USES = (
    "str format bytes bool len iter next contains getitem setitem eq ne lt le gt ge hash int float "
    "index round abs neg add radd sub rsub mul rmul truediv rtruediv mod and or enter exit"
)
for _use in re.findall(r"\w+", _USES):
    setattr(Missing, f"__{_use}__", _refuse)


class _MissingCall(Missing):
    """A function, or whatever else could be called."""

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        raise NotCarried(self.__dict__["_what"])


class _Cut(Missing):
    """Something that was too long: nobody may take it for something of another type."""

    __class__ = property(_refuse)


class _GivenSpan(NonRecordingSpan):
    """A span that was given to the check: its ids."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotCarried(f"`{name}` of a span as it was given")


class _Bag:
    """The fields of an object whose class is not known here."""

    def __init__(self, fields: Mapping[str, Any], said: str) -> None:
        self.__dict__.update(fields)
        self.__dict__["_said"] = said

    def __repr__(self) -> str:
        return str(self.__dict__["_said"])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Bag):
            return self.__dict__ | {"_said": ""} == other.__dict__ | {"_said": ""}
        raise NotCarried(f"a {type(self).__name__}")

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotCarried(f"`{name}` of a {type(self).__name__}")


@dataclasses.dataclass(frozen=True, slots=True)
class _Response:
    """What a look asks of a response."""

    status_code: int
    headers: Mapping[str, Any]
    answer: Any

    def json(self) -> Any:
        return self.answer


@dataclasses.dataclass(frozen=True, slots=True)
class _Stub:
    requests: Sequence[Any]


class _AtTheStudents:
    """The surroundings of an attempt, as far as evidence tells of them; the rest is here."""

    def __init__(self, here: Surroundings, project: str, chat_model: str, stub: Any) -> None:
        self._here = here
        self.project = project
        self.chat_model = chat_model
        self.stub = stub

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here, name)


# To text


def encode(seen: Seen, hide: Collection[str] = ()) -> str:
    """Return what a check saw beyond the traces as JSON of at most 64 kB; ``""`` if it is longer.

    Long texts go first. The values of environment variables that hold a key by their name, and the
    texts to ``hide``, are taken out wherever they stand.
    """
    for longest in _LONGEST:
        seen_as_json = _Encoder(longest).all_of(seen)
        text = json.dumps(seen_as_json, ensure_ascii=False, separators=(",", ":"))
        text = without_secrets(text.encode("utf-8", "replace").decode(), hide)
        if len(text.encode()) <= LONGEST_EVIDENCE:
            return text
    return ""


def without_secrets(text: str, hide: Collection[str] = ()) -> str:
    """Return a text without the keys of this environment, and without what is to ``hide``."""
    named = (value for name, value in os.environ.items() if _SECRET.search(name.upper()))
    for secret in {*named, *hide}:
        if len(secret) >= _SHORTEST_SECRET:
            for written in (secret, json.dumps(secret, ensure_ascii=False)[1:-1]):
                text = text.replace(written, "(a key)")
    return text


class _Encoder:
    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._left = _MOST

    def all_of(self, seen: Seen) -> dict[str, Any]:
        found: dict[str, dict[str, str]] = {}
        for one in seen.found.spans:
            found.setdefault(one.trace_id, {})[one.span_id] = fingerprint(one)
        said = {one.span_id: one.annotations for one in seen.found.spans if one.annotations}
        return {
            "project": seen.course.project,
            "chat_model": seen.course.chat_model,
            "given": [self._whole(one) for one in seen.given],
            "returned": self._whole(seen.returned),
            "error": None if seen.error is None else self._error(seen.error),
            "where": seen.where,
            "made": [self._made(one, seen.found.with_id(one.span_id)) for one in seen.made.spans],
            "links": {span_id: list(some) for span_id, some in seen.links.items() if some},
            "unended": list(seen.unended),
            "left": seen.left,
            "late": seen.late,
            "deeds": [self._deed(one) for one in seen.deeds],
            "requests": self._requests(seen),
            "found": found,
            "arrived": seen.arrived,
            "annotations": {
                span_id: [dataclasses.astuple(one) for one in some]
                for span_id, some in said.items()
            },
            "session_annotations": [
                dataclasses.astuple(one) for one in seen.found.session_annotations
            ],
        }

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return what stands for a value in JSON."""
        self._left -= 1
        more = depth + 1
        if isinstance(getattr(value, "dtype", None), np.dtype):
            return self._numbers(value)
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if value is ...:
            return {_TAG: "..."}
        sized = isinstance(value, (Mapping, Set, list, tuple, range, deque))
        if depth > _DEEPEST or self._left < (len(value) if sized else 0):
            return self._missing(value)
        if ids := _ids_of(value):
            record = isinstance(value, SpanRecord)
            return {_TAG: "span", "trace": ids[0], "span": ids[1], "record": record}
        if isinstance(value, datetime):
            return {_TAG: "moment", "at": value.isoformat()}
        if isinstance(value, Mapping):
            return self._mapping(value, more)
        if isinstance(value, (set, frozenset)):
            return {_TAG: "set", "of": [self.value(one, more) for one in value]}
        if isinstance(value, tuple):
            if columns := getattr(value, "_fields", None):
                fields = dict(zip(columns, value, strict=True))
                return self._object(value, fields, more) | {"row": True}
            return {_TAG: "tuple", "of": [self.value(one, more) for one in value]}
        if isinstance(value, (list, range, deque, Set)):
            return [self.value(one, more) for one in value]
        names: Sequence[str] = ()
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [one.name for one in dataclasses.fields(value)]
        elif isinstance(known := getattr(type(value), "model_fields", None), Mapping):
            names = list(known)
        elif isinstance(value, SimpleNamespace) or _is_the_students(value):
            names = list(vars(value))
        with suppress(AttributeError):
            if names:
                return self._object(value, {each: getattr(value, each) for each in names}, more)
        return self._missing(value)

    def _numbers(self, value: Any) -> Any:
        """Return numbers or texts of NumPy, or a column of pandas, with their type."""
        kind, size = value.dtype, int(getattr(value, "size", 1))
        if kind.kind not in "biufU" or size > self._left:
            return self._missing(value)
        self._left -= size
        return {_TAG: "numbers", "type": str(kind), "of": np.asarray(value).tolist()}

    def _text(self, text: str) -> Any:
        if len(text) <= self._longest:
            return str(text)
        return {_TAG: "cut", "what": f"a text of {len(text):,} characters"}

    def _whole(self, value: Any) -> Any:
        """Return a value, or that it was too long."""
        told = self.value(value)
        length = len(json.dumps(told, ensure_ascii=False))
        if length <= _LONGEST_GIVEN * self._longest:
            return told
        return {_TAG: "cut", "what": f"a {type(value).__name__} of {length:,} characters"}

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        if all(isinstance(key, str) for key in value) and _TAG not in value:
            return {key: self.value(one, depth) for key, one in value.items()}
        pairs = [[self.value(key, depth), self.value(one, depth)] for key, one in value.items()]
        return {_TAG: "mapping", "of": pairs}

    def _object(self, value: Any, fields: Mapping[str, Any], depth: int) -> Any:
        return {
            _TAG: "object",
            "type": _name_of(type(value)),
            "said": self._said(value),
            "of": {name: self.value(one, depth) for name, one in fields.items()},
        }

    def _missing(self, value: Any) -> Any:
        kind = type(value).__name__
        name = getattr(value, "__name__", "") if callable(value) else ""
        return {
            _TAG: "missing",
            "type": kind,
            "what": f"the {kind} `{name}`" if isinstance(name, str) and name else f"a {kind}",
            "said": self._said(value),
            "call": callable(value),
        }

    def _said(self, value: Any) -> str:
        if self._left < 0:  # how it prints may be long to make, too
            return "..."
        try:
            return repr(value)[:_REPR]
        except Exception as error:
            return f"<{type(value).__name__} ({type(error).__name__})>"

    def _error(self, error: BaseException) -> dict[str, Any]:
        mistake = error.mistake if isinstance(error, MistakeError) else None
        return {
            "types": [_name_of(each) for each in type(error).__mro__[:-1]],
            "text": str(error)[: self._longest],
            "mistake": [mistake.sentence, mistake.hint] if mistake else None,
        }

    def _made(self, made: SpanRecord, found: SpanRecord | None) -> Any:
        """Return a span's id, with what Phoenix has not as the SDK had it: keys, numbers of lists.

        A span that is not in Phoenix at all is told as a whole.
        """
        if found is None:
            whole = {one.name: getattr(made, one.name) for one in dataclasses.fields(made)}
            events = [[one.name, one.time, dict(one.attributes)] for one in made.events]
            return self.value(whole | {"events": events, "annotations": []})
        have = {key: _as_list(value) for key, value in made.attributes.items()}
        own = {
            key: self.value(value)
            for key, value in have.items()
            if key not in found.attributes or found.attributes[key] != value
        }
        gone = [key for key in found.attributes if key not in have]
        return [made.span_id, own, gone] if own or gone else made.span_id

    def _deed(self, deed: Deed) -> dict[str, Any]:
        told = {
            "name": deed.name,
            "span": deed.span_id,
            "began": deed.began.isoformat(),
            "ended": deed.ended.isoformat() if deed.ended else None,
            "at_once": deed.at_once,
            "body": self._text(deed.body),
            "headers": self._headers(deed.headers),
        }
        status = getattr(deed.result, "status_code", None)
        if isinstance(status, int):
            answer = self.value(deed.answer)
            if len(json.dumps(answer)) > self._longest:
                answer = self._text(json.dumps(answer))
            headers = self._headers(deed.result.headers)
            return told | {"status": status, "answer": answer, "answer_headers": headers}
        return told | {"result": self.value(deed.result)}

    def _headers(self, headers: Mapping[str, str]) -> dict[str, Any]:
        return {
            name.lower(): self._text(value) if name.lower() in _HEADERS else None
            for name, value in headers.items()
        }

    def _requests(self, seen: Seen) -> list[str]:
        """Return when the stub had requests while the spans were open, if there is a stub."""
        spans, stub = seen.found.spans, getattr(getattr(seen.course, "llm", None), "stub", None)
        if not spans or stub is None:
            return []
        begin, end = spans[0].start, max(one.end for one in spans)
        times = [one.started for one in stub.requests]
        return [time.isoformat() for time in times if begin <= time <= end]


def fingerprint(span: SpanRecord) -> str:
    """Return eight hex digits for all that a span says but its times, alike in every Phoenix."""
    told = [
        span.name, span.kind, span.parent_id, span.status, span.status_message,
        _plain(span.attributes), [[one.name, _plain(one.attributes)] for one in span.events],
    ]  # fmt: skip
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _plain(value: Any) -> Any:
    """Return a value with its numbers as texts: 1.0 and 1 are the same to a database."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(float(value), ".12g")
    return value


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_the_students(value: Any) -> bool:
    """Say whether an object is of a class that the notebook defines."""
    kind = type(value)
    return kind.__module__ == "__main__" and not callable(value) and hasattr(value, "__dict__")


def _name_of(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _ids_of(value: Any) -> tuple[str, str] | None:
    """Return a span's ids, of whatever form; ``None`` for anything else."""
    if isinstance(value, SpanRecord):
        return value.trace_id, value.span_id
    if isinstance(value, (Span, ReadableSpan)):
        value = value.get_span_context()
    if isinstance(value, SpanContext):
        return format_trace_id(value.trace_id), format_span_id(value.span_id)
    return None


# From text


def trace_ids_of(text: str) -> tuple[str, ...]:
    """Return the ids of the traces that a check looked at, as its evidence says."""
    return tuple(_load(text)["found"])


def fingerprints_of(text: str) -> dict[str, str]:
    """Return, by id, the fingerprint of each span that a check looked at."""
    return {
        str(span_id): str(each)
        for some in _load(text)["found"].values()
        for span_id, each in some.items()
    }


def decode(text: str, course: Surroundings, found: Iterable[SpanRecord]) -> Seen:
    """Return what a check saw, with its spans as they were found elsewhere.

    Args:
        text: What :func:`encode` made.
        course: Where data comes from, and whatever is not in the evidence.
        found: The spans of the traces that the check looked at. Others are left out: those that
            came later, for instance.

    Raises:
        NotCarried: the text is empty, or no evidence.
    """
    told = _load(text)
    try:
        return _Decoder(told, course, found).seen()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotCarried("evidence that can be read") from error


def _load(text: str) -> dict[str, Any]:
    if not text:
        raise NotCarried("what the check saw beyond the traces, which was not sent")
    try:
        told = json.loads(text)
        found = told["found"]
        well = all(isinstance(some, Mapping) for some in (found, *found.values()))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NotCarried("evidence that can be read") from error
    if not well:
        raise NotCarried("evidence that can be read")
    return dict(told)


class _Decoder:
    def __init__(
        self, told: Mapping[str, Any], course: Surroundings, found: Iterable[SpanRecord]
    ) -> None:
        self._told = told
        self._course = course
        self._ids = {span_id for some in told["found"].values() for span_id in some}
        said = {
            span_id: tuple(Annotation(*one) for one in some)
            for span_id, some in told["annotations"].items()
        }
        self._found = Found(
            (
                dataclasses.replace(one, annotations=said.get(one.span_id, ()))
                for one in found
                if one.span_id in self._ids
            ),
            (Annotation(*one) for one in told["session_annotations"]),
        )

    def seen(self) -> Seen:
        told, found = self._told, self._found
        made = Found(one for one in map(self._made, told["made"]) if one is not None)
        error = None if told["error"] is None else _error(told["error"])
        return Seen(
            self._around(),
            tuple(map(self.value, told["given"])),
            returned=self.value(told["returned"]),
            error=error,
            where=str(told["where"]),
            made=made,
            links={span_id: list(some) for span_id, some in told["links"].items()},
            unended=tuple(map(str, told["unended"])),
            left=None if told["left"] is None else str(told["left"]),
            late=bool(told["late"]),
            deeds=tuple(map(self._deed, told["deeds"])),
            found=found,
            arrived=bool(told["arrived"])
            and self._ids <= {one.span_id for one in found.spans}
            and {one.span_id for one in made.spans} <= self._ids,
        )

    def _around(self) -> Any:
        moments = [_Bag({"started": _moment(one)}, "a request") for one in self._told["requests"]]
        told = self._told
        return _AtTheStudents(
            self._course, str(told["project"]), str(told["chat_model"]), _Stub(moments)
        )

    def value(self, told: Any) -> Any:
        """Return the value that a piece of JSON stands for."""
        if isinstance(told, list):
            return [self.value(one) for one in told]
        if not isinstance(told, dict):
            return told
        if _TAG not in told:
            return {key: self.value(one) for key, one in told.items()}
        what: str = told[_TAG]
        of: Any = told.get("of")
        match what:
            case "...":
                return ...
            case "moment":
                return _moment(told["at"])
            case "set":
                return {self.value(one) for one in of}
            case "tuple":
                return tuple(self.value(one) for one in of)
            case "mapping":
                return {self.value(key): self.value(one) for key, one in of}
            case "span":
                context = SpanContext(int(told["trace"], 16), int(told["span"], 16), False)
                found = self._found.with_id(told["span"]) if told["record"] else None
                return found or _GivenSpan(context)
            case "numbers":
                numbers = np.array(of, np.dtype(told["type"]))
                return numbers if numbers.ndim else numbers[()]
            case "object":
                return self._object(told)
            case "cut":
                return _Cut(str(told["what"]), "")
        return _missing(told)

    def _object(self, told: Mapping[str, Any]) -> Any:
        fields = {str(name): self.value(one) for name, one in told["of"].items()}
        if told.get("row"):
            name = str(told["type"]).rpartition(".")[2].rpartition(":")[2]
            return namedtuple(name, fields, rename=True)(*fields.values())
        kind: Any = _known(told["type"])
        if kind is None or not dataclasses.is_dataclass(kind):
            name = str(told["type"]).rpartition(":")[2].rpartition(".")[2]
            return type(name or "object", (_Bag,), {})(fields, told["said"])
        make: Any = object.__new__  # not its own: nothing of it runs
        made = make(kind)
        for one in dataclasses.fields(kind):
            object.__setattr__(made, one.name, fields[one.name])
        return made

    def _made(self, told: Any) -> SpanRecord | None:
        if isinstance(told, dict):
            whole = self.value(told)
            events = tuple(Event(*one) for one in whole["events"])
            return SpanRecord(**{**whole, "events": events, "annotations": ()})
        span_id, own, gone = (told, {}, ()) if isinstance(told, str) else told
        found = self._found.with_id(span_id)
        if found is None:
            return None
        kept = {key: value for key, value in found.attributes.items() if key not in gone}
        own = {key: self.value(value) for key, value in own.items()}
        return dataclasses.replace(found, attributes=kept | own, annotations=())

    def _deed(self, told: Mapping[str, Any]) -> Deed:
        result = self.value(told.get("result"))
        if "status" in told:
            headers = self._headers(told["answer_headers"])
            result = _Response(int(told["status"]), headers, self.value(told["answer"]))
        return Deed(
            str(told["name"]),
            str(told["span"]),
            _moment(told["began"]),
            int(told["at_once"]),
            _moment(told["ended"]) if told["ended"] else None,
            self.value(told["body"]),
            self._headers(told["headers"]),
            result,
        )

    def _headers(self, told: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: Missing(f"the header `{name}`", "") if value is None else self.value(value)
            for name, value in told.items()
        }


def _missing(told: Mapping[str, Any]) -> Missing:
    kind = type(str(told["type"]), (_MissingCall if told.get("call") else Missing,), {})
    missing: Missing = kind(str(told["what"]), str(told["said"]))
    return missing


def _error(told: Mapping[str, Any]) -> BaseException:
    """Return an exception of the nearest type that is known here, under the name that it had."""
    if told["mistake"]:
        return MistakeError(*map(str, told["mistake"]))
    types = [str(each) for each in told["types"]]
    known = (_known(each) for each in types)
    bases = [each for each in known if each is not None and issubclass(each, BaseException)]
    name = types[0].rpartition(":")[2].rpartition(".")[2]
    base = bases[0] if bases else Exception
    kind: Any = type(name, (base,), {"__str__": lambda self: str(told["text"])})
    error: BaseException = kind.__new__(kind)  # its own arguments are not known
    return error


def _known(name: str) -> Any:
    """Return a class by module and name, if it is Python's or of this package and there already.

    Nothing is imported: the text comes from somebody else.
    """
    module, _, qualified = str(name).partition(":")
    if module == builtins.__name__:
        found: Any = builtins
    else:
        found = sys.modules.get(module) if module.startswith(_OURS) else None
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


__all__ = [
    "NotCarried",
    "decode",
    "encode",
    "fingerprint",
    "fingerprints_of",
    "trace_ids_of",
]
