"""Extractive, contradicting and invented answers, on texts that are not the handbook."""

import pytest

from rag_tutorials.stub_llm.answering.answers import answer, contradict, invent

PASSAGES = [
    "The observatory opens at dusk. Its telescope has a mirror of 60 centimetres. Visitors pay "
    "seven crowns.",
    "The library opens at nine. Children under 12 read free of charge. A card costs five crowns "
    "and is valid for two years.",
]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does a library card cost?", "A card costs five crowns and is valid for two years."),
        ("How large is the mirror of the telescope?", PASSAGES[0].split(". ")[1] + "."),
        ("When does the observatory open?", "The observatory opens at dusk."),
        ("Do children read free of charge?", "Children under 12 read free of charge."),
    ],
)
def test_the_sentence_that_covers_the_question_is_the_answer(question: str, expected: str) -> None:
    assert answer(question, PASSAGES) == expected


@pytest.mark.parametrize(
    "question",
    ["Who founded the botanical garden?", "How do I bake bread?", "What is it?", "", "?!"],
)
def test_a_question_that_is_not_covered_has_no_answer(question: str) -> None:
    assert answer(question, PASSAGES) is None


@pytest.mark.parametrize("passages", [[], [""], [" \n "], ["", "..."]])
def test_without_text_there_is_no_answer(passages: list[str]) -> None:
    assert answer("When does the library open?", passages) is None


def test_asked_for_a_number_the_sentence_with_one_wins() -> None:
    passage = "The harbour fee is due on arrival. The harbour fee is 30 crowns."

    assert answer("How much is the harbour fee?", [passage]) == "The harbour fee is 30 crowns."
    assert answer("Is a harbour fee due?", [passage]) == "The harbour fee is due on arrival."


def test_of_equal_sentences_the_first_passage_wins() -> None:
    assert answer("How long is the bridge?", ["The bridge is 40 m.", "The bridge is 90 m."]) == (
        "The bridge is 40 m."
    )


def test_a_sentence_that_points_back_brings_its_predecessor() -> None:
    passage = "Permits are issued by the mayor. They expire after ten months."

    assert answer("After how many months do permits expire?", [passage]) == passage


def test_a_heading_is_not_part_of_the_answer() -> None:
    assert answer("What does parking cost?", ["Prices\nParking costs two crowns."]) == (
        "Parking costs two crowns."
    )


@pytest.mark.parametrize(
    ("sentence", "turned"),
    [
        ("The maximum is 30 days.", "The maximum is 91 days."),
        ("It lasts four years.", "It lasts 13 years."),
        ("The limit is 2,000 euros.", "The limit is 6,001 euros."),
        ("It is paid at 1.5 percent.", "It is paid at 4.5 percent."),
        ("It is open from 06:30 to 21:00.", "It is not open from 06:30 to 21:00."),
        ("Family members may not use them.", "Family members may use them."),
        ("Nobody cannot enter.", "Nobody can enter."),
        ("Fines are never paid.", "Fines are paid."),
        ("The VPN must be on.", "The VPN must not be on."),
        ("Dogs bark.", "It is not true that dogs bark."),
        ("", "It is not true that "),
    ],
)
def test_a_sentence_is_turned_around(sentence: str, turned: str) -> None:
    assert contradict(sentence) == turned


def test_an_invented_answer_is_fluent_steady_and_differs_by_question() -> None:
    questions = [f"How many days is case {n}?" for n in range(30)]
    answers = [invent(question) for question in questions]

    assert answers == [invent(question) for question in questions]
    assert len(set(answers)) > 5
    assert all(text.endswith(".") and " days" in text for text in answers)
