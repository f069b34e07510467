import pytest

from rag_tutorials.stub_llm.answering.prompt import read_prompt, split_passages


@pytest.mark.parametrize(
    "text",
    [
        "Context:\n[1] Alpha one.\n\n[2] Beta two.\n\nQuestion: What is alpha?",
        "Answer from these.\n\nPassages:\n1. Alpha one.\n2. Beta two.\n\nQuery: What is alpha?",
        "Question: What is alpha?\n\nSources:\nAlpha one.\n---\nBeta two.\n\nAnswer:",
        "## Context\n- Alpha one.\n- Beta two.\n\n## Question\nWhat is alpha?\n\n## Answer\n",
        "**Context:**\nAlpha one.\n\nBeta two.\n\n**Question:** What is alpha?",
        "<context>\nAlpha one.\n\nBeta two.\n</context>\n\n<question>What is alpha?</question>",
        "<documents><document id='1'>Alpha one.</document>"
        "<document id='2'>Beta two.</document></documents>\n\nWhat is alpha?",
        "Use the following pieces of context to answer the question at the end.\n\n"
        "Alpha one.\n\nBeta two.\n\nQuestion: What is alpha?\nHelpful Answer:",
        "Use the handbook.\n\n[1] Alpha one.\n[2] Beta two.\n\nWhat is alpha?",
        "What is alpha?\n\n[1] Alpha one.\n[2] Beta two.",
        "Handbook excerpts:\nPassage 1: Alpha one.\nPassage 2: Beta two.\n\nWhat is alpha?",
        "Use the following context to answer:\nAlpha one.\n\nBeta two.\n\nWhat is alpha?",
    ],
)
def test_question_and_passages_are_found(text: str) -> None:
    prompt = read_prompt(text)
    assert prompt.question == "What is alpha?"
    assert prompt.passages == ("Alpha one.", "Beta two.")


def test_a_passage_keeps_its_own_lists_and_labels() -> None:
    text = (
        "Context:\n[1] Steps:\n1. Ask.\n2. Go.\n\nRequired documents: a passport.\n\n"
        "[2] Request: by mail.\n\nQuestion: What first?"
    )
    prompt = read_prompt(text)
    assert prompt.question == "What first?"
    assert prompt.passages == (
        "Steps:\n1. Ask.\n2. Go.\n\nRequired documents: a passport.",
        "Request: by mail.",
    )


def test_passages_may_stand_in_another_message() -> None:
    prompt = read_prompt("What is alpha?", ["Be short.", "Context:\nAlpha one.\n\nBeta two."])
    assert prompt.question == "What is alpha?"
    assert prompt.passages == ("Alpha one.", "Beta two.")


def test_the_users_own_passages_come_before_those_of_another_message() -> None:
    prompt = read_prompt("Context:\nAlpha.\n\nQuestion: What?", ["Context:\nOld."])
    assert prompt.passages == ("Alpha.",)


def test_a_prompt_without_context_has_no_passages() -> None:
    assert read_prompt("Tell me about alpha.").passages is None
    assert read_prompt("Question: what is alpha?").question == "what is alpha?"
    assert read_prompt("<question>what is alpha?</question>").question == "what is alpha?"


def test_an_empty_context_is_not_a_missing_one() -> None:
    assert read_prompt("Context:\n\nQuestion: What is alpha?").passages == ()


@pytest.mark.parametrize(
    "block", ["", "   \n\n", "---"], ids=["nothing", "blank lines", "a rule alone"]
)
def test_no_passages_in_an_empty_block(block: str) -> None:
    assert split_passages(block) == []


@pytest.mark.parametrize(
    "text", ["Context:", "<context></context>", "</context><context>", "Question:", "[1]", "\n", ""]
)
def test_odd_prompts_are_read_without_an_error(text: str) -> None:
    prompt = read_prompt(text)
    assert not prompt.passages
    assert prompt.question in (text.strip(), "")
