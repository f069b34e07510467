"""A question on the terminal before something is lost."""

from __future__ import annotations


def confirmed(question: str) -> bool:
    """Ask, and say whether the answer was yes; without anybody to answer it is no."""
    try:
        answer = input(f"{question} Type yes: ")
    except (EOFError, KeyboardInterrupt):
        print()
        answer = ""
    if answer.strip().lower() in ("y", "yes"):
        return True
    print("Nothing was changed.")
    return False
