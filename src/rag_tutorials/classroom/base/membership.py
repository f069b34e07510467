"""Which class this checkout has joined: one private file in the course's state folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.base.wire import slug_of
from rag_tutorials.course.base.companion import MEMBERSHIP
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import state_dir, write_private


@dataclass(frozen=True, slots=True)
class Membership:
    """One student in one class.

    Attributes:
        url: The address of the class's Phoenix.
        key: The key that it is written with. It is never shown.
        name: The student's name.
        pace: How many spans a second may be sent when nothing is urgent.
        verdicts_only: Whether neither traces nor evidence leave the machine.
    """

    url: str
    key: str = field(repr=False)
    name: str
    pace: float = 1.0
    verdicts_only: bool = False

    @classmethod
    def of(
        cls, code: ClassCode, name: str | None = None, verdicts_only: bool = False
    ) -> Membership:
        """Return the membership that a code gives; a name in the code counts more than this one.

        Raises:
            CourseError: there is no name, or none that a slug can be made of.
        """
        wanted = " ".join((code.name or name or "").split())
        if not wanted:
            raise CourseError(
                "This class code is for everybody and does not say who you are; give your name "
                "with it: `python scripts/course.py join CODE --name NAME`."
            )
        if not slug_of(wanted):
            raise CourseError(
                f"The name {wanted!r} has neither a letter nor a digit; join with another name."
            )
        return cls(code.url, code.key, wanted, code.pace, verdicts_only)

    @property
    def slug(self) -> str:
        """The student's name as the class's projects have it: ``ada-lovelace``."""
        return slug_of(self.name)

    @property
    def digest(self) -> str:
        """A short name for this student in this class; a new key changes nothing of it."""
        return hashlib.sha256(f"{self.url}\n{self.slug}".encode()).hexdigest()[:12]


def read() -> Membership | None:
    """Return this checkout's membership, or None.

    Raises:
        CourseError: there is a file that cannot be read as one.
    """
    file = state_dir() / MEMBERSHIP
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        code = ClassCode(str(said["url"]), str(said["key"]), str(said["name"]), said["pace"])
        return Membership.of(code, verdicts_only=bool(said["verdicts_only"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        cause = sentence_of(error) if isinstance(error, OSError) else type(error).__name__
        raise CourseError(
            f"{file} cannot be read as a membership of a class ({cause}); join again with the code "
            "that your instructor gave you, or run `python scripts/course.py leave`."
        ) from None


def write(member: Membership) -> Path:
    """Keep a membership in the place of an earlier one; return the file.

    Raises:
        CourseError: it cannot be written.
    """
    file = state_dir() / MEMBERSHIP
    content = {
        "url": member.url,
        "key": member.key,
        "name": member.name,
        "pace": member.pace,
        "verdicts_only": member.verdicts_only,
    }
    try:
        new = file.with_suffix(".new")
        write_private(new, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        new.replace(file)
    except OSError as error:
        raise CourseError(
            f"The membership cannot be kept in {file} ({sentence_of(error)}); free some space or "
            "set COURSE_STATE_DIR to a folder you may write to, and join again."
        ) from error
    return file


def forget() -> None:
    """Remove the membership, if there is one.

    Raises:
        CourseError: it cannot be removed.
    """
    file = state_dir() / MEMBERSHIP
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(
            f"{file} cannot be removed ({sentence_of(error)}); remove it by hand."
        ) from error
