"""Fill a JSON schema with values found in a question and its answer.

Used for structured output and for the arguments of tool calls. The values are valid against the
schema for what OpenAI's structured outputs support: types, ``enum``, ``const``, ``anyOf``,
``$ref``, ranges, lengths, formats (a ``pattern`` only when the question holds a match for it).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag_tutorials.stub_llm.answering import routing
from rag_tutorials.stub_llm.answering.clauses import clauses
from rag_tutorials.stub_llm.language.lexical import content_words

Schema = Mapping[str, Any]

_QUESTION = {"query", "question", "q", "search", "input", "prompt", "request", "message", "topic"}
_QUESTION |= {"queries", "questions"}
_REASON = {"reason", "reasoning", "explanation", "rationale", "justification", "thought"}
_SOURCE = {"source", "sources", "citation", "citations", "passage", "passages", "quote", "quotes"}
_SOURCE |= {"evidence", "reference", "references", "documents", "chunks"}
_ANSWER = {"answer", "response", "text", "content", "result", "reply", "output", "summary"}
_ANSWER |= {"statement", "fact", "facts", "value", "description", "completion", "claim"}
_KEYWORDS = {"keywords", "keyword", "tags", "terms", "topics"}
_PARTS = {"steps", "plan", "tasks", "subtasks", "queries", "questions", "subquestions", "parts"}
_CERTAINTY = {"confidence", "score", "probability", "certainty"}
_ANSWERED = {"answerable", "answered", "found", "known", "supported", "grounded", "sufficient"}
_ID = {"id", "ids", "number", "code", "ticket", "identifier", "reference"}
_AFTER = {
    **dict.fromkeys(("from", "origin", "departure", "base", "start"), ("from",)),
    **dict.fromkeys(("to", "destination", "target", "end"), ("to", "into", "until")),
    **dict.fromkeys(("city", "country", "location", "place", "office"), ("in", "to", "from", "at")),
    **dict.fromkeys(("name", "employee", "person", "user", "recipient"), ("for", "of", "to")),
}
_NEGATIONS = {"no", "not", "without", "never", "don't", "doesn't", "isn't", "non"}

_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|(?<!\w)'([^'\n]+)'(?!\w)")
_PROPER = re.compile(r"\b[A-Z][\w&.-]*(?:[ ][A-Z][\w&-]*)*")
_IDENTIFIER = re.compile(r"\b[A-Z]{1,6}[-_]?\d+\b|\b\d{3,}\b")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_FORMATS = {
    "date": (_DATE, "2025-01-01"),
    "date-time": (re.compile(r"\b\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})"), ""),
    "time": (re.compile(r"\b\d{2}:\d{2}(?::\d{2})?\b"), "09:00:00"),
    "email": (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w"), "nobody@example.com"),
    "uri": (re.compile(r"\bhttps?://[^\s>\"')]+"), "https://example.com"),
    "uuid": (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), ""),
}
_FORMAT_DEFAULTS = {
    "date-time": "2025-01-01T09:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
_NUMBER_WORDS = dict(
    zip(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        range(1, 11),
        strict=True,
    )
)
_MAX_DEPTH = 8
UNKNOWN = "I don't know: the context does not say."
_NO_REASON = "The context does not say."
_NOTHING = object()


@dataclass(slots=True)
class Facts:
    """Where values come from.

    ``text`` is what the user asked; ``answer`` is the answer to it, if there is one, taken from
    ``passages``; ``guide`` is where the values of an ``enum`` may be described. Values that were
    used once are not used for the next property.
    """

    text: str
    answer: str | None = None
    passages: Sequence[str] = ()
    guide: str = ""
    used: set[str] = field(default_factory=set)


def fill(schema: Schema, facts: Facts) -> Any:
    """A JSON value that fits the schema."""
    return _Filler(schema, facts).fill(schema, (), 0)


def words_of(name: str) -> list[str]:
    """The lower-cased words of an identifier in snake_case, kebab-case or camelCase."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]+|\d+", spaced.lower())


