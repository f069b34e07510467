"""What a text must be before it is kept or sent."""


def sendable_text(value: object, name: str) -> str:
    """Return the text if it is one that can be written as UTF-8.

    Args:
        value: What should be a text.
        name: What it is, as the beginning of a sentence: "The question".

    Raises:
        ValueError: It is no text, or holds half a character.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {type(value).__name__}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds half a character at position {error.start} (the lone surrogate "
            f"U+{ord(value[error.start]):04X}, of an emoji that was cut for instance), which "
            "cannot be sent: write the whole character or take it out."
        ) from None
    return value


def nonblank_text(value: object, name: str) -> str:
    """Return the text if it can be written as UTF-8 and says something.

    Args:
        value: What should be a text.
        name: What it is, as the beginning of a sentence.

    Raises:
        ValueError: As in sendable_text, or it is blank.
    """
    text = sendable_text(value, name)
    if not text.strip():
        raise ValueError(f"{name} is empty.")
    return text
