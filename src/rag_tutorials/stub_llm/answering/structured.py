"""Fill a JSON schema with values found in a question and its answer.

Used for structured output and for the arguments of tool calls. Values that the texts hold come
first, then defaults and plain ones; each is held against the schema by jsonschema, formats and
ECMA 262 patterns included, so that what is given fits. A schema that refers to itself is followed
once more and then only where it must be.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from rag_tutorials.stub_llm.answering import routing
from rag_tutorials.stub_llm.answering.clauses import clauses
from rag_tutorials.stub_llm.answering.json_schema import SchemaError, checked
from rag_tutorials.stub_llm.answering.merging import merge
from rag_tutorials.stub_llm.answering.values import FORMATS, LONGEST, in_length, numbers, texts
from rag_tutorials.stub_llm.language import patterns
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
_PERSON = {"name", "person", "people", "employee", "user", "author", "who", "customer"}
_AMOUNT = {"age", "amount", "cost", "count", "price", "quantity", "total", "year"}
_ID = {"id", "ids", "number", "code", "ticket", "identifier", "reference"}
_AFTER = {
    **dict.fromkeys(("from", "origin", "departure", "base", "start"), ("from",)),
    **dict.fromkeys(("to", "destination", "target", "end"), ("to", "into", "until")),
    **dict.fromkeys(("city", "country", "location", "place", "office"), ("in", "to", "from", "at")),
    **dict.fromkeys(("name", "employee", "person", "user", "recipient"), ("for", "of", "to")),
}
_MONTH_LIST = """
    january february march april may june july august september october november december
"""
MONTHS = tuple(_MONTH_LIST.split())
_NEGATIONS = {"no", "not", "without", "never", "don't", "doesn't", "isn't", "non"}

_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|(?<!\w)'([^'\n]+)'(?!\w)")
_NAME = r"[A-Z](?:[\w&-]|\.(?=\w)|'(?=[A-Z]))*"
_PROPER = re.compile(rf"\b{_NAME}(?:[ ](?:(?:de|del|da|do|la|of|upon)[ ])?{_NAME})*")
_DOES = re.compile(
    rf"({_PROPER.pattern})\s+(?:[a-z]+(?:ed|s)|is|was|has|had|will|can|must|may|went|got|took)\b"
)
_INTRODUCED = re.compile(rf":\s*({_PROPER.pattern})")
_PLACED = re.compile(rf"\b(?:in|at|from|to|near)\s+({_PROPER.pattern})")
_IDENTIFIER = re.compile(r"\b[A-Z]{1,6}[-_]?\d+\b|\b\d{3,}\b")
_SHAPES = {
    "date": re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
    "date-time": re.compile(r"\b\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})"),
    "time": re.compile(r"\b\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})"),
    "duration": re.compile(r"\bP(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?\b"),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "hostname": re.compile(r"\b(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"),
    "ipv4": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    "ipv6": re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"),
    "uri": re.compile(r"\bhttps?://[^\s>\"')]+"),
    "uuid": re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE),
}
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
_NUMBER_WORDS = dict(
    zip(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        range(1, 11),
        strict=True,
    )
)
_SPARE = ("other", "unknown", "general", "none", "neutral")
_MOST_STEPS = 5_000
_MOST_CANDIDATES = 300
_LONGEST_PATH = 40  # references inside one another
_MOST_REPEATS = 3  # how often a reference may be inside itself
UNKNOWN = "I don't know: the context does not say."
_NO_REASON = "The context does not say."

_Found = tuple[Any, str | None]
"""A value, and the name under which it counts as used once it is taken."""


class _UnfitError(Exception):
    """Nothing fits this part of the schema."""


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
    """Return a JSON value that fits the schema.

    Raises:
        SchemaError: the schema is none, or nothing was found that fits it.

    """
    try:
        return _Filler(schema, facts).value(schema, (), ("#",))
    except (_UnfitError, RecursionError):
        raise SchemaError("nothing was found that fits the schema") from None


def words_of(name: str) -> list[str]:
    """The lower-cased words of an identifier in snake_case, kebab-case or camelCase."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]+|\d+", spaced.lower())


