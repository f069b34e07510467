"""Joining a class and leaving it: what is said, and what is kept."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values

from rag_tutorials.classroom.base import membership
from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.base.door import Door, UnreachableError
from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import VIEWER
from rag_tutorials.classroom.student.spool import Spool, waiting_in
from rag_tutorials.course.base.companion import VARIABLE
from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.places import course_root, private_folder, state_dir, write_private
from rag_tutorials.course.prepare import accompany

LEAVE = "python scripts/course.py leave"
_LEAVE_IN_A_CELL = "from rag_tutorials.classroom import leave; leave()"
_TRIAL_S = 5.0
_SPOOL = "class-spool"


def spool_of(member: Membership) -> Path:
    """Return the folder in which waits what this student sends."""
    return private_folder(state_dir() / _SPOOL) / member.digest


def join(code: str, name: str | None = None, verdicts_only: bool = False) -> None:
    """Join a class in a cell: as :func:`enter`, but what goes wrong is printed.

    The cells that follow do not need the class.
    """
    try:
        enter(code, name, verdicts_only)
    except CourseError as error:
        print(error)


def enter(code: str, name: str | None = None, verdicts_only: bool = False) -> None:
    """Join a class with the code that the instructor gave, in the place of an earlier one.

    What leaves this machine from now on is printed first. In a kernel it begins at once.

    Args:
        code: The class code.
        name: Your name, where the code does not carry it; without one it is that of your
            JupyterHub, or you are asked.
        verdicts_only: Send neither traces nor anything beside a verdict.

    Raises:
        CourseError: the code is none, there is no name, or the class refuses the key. Nothing was
            changed then.
    """
    found = ClassCode.decode(code)
    name = name or _hub_user()
    if found.name is None and not name:
        name = _ask_name()
    _begin(Membership.of(found, name, verdicts_only))
    accompany()


def join_by_setting(line: str) -> Membership | None:
    """Be in the class that ``COURSE_CLASS`` names: a code, and the options of the command.

    A class that was left stays left until its code is joined by hand, or another code stands there.

    Raises:
        CourseError: the line is none, or as :func:`enter`.
    """
    try:
        options = parser().parse_args(shlex.split(line))
        if not options.code:
            raise CourseError("it has no code.")
        code = ClassCode.decode(options.code)
        member = Membership.of(code, options.name or _hub_user(), options.verdicts_only)
    except (CourseError, ValueError) as error:
        raise CourseError(f"{VARIABLE} (in .env) names no class to join: {error}") from None
    if member != membership.read():
        if _left().is_file() and _left().read_text(encoding="utf-8") == _mark(line):
            return None
        _begin(member)
    return member


def parser() -> argparse.ArgumentParser:
    """Return the parser of what follows ``join``."""
    found = _Parser(prog="join", description="Join a class with the code of your instructor.")
    found.add_argument("code", nargs="?", help="the class code; without it you are asked")
    found.add_argument("--name", help="your name, where the code does not carry it")
    found.add_argument(
        "--verdicts-only", action="store_true", help="send neither traces nor what a check saw"
    )
    return found


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong.

        Raises:
            CourseError: always; a code that stands in a wrong place is not repeated.
        """
        raise CourseError(f"{re.sub(r'class1_[^ ]*', 'CODE', message)}.")


def leave() -> None:
    """Leave the class: nothing is sent any more, and what waited is removed."""
    member = None
    try:
        member = membership.read()
    except CourseError as error:
        print(error)  # nothing can be sent with it
    membership.forget()
    setting = os.environ.get(VARIABLE) or dotenv_values(course_root() / ".env").get(VARIABLE)
    if setting:
        write_private(_left(), _mark(setting.strip()))
    reports, size = waiting_in(state_dir() / _SPOOL)
    shutil.rmtree(state_dir() / _SPOOL, ignore_errors=True)
    accompany()
    if member is None:
        print("You are in no class; nothing is sent anywhere.")
        return
    lost = ""
    if reports or size:
        lost = f" Not sent, and removed: {amount(reports, size)}."
    print(
        f"You have left the class at {member.url}: nothing is sent any more.{lost} What was sent "
        "before stays there; your own traces and progress stay here."
    )


