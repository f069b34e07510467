import copy
import json
from typing import Any

import jsonschema
import pytest

from rag_tutorials.stub_llm.answering.structured import Facts, fill

ANSWER = "You may work abroad for 14 days a year."
PASSAGES = ("Laptops are encrypted.", f"{ANSWER} Ask your manager.")


def facts(text: str = "How many days may I work abroad?", *, answered: bool = True) -> Facts:
    return Facts(text, ANSWER if answered else None, PASSAGES)


def properties(**schemas: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": schemas,
        "required": list(schemas),
        "additionalProperties": False,
    }


def test_values_come_from_the_answer_and_its_source() -> None:
    schema = properties(
        answer={"type": "string"},
        days={"type": "integer"},
        answerable={"type": "boolean"},
        sources={"type": "array", "items": {"type": "integer"}},
        topic={"type": "string", "enum": ["expenses", "work abroad", "other"]},
    )
    assert fill(schema, facts()) == {
        "answer": ANSWER,
        "days": 14,
        "answerable": True,
        "sources": [2],
        "topic": "work abroad",
    }


def test_without_an_answer_the_reply_says_so() -> None:
    schema = properties(
        answer={"type": "string"},
        answerable={"type": "boolean"},
        confidence={"type": "number", "minimum": 0, "maximum": 1},
        note={"type": ["string", "null"]},
    )
    value = fill(schema, facts(answered=False))
    assert value["answer"].startswith("I don't know")
    assert value["answerable"] is False
    assert value["confidence"] < 0.5
    assert value["note"] is None


RECURSIVE = {
    "$defs": {
        "node": properties(
            name={"type": "string"},
            child={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        )
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        properties(),
        properties(
            text={"type": "string", "minLength": 100, "maxLength": 120},
            short={"type": "string", "maxLength": 3},
        ),
        properties(
            low={"type": "integer", "minimum": 20},
            high={"type": "number", "maximum": 5, "multipleOf": 0.5},
            inside={"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
        ),
        properties(
            day={"type": "string", "format": "date"},
            moment={"type": "string", "format": "date-time"},
            mail={"type": "string", "format": "email"},
            key={"type": "string", "format": "uuid"},
        ),
        properties(
            list={"type": "array", "items": properties(step={"type": "string"}), "minItems": 2},
            few={"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 1},
        ),
        properties(
            label={"oneOf": [{"const": "yes", "description": "fine"}, {"const": "no"}]},
            fixed={"const": 7},
            either={"anyOf": [{"type": "integer"}, {"type": "string"}]},
            nothing={"type": "null"},
        ),
        properties(code={"type": "string", "pattern": "^[A-Z]-[0-9]+$"}),
        {"allOf": [properties(a={"type": "string"})], "type": "object"},
        RECURSIVE,
    ],
    ids=[
        "free object",
        "no properties",
        "lengths",
        "ranges",
        "formats",
        "arrays",
        "choices",
        "pattern",
        "all of",
        "recursive",
    ],
)
@pytest.mark.parametrize("answered", [True, False])
def test_the_value_fits_the_schema(schema: dict[str, Any], answered: bool) -> None:
    before = copy.deepcopy(schema)
    value = fill(schema, facts(answered=answered))
    jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())
    assert schema == before
    assert json.dumps(value) == json.dumps(fill(schema, facts(answered=answered)))