class _Filler:
    """Looks for a value; ``path`` holds the references that were followed to where it is now."""

    def __init__(self, root: Schema, facts: Facts) -> None:
        self.checked = checked(root)
        self.facts = facts
        self.steps = 0

    def value(self, schema: Any, names: Sequence[str], path: tuple[str, ...]) -> Any:
        """The best value that fits; raises ``_UnfitError`` when there is none."""
        known = ((value, None) for value in self.defaults(schema, names, path))
        return self.first(schema, chain(self.found(schema, names, path), known))

    def known(self, schema: Any, names: Sequence[str], path: tuple[str, ...]) -> Any:
        """The best value that the facts hold; raises ``_UnfitError`` when they hold none."""
        return self.first(schema, self.found(schema, names, path))

    def first(self, schema: Any, candidates: Iterator[_Found]) -> Any:
        for value, name in islice(candidates, _MOST_CANDIDATES):
            if self.fits(value, schema):
                if name is not None:
                    self.facts.used.add(name)
                return value
        raise _UnfitError

    def fits(self, value: Any, schema: Any) -> bool:
        self.step()
        return self.checked.fits(value, schema)

    def step(self) -> None:
        """Count what is tried: a search that finds nothing ends."""
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise SchemaError("nothing was found that fits the schema")

    def resolve(self, schema: Any, path: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Follow ``$ref`` and merge ``allOf``, until there is neither."""
        schema = merge(schema, {})
        for _ in range(50):
            if "$ref" in schema:
                reference = schema["$ref"]
                if path.count(reference) >= _MOST_REPEATS or len(path) > _LONGEST_PATH:
                    raise _UnfitError
                path = (*path, reference)
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = merge(self.checked.target(reference), rest)
            elif "allOf" in schema:
                merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    merged = merge(merged, part)
                schema = merged
            else:
                return schema, path
        raise _UnfitError

    def variants(
        self, schema: Any, path: tuple[str, ...]
    ) -> Iterator[tuple[Schema, tuple[str, ...]]]:
        """The schema without conditions and alternatives: one for each way to go."""
        self.step()
        try:
            schema, path = self.resolve(schema, path)
        except _UnfitError:
            return
        for key in ("oneOf", "anyOf"):
            if key in schema:
                rest = {name: value for name, value in schema.items() if name != key}
                for option in schema[key]:
                    yield from self.variants(merge(rest, option), path)
                return
        if "if" in schema:
            rest = {k: v for k, v in schema.items() if k not in ("if", "then", "else")}
            met = merge(merge(rest, schema["if"]), schema.get("then", True))
            for way in (rest, met, merge(rest, schema.get("else", True))):
                yield from self.variants(way, path)
            return
        yield schema, path
        for needed in (schema.get("dependentSchemas") or {}).values():
            rest = {k: v for k, v in schema.items() if k != "dependentSchemas"}
            yield from self.variants(merge(rest, needed), path)

    def found(self, schema: Any, names: Sequence[str], path: tuple[str, ...]) -> Iterator[_Found]:
        """Values that the facts hold for this schema, the best first."""
        labels = self.labels(schema, path)
        if labels:
            yield from self.enum(labels, names)
            return
        for variant, way in self.variants(schema, path):
            if "const" in variant:
                yield variant["const"], None
            elif "enum" in variant:
                yield from self.enum(variant["enum"], names)
            else:
                for kind in _kinds(variant) or ["any"]:
                    yield from self.found_kind(kind, variant, names, way)

    def found_kind(
        self, kind: str, schema: Schema, names: Sequence[str], path: tuple[str, ...]
    ) -> Iterator[_Found]:
        match kind:
            case "string":
                yield from self.string(schema, names)
            case "integer" | "number":
                yield from self.number(schema, names, whole=kind == "integer")
            case "boolean":
                yield from self.boolean(names)
            case "array":
                yield from self.array(schema, names, path)
            case "object" if not _inside_itself(path):
                for value in self.objects(schema, path):
                    yield value, None
            case "any" if _ANSWERED & set(names) or names[:1] in (["is"], ["has"], ["can"]):
                yield from self.boolean(names)
            case "any" if _AMOUNT & set(names):
                yield from self.number(schema, names, whole=False)
            case "any" if names:
                yield from self.number(schema, names, whole=False, beside=True)
                yield from self.string(schema, names)

    def labels(self, schema: Any, path: tuple[str, ...]) -> list[Any]:
        """The values of a schema that offers nothing but constants, each described."""
        try:
            schema, _ = self.resolve(schema, path)
        except _UnfitError:
            return []
        options = schema.get("oneOf") or schema.get("anyOf") or ()
        alone = all(isinstance(option, Mapping) and "const" in option for option in options)
        return [option["const"] for option in options] if alone else []

    def defaults(self, schema: Any, names: Sequence[str], path: tuple[str, ...]) -> Iterator[Any]:
        """Values to give when the facts hold none, the plainest first."""
        ways = list(islice(self.variants(schema, path), 100))
        for variant, _ in ways:
            if "default" in variant:
                yield variant["default"]
        if any("null" in _kinds(variant) for variant, _ in ways):
            yield None
        for variant, way in ways:
            if "const" in variant:
                yield variant["const"]
            elif "enum" in variant:
                values = variant["enum"]
                yield from (value for value in values if str(value).lower() in _SPARE)
                yield from values
            else:
                for kind in _kinds(variant) or _ANY:
                    yield from self.plain(kind, variant, names, way)
            yield from variant.get("examples") or ()

    def plain(
        self, kind: str, schema: Schema, names: Sequence[str], path: tuple[str, ...]
    ) -> Iterator[Any]:
        match kind:
            case "null":
                yield None
            case "string":
                said = self.facts.text
                if self.facts.passages:
                    said = self.facts.answer or UNKNOWN
                yield from texts(schema, said)
            case "integer" | "number":
                yield from numbers(schema, 0, whole=kind == "integer")
            case "boolean":
                yield from (False, True)
            case "array":
                yield from self.arrays(schema, names, path, [])
            case "object":
                yield from self.objects(schema, path)

    def objects(self, schema: Schema, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Objects with what the facts hold, with what must be there, and with everything."""
        named = schema.get("properties") or schema.get("required")
        if not named and path == ("#",) and schema.get("additionalProperties") is not False:
            yield {"answer": self.facts.answer or UNKNOWN}
        used = set(self.facts.used)
        wishes = ("required", "all") if _inside_itself(path) else ("found", "required", "all")
        for wish in wishes:
            self.facts.used = set(used)
            try:
                yield self.object(schema, path, wish)
            except _UnfitError:
                continue

    def object(self, schema: Schema, path: tuple[str, ...], wish: str) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties") or {}
        required = list(schema.get("required") or [])
        values: dict[str, Any] = {}

        def add(name: str) -> None:
            part = properties[name] if name in properties else _part_for(schema, name)
            values[name] = self.value(part, words_of(name), path)

        for name, part in properties.items():
            if name in required:
                add(name)
            elif wish != "required":
                take = self.known if wish == "found" else self.value
                with contextlib.suppress(_UnfitError):
                    values[name] = take(part, words_of(name), path)
        for name in required:
            if name not in values:
                add(name)
        for name, needed in (schema.get("dependentRequired") or {}).items():
            for other in needed if name in values else ():
                if other not in values:
                    add(other)
        for name in reversed(list(values)):
            if len(values) > schema.get("maxProperties", len(values)) and name not in required:
                del values[name]
        least = min(int(schema.get("minProperties", 0)), LONGEST)
        if least > len(values):
            for name in chain(properties, self.names(schema)):
                if name not in values:
                    with contextlib.suppress(_UnfitError):
                        add(name)
                if len(values) >= least:
                    break
        return values

    def names(self, schema: Schema) -> Iterator[str]:
        """Names for properties that must be there although nobody named them."""
        for pattern in schema.get("patternProperties") or {}:
            yield from islice(patterns.samples(pattern), 20)
        allowed = merge({"type": "string"}, schema.get("propertyNames", True))
        names = self.defaults(allowed, (), ("#", "#")) if "propertyNames" in schema else ()
        yield from (name for name in islice(names, 100) if isinstance(name, str))
        yield from (f"key{number}" for number in range(1, 1_000))

    def array(
        self, schema: Schema, names: Sequence[str], path: tuple[str, ...]
    ) -> Iterator[_Found]:
        """Arrays of what the facts hold; the one that was found counts as used as its item does."""
        items = schema.get("items", True)
        if "prefixItems" in schema:
            for value in self.arrays(schema, names, path, []):
                yield value, None
            return
        try:
            inside, _ = self.resolve(items, path)
        except _UnfitError:
            return
        if "enum" in inside:
            held = [v for v in inside["enum"] if _mentions(self.facts.text, str(v))]
        elif _SOURCE & set(names) and {"integer", "number", "string"} & set(_kinds(inside)):
            as_text = "string" in _kinds(inside)
            held = [self.facts.passages[n - 1] if as_text else n for n in self.sources()]
        elif _PARTS & set(names) and "string" in _kinds(inside):
            held = [part.strip() for part in clauses(self.facts.text) if content_words(part)]
        elif _KEYWORDS & set(names) and "string" in _kinds(inside):
            held = list(dict.fromkeys(content_words(self.facts.text)))
        elif _inside_itself(path):
            return
        else:
            try:
                held = [self.known(items, names, path)]
            except _UnfitError:
                return
        if held:
            for value in self.arrays(schema, names, path, held):
                yield value, None

    def arrays(
        self, schema: Schema, names: Sequence[str], path: tuple[str, ...], held: list[Any]
    ) -> Iterator[list[Any]]:
        """Arrays that begin with what is held and are long enough."""
        least = int(schema.get("minItems", 0))
        most = int(schema.get("maxItems", LONGEST))
        first = schema.get("prefixItems") or []
        items = schema.get("items", True)
        contained = schema.get("contains")
        if least > LONGEST or least * len(str(items)) > 50 * LONGEST:
            return
        wanted = int(schema.get("minContains", 1)) if contained is not None else 0
        for lead in (held[:most], held[: max(least, 1)]):
            try:
                values = [self.value(part, names, path) for part in first[:most]] + lead
                whole = merge(items, contained) if contained is not None else True
                values += self.several(whole, names, path, min(wanted, LONGEST), values)
                missing = least - len(values)
                values += self.several(items, names, path, missing, values)
            except _UnfitError:
                continue
            yield values[:most]

    def several(
        self,
        schema: Any,
        names: Sequence[str],
        path: tuple[str, ...],
        number: int,
        taken: list[Any],
    ) -> list[Any]:
        """As many values as are asked for, not those taken as far as there are others."""
        if number <= 0:
            return []
        candidates = chain(
            (value for value, _ in self.found(schema, names, path)),
            self.defaults(schema, names, path),
        )
        fresh: list[Any] = []
        fallback: list[Any] = []
        for value in islice(candidates, number + 400):
            if not self.fits(value, schema):
                continue
            fallback.append(value)
            if not any(_same(value, other) for other in chain(taken, fresh)):
                fresh.append(value)
            if len(fresh) == number:
                return fresh
        if not fallback:
            raise _UnfitError
        return fresh + [fallback[0]] * (number - len(fresh))

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

    def enum(self, values: Sequence[Any], names: Sequence[str]) -> Iterator[_Found]:
        facts = self.facts
        named_in_order = [value for value in values if isinstance(value, str)]
        named = sorted(named_in_order, key=len, reverse=True)
        before = [word for name in names for word in _AFTER.get(name, ())]
        for text in (facts.text, facts.answer or ""):
            said = [value for value in named if len(value) > 1 and _mentions(text, value)]
            # "hall B", as it is written: a letter alone says nothing.
            said += [v for v in named if len(v) == 1 for n in names if _follows(text, n, v)]
            placed = [v for v in said if any(_mentions(text, f"{word} {v}") for word in before)]
            yield from ((value, None) for value in placed or said)
        routed = routing.choose(named_in_order, facts.text, facts.guide)
        if routed is not None:
            yield routed, None
        asked = set(content_words(f"{facts.text} {facts.answer or ''}"))
        overlap = {
            value: len(asked & set(content_words(" ".join(words_of(value))))) for value in named
        }
        best = max(named, key=lambda value: overlap[value], default=None)
        if best is not None and overlap[best]:
            yield best, None

    def string(self, schema: Schema, names: Sequence[str]) -> Iterator[_Found]:
        for value in self.strings(schema, names):
            if value:
                exact = "pattern" in schema or schema.get("format") in FORMATS
                yield value if exact else in_length(schema, value), value

    def strings(self, schema: Schema, names: Sequence[str]) -> Iterator[str]:
        """Candidates for a string, the best first."""
        facts, tags = self.facts, set(names)
        if "pattern" in schema:
            yield from _unused(patterns.found(schema["pattern"], facts.text), facts)
            return
        shape = schema.get("format") or ("date" if "date" in tags else None)
        if "email" in tags:
            shape = "email"
        if shape in _SHAPES:
            yield from _unused(_SHAPES[shape].findall(facts.text), facts)
        if shape in FORMATS:
            return
        if _REASON & tags:
            yield f'The context says: "{facts.answer}"' if facts.answer else _NO_REASON
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
        tags = set(names)
        somebody = bool(_PERSON & tags)
        if _ID & tags:
            yield from _unused(_IDENTIFIER.findall(text), facts)
        yield from _unused(["".join(groups) for groups in _QUOTED.findall(text)], facts)
        for name in names:
            for word in (*_AFTER.get(name, ()), name):
                said = re.search(
                    rf"\b{re.escape(word)}(?:\s+(?:is|of|called|named))?\s*[:=]?\s+"
                    rf"({_PROPER.pattern}|[\w.-]*\d[\w.-]*)",
                    text,
                )
                if said and not (somebody and said[1].lower() in MONTHS):
                    yield from _unused([said[1]], facts)
        if _ID & tags:
            return
        proper = [
            m[0]
            for m in _PROPER.finditer(text)
            if m[0] != "I"
            and not (somebody and m[0].lower() in MONTHS)
            and (" " in m[0] or not _starts_sentence(text, m.start()))
        ]
        if somebody:
            # Who does something may begin a sentence; what follows "in" is a place.
            persons = [m[1] for m in _DOES.finditer(text) if content_words(m[1])]
            persons += [m[1] for m in _INTRODUCED.finditer(text)]
            places = {m[1] for m in _PLACED.finditer(text)}
            persons += [name for name in proper if name not in places]
            proper = persons if tags <= _PERSON else [*persons, *proper]
        yield from _unused(proper, facts)

    def number(
        self, schema: Schema, names: Sequence[str], *, whole: bool, beside: bool = False
    ) -> Iterator[_Found]:
        """Numbers of the answer or the question; ``beside`` takes only those beside the name."""
        if _CERTAINTY & set(names):
            certainty = 0.9 if self.facts.answer else 0.1
            yield from ((value, None) for value in numbers(schema, certainty, whole=whole))
            return
        if _SOURCE & set(names) and self.facts.passages:
            yield from ((number, None) for number in self.sources())
            return
        text = self.facts.answer or self.facts.text
        stems = set(content_words(" ".join(names)))
        ranked = [
            (-len(stems & set(content_words(near))), value, key)
            for value, key, near in _numbers(text)
            if key not in self.facts.used and (not whole or value == int(value))
        ]
        for rank, value, key in sorted(ranked, key=lambda item: item[0]):
            if rank or not beside:
                yield from ((fit, key) for fit in islice(numbers(schema, value, whole=whole), 3))

    def boolean(self, names: Sequence[str]) -> Iterator[_Found]:
        if _ANSWERED & set(names):
            yield self.facts.answer is not None, None
        words = re.findall(r"[\w']+", self.facts.text.lower())
        wanted = set(content_words(" ".join(names)))
        for at, word in enumerate(words):
            if wanted & set(content_words(word)):
                yield not _NEGATIONS & set(words[max(0, at - 3) : at]), None


_ANY = ("null", "string", "number", "boolean", "object", "array")
_TELLS = {
    "object": ("properties", "required", "minProperties", "patternProperties", "propertyNames"),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"),
}


def _kinds(schema: Schema) -> list[str]:
    """The types that a schema allows or, when it does not say, has keywords for."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return kind
    return [name for name, keys in _TELLS.items() if any(key in schema for key in keys)]


def _part_for(schema: Schema, name: str) -> Any:
    """The schema of a property that is not listed by name."""
    fitting = [
        part
        for pattern, part in (schema.get("patternProperties") or {}).items()
        if patterns.matches(pattern, name)
    ]
    if not fitting:
        return schema.get("additionalProperties", True)
    return fitting[0] if len(fitting) == 1 else {"allOf": fitting}


def _inside_itself(path: tuple[str, ...]) -> bool:
    return len(set(path)) < len(path)


def _same(one: Any, other: Any) -> bool:
    """Equal in JSON, where ``true`` is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _unused(values: Sequence[str], facts: Facts) -> Iterator[str]:
    return (value for value in values if value not in facts.used)


def _follows(text: str, word: str, value: str) -> bool:
    return re.search(rf"\b(?i:{re.escape(word)}) {re.escape(value)}(?!\w)", text) is not None


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