class _Filler:
    def __init__(self, root: Schema, facts: Facts) -> None:
        self.root = root
        self.facts = facts

    def fill(self, schema: Schema, names: Sequence[str], depth: int) -> Any:
        schema = self.resolve(schema)
        found = self.find(schema, names, depth)
        return self.default(schema, names, depth) if found is _NOTHING else found

    def resolve(self, schema: Schema) -> Schema:
        """Follow ``$ref`` within the document and merge ``allOf``."""
        for _ in range(_MAX_DEPTH):
            options = schema.get("oneOf") or schema.get("anyOf") or ()
            if options and all("const" in option for option in options):
                return {"enum": [option["const"] for option in options]}
            if "$ref" in schema:
                target: Any = self.root
                for key in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                    target = target.get(key, {}) if key else target
                schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
            elif "allOf" in schema:
                merged = {k: v for k, v in schema.items() if k != "allOf"}
                for part in schema["allOf"]:
                    merged.update(self.resolve(part))
                schema = merged
            else:
                break
        return schema

    def find(self, schema: Schema, names: Sequence[str], depth: int) -> Any:
        """A value that the facts hold for this schema, else ``_NOTHING``."""
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.enum(schema["enum"], names)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            found = (self.find(option, names, depth) for option in options)
            return next((value for value in found if value is not _NOTHING), _NOTHING)
        match _type(schema):
            case "string":
                return self.string(schema, names)
            case "integer" | "number":
                return self.number(schema, names)
            case "boolean":
                return self.boolean(names)
            case "array":
                return self.array(schema, names, depth)
            case "object":
                return self.object(schema, depth)
        return _NOTHING

    def default(self, schema: Schema, names: Sequence[str], depth: int) -> Any:
        """The value to give when the facts hold none."""
        if "default" in schema:
            return schema["default"]
        if "enum" in schema:
            spare = ("other", "unknown", "general", "none", "neutral")
            return next((v for v in schema["enum"] if str(v).lower() in spare), schema["enum"][0])
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            if any(_type(self.resolve(option)) == "null" for option in options):
                return None
            return self.fill(options[0], names, depth)
        if isinstance(schema.get("type"), list) and "null" in schema["type"]:
            return None
        match _type(schema):
            case "string":
                return self.default_string(schema)
            case "integer" | "number":
                return _in_range(schema, 0)
            case "boolean":
                return False
            case "array":
                return [
                    self.fill(schema.get("items") or {}, names, depth + 1)
                    for _ in range(int(schema.get("minItems", 0)))
                ]
            case "object":
                return self.object(schema, depth)
        return None

    def object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        if not properties and depth == 0 and schema.get("additionalProperties") is not False:
            return {"answer": self.facts.answer or UNKNOWN}
        required = schema.get("required") or []
        values: dict[str, Any] = {}
        for name, part in properties.items():
            if depth >= _MAX_DEPTH and name not in required:
                continue
            names = words_of(name)
            found = _NOTHING if depth >= _MAX_DEPTH else self.find(part, names, depth + 1)
            if found is _NOTHING and name in required:
                found = self.default(self.resolve(part), names, depth + 1)
            if found is not _NOTHING:
                values[name] = found
        return values

    def array(self, schema: Schema, names: Sequence[str], depth: int) -> Any:
        items = self.resolve(schema.get("items") or {})
        low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", 1000))
        if "enum" in items:
            values = [v for v in items["enum"] if _mentions(self.facts.text, str(v))]
        elif _SOURCE & set(names) and _type(items) in ("integer", "number", "string"):
            numbers = self.sources()
            as_text = _type(items) == "string"
            values = [self.facts.passages[n - 1] if as_text else n for n in numbers]
        elif _PARTS & set(names) and _type(items) == "string":
            values = [part.strip() for part in clauses(self.facts.text) if content_words(part)]
        elif _KEYWORDS & set(names) and _type(items) == "string":
            values = list(dict.fromkeys(content_words(self.facts.text)))
        elif depth < _MAX_DEPTH:
            value = self.find(items, names, depth + 1)
            values = [] if value is _NOTHING else [value]
        else:
            values = []
        while len(values) < low:
            values.append(self.fill(items, names, depth + 1))
        return values[:high] if values else _NOTHING

    def sources(self) -> list[int]:
        """The numbers, from 1, of the passages that hold the answer."""
        answer = self.facts.answer
        if answer is None:
            return []
        sentences = [part for part in re.split(r"(?<=[.!?])\s+", answer) if part]
        held = [
            number
            for number, passage in enumerate(self.facts.passages, start=1)
            if any(sentence in passage for sentence in sentences)
        ]
        return held[:1]

    def enum(self, values: Sequence[Any], names: Sequence[str]) -> Any:
        facts = self.facts
        named = [value for value in values if isinstance(value, str)]
        named.sort(key=len, reverse=True)
        before = [word for name in names for word in _AFTER.get(name, ())]
        for text in (facts.text, facts.answer or ""):
            said = [value for value in named if len(value) > 1 and _mentions(text, value)]
            placed = [v for v in said if any(_mentions(text, f"{word} {v}") for word in before)]
            for value in placed or said:
                return value
        routed = routing.choose([v for v in values if isinstance(v, str)], facts.text, facts.guide)
        if routed is not None:
            return routed
        asked = set(content_words(f"{facts.text} {facts.answer or ''}"))
        overlap = {
            value: len(asked & set(content_words(" ".join(words_of(value))))) for value in named
        }
        best = max(named, key=lambda value: overlap[value], default=None)
        return best if best is not None and overlap[best] else _NOTHING

    def string(self, schema: Schema, names: Sequence[str]) -> Any:
        for value in self.strings(schema, names):
            pattern = schema.get("pattern")
            if value and (pattern is None or re.search(pattern, value)):
                self.facts.used.add(value)
                return _in_length(schema, value)
        return _NOTHING

    def strings(self, schema: Schema, names: Sequence[str]) -> Iterator[str]:
        """Candidates for a string, the best first."""
        facts, tags = self.facts, set(names)
        if schema.get("pattern"):
            bare = str(schema["pattern"]).removeprefix("^").removesuffix("$")
            yield from _unused(re.findall(f"(?:{bare})", facts.text), facts)
            return
        shape = schema.get("format") or ("date" if "date" in tags else None)
        if "email" in tags:
            shape = "email"
        if shape in _FORMATS:
            yield from _unused(_FORMATS[shape][0].findall(facts.text), facts)
            return
        if _REASON & tags:
            held = (
                f'The context says: "{facts.answer}"'
                if facts.answer
                else "The context does not say."
            )
            yield held
        if _SOURCE & tags:
            yield from (facts.passages[number - 1] for number in self.sources())
            return
        if _QUESTION & tags:
            yield facts.text
        if _ANSWER & tags and facts.passages:
            yield facts.answer or UNKNOWN
        yield from self.extracted(names)

    def extracted(self, names: Sequence[str]) -> Iterator[str]:
        """Words of the question that a property of this name may mean."""
        text, facts = self.facts.text, self.facts
        if _ID & set(names):
            yield from _unused(_IDENTIFIER.findall(text), facts)
        yield from _unused(["".join(groups) for groups in _QUOTED.findall(text)], facts)
        for name in names:
            for word in (*_AFTER.get(name, ()), name):
                said = re.search(
                    rf"\b{re.escape(word)}(?:\s+(?:is|of|called|named))?\s*[:=]?\s+"
                    rf"({_PROPER.pattern}|[\w.-]*\d[\w.-]*)",
                    text,
                )
                if said:
                    yield from _unused([said[1]], facts)
        if _ID & set(names):
            return
        proper = [
            m[0]
            for m in _PROPER.finditer(text)
            if m[0] != "I" and (" " in m[0] or not _starts_sentence(text, m.start()))
        ]
        yield from _unused([word.rstrip(".") for word in proper], facts)

    def default_string(self, schema: Schema) -> str:
        shape = str(schema.get("format", ""))
        if shape in _FORMATS:
            return _FORMAT_DEFAULTS.get(shape, _FORMATS[shape][1])
        if "pattern" in schema:
            tries = (self.facts.text, "A", "a", "0", "A-1", "2025-01-01", "00000", "+10000000000")
            return next((t for t in tries if re.search(str(schema["pattern"]), t)), "")
        if self.facts.passages:
            return _in_length(schema, self.facts.answer or UNKNOWN)
        return _in_length(schema, self.facts.text)

    def number(self, schema: Schema, names: Sequence[str]) -> Any:
        if _CERTAINTY & set(names):
            return _in_range(schema, 0.9 if self.facts.answer else 0.1)
        if _SOURCE & set(names) and self.facts.passages:
            return next(iter(self.sources()), _NOTHING)
        text = self.facts.answer or self.facts.text
        stems = set(content_words(" ".join(names)))
        best: tuple[int, float, str] | None = None
        for value, key, near in _numbers(text):
            if key in self.facts.used or (_type(schema) == "integer" and value != int(value)):
                continue
            rank = len(stems & set(content_words(near)))
            if best is None or rank > best[0]:
                best = (rank, value, key)
        if best is None:
            return _NOTHING
        self.facts.used.add(best[2])
        return _in_range(schema, best[1])

    def boolean(self, names: Sequence[str]) -> Any:
        if _ANSWERED & set(names):
            return self.facts.answer is not None
        words = re.findall(r"[\w']+", self.facts.text.lower())
        wanted = set(content_words(" ".join(names)))
        for at, word in enumerate(words):
            if wanted & set(content_words(word)):
                return not _NEGATIONS & set(words[max(0, at - 3) : at])
        return _NOTHING


