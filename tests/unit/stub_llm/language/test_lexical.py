"""Words and vectors of the stub."""

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from rag_tutorials.stub_llm.language import lexical
from rag_tutorials.stub_llm.language.lexical import content_words, embed, similarity


def test_content_words_are_stems_without_stop_words() -> None:
    assert content_words("The employees' approvals, and Employee's approval!") == [
        "employe",
        "approv",
        "employe",
        "approv",
    ]


def test_numbers_stay_whole_and_small_number_words_become_digits() -> None:
    assert content_words("Pay 2,000 euros at 10:30, or 1.5 for three days") == [
        "pay",
        "2,000",
        "euro",
        "10:30",
        "1.5",
        "3",
        "day",
    ]


def test_the_typographic_apostrophe_is_an_apostrophe() -> None:
    assert content_words("the manager\u2019s note") == content_words("the manager's note")


@pytest.mark.parametrize("text", ["", "the of and", "?!", "a\nb", "日本語 テスト", "x" * 10_000])
@pytest.mark.parametrize("dimensions", [1, 8, 1536, 3072])
def test_every_text_has_a_vector_of_unit_length(text: str, dimensions: int) -> None:
    vector = embed(text, dimensions)

    assert len(vector) == dimensions
    assert math.sqrt(math.fsum(x * x for x in vector)) == pytest.approx(1.0)


@pytest.mark.parametrize("dimensions", [0, -1])
def test_dimensions_below_one_are_refused(dimensions: int) -> None:
    with pytest.raises(ValueError, match="dimensions must be at least 1"):
        embed("text", dimensions)


def test_word_order_and_case_do_not_count_but_words_do() -> None:
    assert embed("annual leave days") == pytest.approx(embed("DAYS of annual LEAVE"))
    assert embed("annual leave") != embed("annual report")


def test_similarity_ranks_shared_words_over_shared_parts_over_nothing() -> None:
    same = similarity("international work", "Working internationally")
    shared = similarity("international work", "remote work")
    part = similarity("international work", "interns")
    nothing = similarity("international work", "dogs on Fridays")

    assert same == pytest.approx(1.0)
    assert same > shared > part > nothing
    assert abs(nothing) < 0.1


def test_similarity_is_the_cosine_of_the_vectors() -> None:
    a, b = "annual leave of 28 days", "28 days of sick leave"

    assert similarity(a, b) == pytest.approx(math.fsum(map(float.__mul__, embed(a), embed(b))))


def test_processes_with_other_hash_seeds_agree() -> None:
    code = """if True:
        from rag_tutorials.stub_llm.language.lexical import embed
        from rag_tutorials.stub_llm.answering.answers import answer, invent
        text = "A stay of up to 14 days needs only the approval of the line manager."
        print(embed(text), answer("Whose approval does a stay need?", [text] * 3), invent(text))
    """
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(outputs) == 1
    assert "line manager" in outputs.pop()


def test_threads_do_not_disturb_each_other() -> None:
    stems = ["".join(letters) for letters in product("bdfg", "aeiou", "lmnr", "aeiou")]
    texts = [f"{stem}tions {stem}nesses {stem}ingly" for stem in stems]
    expected = [content_words(text) for text in texts]
    lexical._stem.cache_clear()
    interval = sys.getswitchinterval()

    sys.setswitchinterval(1e-6)  # often enough for a shared stemmer to fail
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(content_words, texts)) == expected
    finally:
        sys.setswitchinterval(interval)
