"""The committed data: what the generator writes, and what the course needs of it."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.data_generation import generate, load_source, render_handbook
from rag_tutorials.io_utils import load_handbook_documents, load_queries

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
SCRIPT = ROOT / "scripts" / "generate_data.py"

SECTION = """\
title = "Leave"
text = \"\"\"
Leave is 28 days.
\"\"\"

[[queries]]
id = "leave-days"
kind = "direct"
question = "How long is leave?"
fact = "28 days"
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["handbook_manual.txt", "queries.jsonl"])
def test_the_committed_file_is_what_the_generator_writes(name: str) -> None:
    content = generate(DATA / "source")[name]

    assert (DATA / name).read_bytes() == content
    assert b"\r" not in content


def test_the_handbook_survives_writing_and_reading() -> None:
    documents, queries = load_source(DATA / "source")

    assert load_handbook_documents(DATA / "handbook_manual.txt") == documents
    assert load_queries(DATA / "queries.jsonl") == queries
    assert max(map(len, render_handbook(documents).splitlines())) <= 100


def test_the_data_is_as_large_as_the_course_needs() -> None:
    documents = load_handbook_documents(DATA / "handbook_manual.txt")
    kinds = Counter(query.kind for query in load_queries(DATA / "queries.jsonl"))

    assert len(documents) >= 12
    assert len(semantic_chunk_documents(documents)) >= 40
    assert kinds.total() >= 60
    assert min(kinds["direct"], kinds["paraphrase"]) >= 20
    assert kinds["unanswerable"] >= 10


def test_each_fact_is_in_exactly_one_chunk_of_its_section() -> None:
    chunks = semantic_chunk_documents(load_handbook_documents(DATA / "handbook_manual.txt"))

    places = {
        query.query_id: [
            chunk.chunk_id
            for chunk in chunks
            if chunk.document_id == query.target_document_id
            and query.expected_fact.lower() in chunk.text.lower()
        ]
        for query in load_queries(DATA / "queries.jsonl")
        if query.expected_fact
    }

    assert {key: found for key, found in places.items() if len(found) != 1} == {}


@pytest.mark.parametrize(
    "question",
    [
        "What is the maximum number of days an employee can work internationally?",
        "What must an employee do before working from another country for more than 14 days?",
        "What is the remote work VPN requirement?",
    ],
)
def test_the_questions_of_the_first_tutorial_are_there(question: str) -> None:
    assert question in {query.question for query in load_queries(DATA / "queries.jsonl")}


def test_the_script_writes_and_checks(tmp_path: Path) -> None:
    assert run("--check", "--data", tmp_path).returncode == 1
    assert not list(tmp_path.iterdir())

    assert run("--data", tmp_path).returncode == 0
    assert (tmp_path / "queries.jsonl").read_bytes() == (DATA / "queries.jsonl").read_bytes()
    assert run("--check", "--data", tmp_path).returncode == 0

    with (tmp_path / "queries.jsonl").open("ab") as file:
        file.write(b"\n")
    stale = run("--check", "--data", tmp_path)
    assert stale.returncode == 1
    assert "queries.jsonl is missing or differs" in stale.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "leave-days"\n', "", "'id' is missing"),
        ('fact = "28 days"', 'fact = "29 days"', "'29 days' is not in the text"),
        ('fact = "28 days"', 'fakt = "28 days"', "unknown query field 'fakt'"),
        ('kind = "direct"', 'kind = "odd"', "unknown kind 'odd'"),
        ('title = "Leave"', 'title = "Leave', "leave.toml"),
    ],
)
def test_a_malformed_source_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SECTION
    (tmp_path / "leave.toml").write_text(SECTION.replace(old, new), encoding="utf-8")

    with pytest.raises(ValueError, match=message) as caught:
        load_source(tmp_path)
    assert "leave.toml" in str(caught.value)


def test_a_query_id_is_used_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(SECTION.replace("Leave", name), encoding="utf-8")

    with pytest.raises(ValueError, match="used twice: leave-days"):
        load_source(tmp_path)


def test_no_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No section"):
        load_source(tmp_path)


def test_the_ids_of_the_handbook_are_those_that_traces_and_queries_hold() -> None:
    documents = load_handbook_documents(DATA / "handbook_manual.txt")

    assert [document.document_id for document in documents] == [
        "remote-work",
        "vpn-and-network-security",
        "international-work",
        "annual-leave",
        "sick-leave",
        "parental-leave",
        "expenses",
        "business-travel",
        "devices-and-equipment",
        "on-call-duty",
        "data-handling",
        "hiring-and-referrals",
        "code-of-conduct",
        "training-and-development",
        "performance-and-pay",
        "workplace-safety",
    ]
    assert {query.target_document_id for query in load_queries(DATA / "queries.jsonl")} == {
        None,
        *(document.document_id for document in documents),
    }


def test_titles_that_are_alike_survive_writing_and_reading(tmp_path: Path) -> None:
    for name in ("a", "b"):
        section = SECTION.replace("leave-days", name).replace("Leave", "年假")
        (tmp_path / f"{name}.toml").write_text(section, encoding="utf-8")

    documents, queries = load_source(tmp_path)

    assert [document.document_id for document in documents] == ["年假", "年假-2"]
    assert [query.target_document_id for query in queries] == ["年假", "年假-2"]
    (tmp_path / "handbook.txt").write_text(render_handbook(documents), encoding="utf-8")
    assert load_handbook_documents(tmp_path / "handbook.txt") == documents
