"""The configuration files for more than one machine fit each other, Phoenix, and the course."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from rag_tutorials.course.embedded.importing import TESTED_PHOENIX

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COLLECTOR = (DEPLOY / "collector.yaml").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
TEXTS = ("ada@example.com", "Write to grace.hopper+x@navy.example.org, please.", "no address here")


def collector() -> dict[str, Any]:
    return yaml.safe_load(COLLECTOR)


def services() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE)["services"]


def names_set_in(file: str) -> set[str]:
    text = (DEPLOY / file).read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^([A-Z_]+)=", text))


def test_every_part_of_the_collector_is_used_and_defined() -> None:
    config = collector()
    service = config["service"]
    [pipeline] = service["pipelines"].values()
    for section in ("receivers", "processors", "exporters"):
        assert set(pipeline[section]) == set(config[section])
    assert set(service["extensions"]) == set(config["extensions"])
    for exporter in config["exporters"].values():
        assert exporter["sending_queue"]["storage"] in config["extensions"]


def test_memory_is_limited_first_and_batches_are_made_last() -> None:
    order = collector()["service"]["pipelines"]["traces"]["processors"]
    assert (order[0], order[-1]) == ("memory_limiter", "batch")
    assert order.index("transform/redact") < order.index("tail_sampling")


def test_every_error_is_kept_and_the_rest_is_thinned() -> None:
    policies = {
        each["type"]: each for each in collector()["processors"]["tail_sampling"]["policies"]
    }
    assert policies["status_code"]["status_code"] == {"status_codes": ["ERROR"]}
    assert 0 < policies["probabilistic"]["probabilistic"]["sampling_percentage"] < 100
    assert "always_sample" not in policies


def test_spans_and_their_events_are_redacted() -> None:
    blocks = collector()["processors"]["transform/redact"]["trace_statements"]
    assert {block["context"] for block in blocks} == {"span", "spanevent"}
    places = set()
    for block in blocks:
        for statement in block["statements"]:
            place, pattern, mask = re.fullmatch(
                r'replace_\w+\(([\w.]+)(?:, "value")?, "(.*)", "(.*)"\)', statement
            ).groups()  # type: ignore[union-attr]
            places.add((block["context"], place))
            pattern = pattern.replace("\\\\", "\\")  # as the Collector reads a quoted text
            masked = [re.sub(pattern, mask, text) for text in TEXTS]
            assert masked == ["[e-mail]", "Write to [e-mail], please.", "no address here"]
    assert places == {
        ("span", "attributes"),
        ("span", "name"),
        ("span", "status.message"),
        ("spanevent", "attributes"),
    }


def test_only_loopback_ports_are_published() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    assert collector()["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(
        ":-127.0.0.1:4318}"
    )


def test_the_collector_gets_every_variable_it_reads() -> None:
    needed = set(re.findall(r"\$\{env:([A-Z_]+)\}", COLLECTOR))
    known = set(re.findall(r"\$\{env:([A-Z_]+)", COLLECTOR))
    given = set(services()["collector"]["environment"])
    assert needed <= given <= known


def test_the_secrets_have_a_place_and_no_value() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    assert asked == names_set_in(".env.example")
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert not re.search(r"(?m)^[A-Z_]+=.+$", example)


def test_phoenix_knows_its_variables() -> None:
    found = importlib.util.find_spec("phoenix")
    assert found is not None
    assert found.submodule_search_locations is not None
    config = Path(found.submodule_search_locations[0], "config.py").read_text(encoding="utf-8")
    variables = names_set_in("phoenix.env") | set(services()["phoenix"]["environment"])
    assert {name for name in variables if f'"{name}"' not in config} == set()


def test_phoenix_is_the_tested_one() -> None:
    assert services()["phoenix"]["image"].partition("version-")[2].startswith(f"{TESTED_PHOENIX}.")
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(TESTED_PHOENIX in each for each in dependencies["dependencies"])


@pytest.mark.parametrize("file", ["collector.yaml", "compose.yaml", "phoenix.env", ".env.example"])
def test_the_readme_names_every_file(file: str) -> None:
    assert f"`{file}`" in (DEPLOY / "README.md").read_text(encoding="utf-8")