def _begin(member: Membership) -> None:
    """Say what leaves the machine, then be this member."""
    remark = try_key(member)
    print(what_leaves(member))
    if remark:
        print(remark)
    keep(member)
    if not remark and spool_of(member).is_dir():
        # What stood in the way of the code before does so no more; what waited goes on its way.
        with contextlib.suppress(OSError), contextlib.closing(Spool(spool_of(member))) as spool:
            spool.note_trouble("")


def keep(member: Membership) -> None:
    """Be this member from now on; what waits for another class is never sent.

    Raises:
        CourseError: the membership cannot be kept.
    """
    membership.write(member)
    _left().unlink(missing_ok=True)
    for other in (state_dir() / _SPOOL).glob("*"):
        if other.name != member.digest:
            shutil.rmtree(other, ignore_errors=True)


def try_key(member: Membership) -> str:
    """Ask the class whether it takes the key; return a remark where it does not answer.

    Raises:
        CourseError: it refuses the key.
    """
    later = "what you do is kept and sent later"
    try:
        answer = Door(member.url, member.key, _TRIAL_S).get(VIEWER)
    except UnreachableError as error:
        return f"The class at {member.url} is not reached now ({error}); {later}."
    if answer.status in (401, 403):
        raise CourseError(
            f"The class at {member.url} refuses the key of this code (HTTP {answer.status}): it "
            "was revoked, or the class has begun anew; ask your instructor for a new code. You "
            "have not joined, and the lesson goes on alone."
        )
    if not answer.understood or not answer.version:
        said = f"HTTP {answer.status}" if not answer.version else f"Phoenix, HTTP {answer.status}"
        return f"What answers at {member.url} is not ready for a class ({said}); {later}."
    return ""


def what_leaves(member: Membership) -> str:
    """Return what leaves this machine from now on, to whom, and how it ends."""
    who = member.name if member.name == member.slug else f"{member.name} ({member.slug})"
    check = (
        "of each check: the exercise, how it stands, the sentence that it says (which may quote a "
        "value of yours), which attempt it was, and when"
    )
    lines = [
        "that a lesson was opened; whether a prediction was right; how many answers of a quiz were"
    ]
    if member.verdicts_only:
        lines = [check, *lines]
        rest = "No trace leaves it."
    else:
        lines = [
            f"{check}; and what it saw beside the trace, such as the values you gave it",
            *lines,
            "every trace that reaches this course's Phoenix, with the prompts, answers and "
            "documents in it",
        ]
        rest = "To send no traces, join with --verdicts-only (in a cell: verdicts_only=True)."
    return "\n".join(
        [
            f"You join the class at {member.url} as {who}. From now on this leaves your machine:",
            *(f"- {line}" for line in lines),
            f"{rest} Your instructor can read what is there; your fellow students cannot.",
            f"Your own Phoenix stays as it is. To end it: {LEAVE} (in a cell: {_LEAVE_IN_A_CELL})",
        ]
    )


def amount(reports: int, size: int) -> str:
    """Say how much waits."""
    words = [f"{reports} report{'s' * (reports != 1)}"] if reports else []
    words += [f"{max(size, 1e5) / 1e6:.1f} MB of traces"] if size else []
    return " and ".join(words) or "nothing"


def _left() -> Path:
    """Return the file that remembers which setting was left."""
    return state_dir() / "class-left"


def _mark(setting: str) -> str:
    return hashlib.sha256(setting.encode()).hexdigest()


def _hub_user() -> str:
    """Return the name that a JupyterHub knows its user by; empty elsewhere."""
    return os.environ.get("JUPYTERHUB_USER", "").strip()


def _ask_name() -> str:
    try:
        return input("Your name, as your instructor is to see it: ").strip()
    except (EOFError, NotImplementedError, RuntimeError):
        return ""  # nobody to answer: no terminal, or a notebook that runs without a page
