"""The configuration files for more than one machine fit each other, Phoenix, and the course."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from several_phoenix import MissingProgramError, balancing, free_port, nginx_check

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
    variables = names_set_in("phoenix.env") | {
        name
        for each in ("phoenix-1", "phoenix-2")
        for name in services()[each]["environment"]
        if name != "FORWARDED_ALLOW_IPS"  # uvicorn's
    }
    unit = (DEPLOY / "phoenix@.service").read_text(encoding="utf-8")
    variables |= set(re.findall(r"\bPHOENIX_[A-Z_]+\b", unit))
    assert {name for name in variables if f'"{name}"' not in config} == set()


def test_phoenix_is_the_tested_one() -> None:
    images = {services()[each]["image"] for each in ("phoenix-1", "phoenix-2")}
    [version] = [image.partition("version-")[2] for image in images]
    assert version.startswith(f"{TESTED_PHOENIX}.")
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(TESTED_PHOENIX in each for each in dependencies["dependencies"])


def test_composes_nginx_is_the_one_of_a_single_machine_with_other_addresses() -> None:
    shell, option, script = services()["nginx"]["command"]
    assert option == "-c"
    program, redirection, _ = script.partition(" > /etc/nginx/conf.d/default.conf && exec nginx ")
    assert redirection
    file = DEPLOY / "nginx.conf"
    changed = subprocess.run(
        [shell, option, program.replace("/etc/phoenix.conf", shlex.quote(str(file)))],
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    assert changed == balancing("8080", ["phoenix-1:6006", "phoenix-2:6006"])
    assert "127.0.0.1" not in changed
    [port] = services()["nginx"]["ports"]
    assert port.endswith(":8080")


@pytest.mark.parametrize("secured", [False, True], ids=["as it is", "with its TLS lines"])
def test_nginx_takes_its_file(secured: bool, tmp_path: Path) -> None:
    text = balancing(f"127.0.0.1:{free_port()}", ["127.0.0.1:6006"])
    if secured:
        certificate(tmp_path)
        text = re.sub(r"(?m)^    #(\s*(?:listen|ssl_)\S* .*;)", r"    \1", text)
        assert len(re.findall(r"(?m)^    (?:listen|ssl_).*;", text)) == 5
        text = text.replace("/etc/ssl/", f"{tmp_path}/").replace("443", str(free_port()))
    try:
        checked = nginx_check(tmp_path, text)
    except MissingProgramError as missing:
        pytest.skip(str(missing))
    assert checked.returncode == 0, checked.stderr


def certificate(folder: Path) -> None:
    """Make a certificate that is good for a test."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    files = ["-out", folder / "phoenix.pem", "-keyout", folder / "phoenix.key"]
    subprocess.run([*command, *files], check=True, capture_output=True)


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    unit = (DEPLOY / "phoenix@.service").read_text(encoding="utf-8")
    place = tmp_path / "phoenix@6006.service"
    place.write_text(unit.replace("/opt/phoenix/bin/phoenix", "/bin/true"), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", place], capture_output=True, encoding="utf-8"
    )
    about_it = [line for line in checked.stderr.splitlines() if "phoenix@" in line]
    assert (checked.returncode, about_it) == (0, [])


def test_whoever_ends_phoenix_waits_until_it_has_stored() -> None:
    unit = (DEPLOY / "phoenix@.service").read_text(encoding="utf-8")
    waits = {int(each.group(1)) for each in re.finditer(r"(?m)^TimeoutStopSec=(\d+)$", unit)}
    waits |= {
        int(services()[each]["stop_grace_period"].removesuffix("s"))
        for each in ("phoenix-1", "phoenix-2")
    }
    assert min(waits) >= 30  # Docker's own patience is 10 s


FILES = [each.name for each in sorted(DEPLOY.iterdir()) if each.suffix != ".md"]


@pytest.mark.parametrize("file", FILES)
def test_the_readme_names_every_file(file: str) -> None:
    assert f"`{file}`" in (DEPLOY / "README.md").read_text(encoding="utf-8")