def _type(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((name for name in kind if name != "null"), "null")
    if kind is None and "properties" in schema:
        return "object"
    return kind


def _unused(values: Sequence[str], facts: Facts) -> Iterator[str]:
    return (value for value in values if value not in facts.used)


def _mentions(text: str, value: str) -> bool:
    words = re.escape(value.lower()).replace("_", "[ _-]").replace(r"\-", "[ _-]")
    return re.search(rf"(?<!\w){words}(?!\w)", text.lower()) is not None


def _starts_sentence(text: str, at: int) -> bool:
    before = text[:at].rstrip()
    return not before or before[-1] in ".!?:\n"


def _numbers(text: str) -> Iterator[tuple[float, str, str]]:
    """Each number with a key for its place and the words beside it."""
    for match in _NUMBER.finditer(text):
        near = " ".join([*text[: match.start()].split()[-1:], *text[match.end() :].split()[:2]])
        yield float(match[0].replace(",", "")), f"#{match.start()}", near
    for match in re.finditer(r"[a-z]+", text.lower()):
        if match[0] in _NUMBER_WORDS:
            near = " ".join(text[match.end() :].split()[:2])
            yield float(_NUMBER_WORDS[match[0]]), f"#{match.start()}", near


def _in_range(schema: Schema, value: float) -> float:
    low, high = schema.get("minimum"), schema.get("maximum")
    whole = _type(schema) == "integer"
    if schema.get("exclusiveMinimum") is not None:
        low = schema["exclusiveMinimum"] + (1 if whole else 1e-6)
    if schema.get("exclusiveMaximum") is not None:
        high = schema["exclusiveMaximum"] - (1 if whole else 1e-6)
    value = value if low is None else max(low, value)
    value = value if high is None else min(high, value)
    step = schema.get("multipleOf")
    if step:
        value = round(value / step) * step
    return int(value) if whole or value == int(value) else value


def _in_length(schema: Schema, value: str) -> str:
    value = value.ljust(int(schema.get("minLength", 0)), ".")
    return value[: schema.get("maxLength")]
