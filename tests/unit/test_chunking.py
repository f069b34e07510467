"""Chunks follow paragraphs, within limits, and never cross a section."""

import pytest

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.schema import Chunk, Document


def texts(text: str, **limits: int) -> list[str]:
    return [chunk.text for chunk in semantic_chunk_documents([Document("d", "D", text)], **limits)]


def test_a_paragraph_is_a_chunk_with_a_stable_id() -> None:
    documents = [
        Document("leave", "Leave", "a" * 200 + "\n\n" + "b" * 200),
        Document("travel", "Travel", "c" * 200),
    ]

    assert semantic_chunk_documents(documents) == [
        Chunk("leave-00", "leave", "a" * 200),
        Chunk("leave-01", "leave", "b" * 200),
        Chunk("travel-00", "travel", "c" * 200),
    ]


def test_a_short_paragraph_joins_the_next() -> None:
    assert texts("Short.\n\nNext one.", min_characters=8, max_characters=40) == [
        "Short.\n\nNext one."
    ]


def test_a_short_paragraph_stays_alone_where_the_next_does_not_fit() -> None:
    assert texts("Short.\n\n" + "x" * 38, min_characters=8, max_characters=40) == [
        "Short.",
        "x" * 38,
    ]


def test_a_short_paragraph_never_joins_another_section() -> None:
    documents = [Document("a", "A", "Short."), Document("b", "B", "Other.")]

    assert [chunk.chunk_id for chunk in semantic_chunk_documents(documents)] == ["a-00", "b-00"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    assert texts("One two. Three four? Five six!", min_characters=0, max_characters=20) == [
        "One two. Three four?",
        "Five six!",
    ]


def test_a_long_sentence_is_kept_whole() -> None:
    assert texts("x" * 50 + ". End.", min_characters=0, max_characters=20) == [
        "x" * 50 + ".",
        "End.",
    ]


def test_no_text_is_lost() -> None:
    text = "\n\n".join(f"Sentence {n} of many. " * (n % 7 + 1) for n in range(40))

    joined = " ".join(texts(text, min_characters=60, max_characters=90))

    assert joined.split() == text.split()


def test_no_documents_no_chunks() -> None:
    assert semantic_chunk_documents([]) == []


@pytest.mark.parametrize(("smallest", "largest"), [(-1, 10), (11, 10)])
def test_impossible_limits_are_refused(smallest: int, largest: int) -> None:
    with pytest.raises(ValueError, match="min_characters <= max_characters"):
        semantic_chunk_documents([], min_characters=smallest, max_characters=largest)
