"""JSON schemas as jsonschema reads them, with ECMA 262 patterns and format checks.

A request's schema is checked once, against the meta-schema of draft 2020-12, and kept. References
are followed inside the schema alone: nothing is ever fetched.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from rag_tutorials.stub_llm.language import patterns

Schema = Mapping[str, Any]
_LONGEST_MESSAGE = 300
_DEEPEST = 64


class SchemaError(ValueError):
    """A text is no JSON schema, or nothing can be given that fits it."""


class CheckedSchema:
    """A schema that is one; make it with :func:`checked`."""

    def __init__(self, schema: Any) -> None:
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        validator = _validator()
        validate = validator(validator.META_SCHEMA, format_checker=_formats())
        problem = next(iter(validate.iter_errors(schema)), None)
        if problem is not None:
            path = tuple(str(part) for part in problem.absolute_path)
            raise SchemaError(_in_context(path, problem.message))
        self.schema = schema
        resource = DRAFT202012.create_resource(schema)
        registry: Registry[Any] = Registry().with_resource("", resource)
        self._resolver = registry.resolver()
        self._validator = validator(schema, registry=registry, format_checker=_formats())
        for path, part in parts(schema):
            if len(path) > _DEEPEST:
                raise SchemaError(_in_context((), "the schema is nested too deeply"))
            try:
                self._check_end(part, ())
            except SchemaError as error:
                raise SchemaError(_in_context(path, str(error))) from None

    def target(self, reference: str) -> Any:
        """Return the schema that a ``$ref`` means.

        Raises:
            SchemaError: it means none inside this schema.

        """
        from referencing.exceptions import Unresolvable

        try:
            found = self._resolver.lookup(reference).contents
        except (Unresolvable, ValueError):
            found = None
        if not isinstance(found, Mapping | bool):
            raise SchemaError(f"reference {reference!r} can only point to a schema inside this one")
        return found

    def fits(self, value: Any, part: Any) -> bool:
        """Say whether a value fits a part of the schema.

        Raises:
            SchemaError: the schema holds what jsonschema cannot apply.

        """
        try:
            valid: bool = self._validator.evolve(schema=part).is_valid(value)
        except (ArithmeticError, re.error, RecursionError) as error:
            raise SchemaError(f"the schema cannot be applied: {error}") from None
        return valid

    def _check_end(self, part: Any, open_references: tuple[str, ...]) -> None:
        """Follow references to the same value, which must end; those to values inside it do."""
        if not isinstance(part, Mapping):
            return
        if "$ref" in part:
            reference = part["$ref"]
            if reference in open_references:
                raise SchemaError(f"reference {reference!r} leads back to itself without end")
            self._check_end(self.target(reference), (*open_references, reference))
        if open_references:
            inside = [part[key] for key in _SAME_ONE & part.keys()]
            inside += [one for key in _SAME_LISTS & part.keys() for one in part[key]]
            inside += list(part.get("dependentSchemas", {}).values())
            for one in inside:
                self._check_end(one, open_references)


def checked(schema: Any) -> CheckedSchema:
    """Check a schema; the same one is checked once.

    Raises:
        SchemaError: it is none; the message says where and why.

    """
    return _checked(json.dumps(schema))


@lru_cache(maxsize=256)
def _checked(text: str) -> CheckedSchema:
    try:
        return CheckedSchema(json.loads(text))
    except RecursionError:
        raise SchemaError("In context=(), the schema is nested too deeply.") from None


def parts(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each schema inside a schema, itself first, with its path."""
    yield path, schema
    if not isinstance(schema, Mapping):
        return
    for key in _ONE & schema.keys():
        yield from parts(schema[key], (*path, key))
    for key in _LISTS & schema.keys():
        for number, part in enumerate(_sequence(schema[key])):
            yield from parts(part, (*path, f"{key}.{number}"))
    for key in _MAPS & schema.keys():
        if isinstance(schema[key], Mapping):
            for name, part in schema[key].items():
                yield from parts(part, (*path, f"{key}.{name}"))


_SAME_ONE = {"not", "if", "then", "else"}
_SAME_LISTS = {"anyOf", "oneOf", "allOf"}
_ONE = {"items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"}
_ONE |= {"unevaluatedItems", "unevaluatedProperties"}
_LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_MAPS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _in_context(path: tuple[str, ...], message: str) -> str:
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]}..."
    return f"In context={path}, {message.rstrip('.')}."


@cache
def _validator() -> Any:
    """Return jsonschema's validator with ECMA 262 patterns."""
    # Imported here: whoever asks for text alone never pays for it. One of its parsers takes most
    # of a second to import, for a format (IRI) that can do without.
    absent = "rfc3987_syntax"
    placed = absent not in sys.modules
    sys.modules.setdefault(absent, None)  # type: ignore[arg-type]
    try:
        from jsonschema import (  # type: ignore[import-untyped]
            Draft202012Validator,
            ValidationError,
        )
        from jsonschema.validators import extend  # type: ignore[import-untyped]
    finally:
        if placed:
            sys.modules.pop(absent, None)

    def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not patterns.matches(wanted, instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    def properties(validator: Any, wanted: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for expression, part in wanted.items():
                for name, value in instance.items():
                    if patterns.matches(expression, name):
                        yield from validator.descend(value, part, path=name, schema_path=expression)

    def additional(
        validator: Any, wanted: Any, instance: Any, schema: Any
    ) -> Iterator[ValidationError]:
        for name in instance if isinstance(instance, dict) else ():
            if name not in schema.get("properties", {}) and not any(
                patterns.matches(expression, name)
                for expression in schema.get("patternProperties", {})
            ):
                yield from validator.descend(instance[name], wanted, path=name)

    keywords = {
        "pattern": pattern,
        "patternProperties": properties,
        "additionalProperties": additional,
    }
    return extend(Draft202012Validator, keywords)


@cache
def _formats() -> Any:
    from jsonschema import Draft202012Validator, FormatChecker

    def is_pattern(value: object) -> bool:
        return not isinstance(value, str) or patterns.compiled(value) is not None

    known = Draft202012Validator.FORMAT_CHECKER.checkers
    checker = FormatChecker(())
    checker.checkers = {**known, "regex": (is_pattern, patterns.PatternError)}
    return checker
