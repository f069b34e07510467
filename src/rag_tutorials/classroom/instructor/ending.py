"""The end of a class: everything exported, then users, keys and projects deleted."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from rag_tutorials.classroom.base.wire import REPORTS, STUDENT
from rag_tutorials.classroom.instructor.api import Api
from rag_tutorials.classroom.instructor.export import (
    Exported,
    Project,
    export,
    projects_of,
    write_index,
)
from rag_tutorials.classroom.instructor.people import delete_users
from rag_tutorials.classroom.instructor.place import ClassPlace, Person
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import private_folder
from rag_tutorials.course.student.confirm import confirmed

_LOOK_S = 1.0
_QUIET_LOOKS = 3
_BUSY = "Somebody else is changing who is in the class; run the same command again."


def end(place: ClassPlace, to: Path | None, here: Path, *, ask: bool) -> int:
    """Export the class and, once that is whole, delete it after asking; return the status.

    Args:
        place: where the class is kept; it must be served.
        to: a folder for the export that is new or empty, or None for a new one.
        here: where a new one is made.
        ask: whether to ask before anything is deleted.

    Raises:
        CourseError: something failed; the sentence says what is done. It can be run again.
    """
    folder = to or here / f"class-{datetime.now():%Y%m%d-%H%M%S}"
    with place.held("people", _BUSY), Api(place) as api:
        people = place.people()
        known = (*people, *place.removed())
        mine, others = split(projects_of(api), students(api, known))
        if not people and not mine:
            place.keep_removed([])
            print("Nobody is in this class and nothing was sent to it: there is nothing to end.")
            return 0
        exported = _write(api, mine, known, folder)
        spans = sum(one.spans for one in exported)
        print(
            f"Exported {spans} spans and {sum(one.annotations for one in exported)} annotations of "
            f"{len(exported)} projects into {folder}"
        )
        if named := [one.name for one in others if one.spans]:
            print(f"Not of the class, and left alone: {', '.join(named)}.")
        question = (
            f"Delete {len(people)} users with their keys, and {len(mine)} projects with "
            f"{spans} spans, from the class's Phoenix?"
        )
        if ask and not confirmed(question):
            return 1
        _delete(api, place, known, exported, folder)
    print(
        f"Deleted: {len(people)} users and {len(mine)} projects. What a database frees can stay "
        f"on the disk for a while; to be rid of it, end `class serve` and remove {place.folder}"
        f"{' and the database' if place.server().database else ''}."
    )
    return 0


def students(api: Api, people: Iterable[Person]) -> set[str]:
    """Return the slugs of the class: of those who are or were in it, and of those who reported.

    Who joins with a code for everybody names themselves.
    """
    slugs = {one.slug for one in people}
    reports = next((one for one in projects_of(api) if one.name == REPORTS), None)
    if reports is not None:
        for page in api.pages(f"/v1/projects/{quote(reports.id, safe='')}/spans"):
            slugs.update(str(one["attributes"].get(STUDENT, "")) for one in page)
    return slugs - {""}


def split(projects: Iterable[Project], slugs: set[str]) -> tuple[list[Project], list[Project]]:
    """Return the class's projects, that of the reports last, and those that are not its own."""
    mine: list[Project] = []
    others: list[Project] = []
    for one in projects:
        slug, dot, _ = one.name.partition(".")
        (mine if one.name == REPORTS or (dot and slug in slugs) else others).append(one)
    return sorted(mine, key=lambda one: (one.name == REPORTS, one.name)), others


def _write(
    api: Api, projects: Sequence[Project], people: Sequence[Person], folder: Path
) -> list[Exported]:
    """Export into a folder that appears when all is in it.

    Raises:
        CourseError: it failed; nothing was deleted.
    """
    part = folder.with_name(f"{folder.name}.part")
    with _nothing_deleted():
        try:
            if folder.exists() and any(folder.iterdir()):
                raise CourseError(f"{folder} is not empty; name a new folder with --to.")
            shutil.rmtree(part, ignore_errors=True)  # of an export that was interrupted
            private_folder(part)
        except OSError as error:
            raise CourseError(
                f"{folder} cannot be made ({sentence_of(error)}); name another folder with --to."
            ) from error
        exported = export(api, projects, part)
        try:
            write_index(part, exported, people)
            if folder.exists():
                folder.rmdir()
            part.replace(folder)
        except OSError as error:
            raise CourseError(
                f"{folder} cannot be written ({sentence_of(error)}); what was exported is in "
                f"{part}. Name another folder with --to."
            ) from error
    return exported


@contextlib.contextmanager
def _nothing_deleted() -> Iterator[None]:
    try:
        yield
    except CourseError as error:
        raise CourseError(f"{error} Nothing was deleted.") from error


def _delete(
    api: Api,
    place: ClassPlace,
    people: Sequence[Person],
    exported: Sequence[Exported],
    folder: Path,
) -> None:
    """Delete users, see that nothing came meanwhile, delete projects.

    Who is in the class stays written down until all is done, so that it can be run again.

    Raises:
        CourseError: something failed; the sentence says what is deleted and what is left.
    """
    deleted = 0
    left = len(exported)
    stage = "Nothing is deleted for certain"
    try:
        delete_users(api, people)
        stage = "The users and their keys are deleted"
        slugs = students(api, people)
        mine = _settled(api, slugs)
        if {one.name: one.spans for one in mine} != {one.project: one.spans for one in exported}:
            # Sent before the keys ended, stored after the first export.
            _update(api, mine, people, folder)
        left = len(mine)
        for one in mine:
            api.delete(f"/v1/projects/{quote(one.id, safe='')}")
            deleted += 1
            left -= 1
        again, _ = split(projects_of(api), slugs)
        if again:
            raise CourseError(f"{len(again)} projects got spans that were still on their way.")
        place.keep_people([])
        place.keep_removed([])
    except (CourseError, KeyboardInterrupt) as error:
        said = str(error) or "Interrupted."
        raise CourseError(
            f"{said} {stage}; {deleted} projects are deleted, {left} are left. Everything is in "
            f"{folder}; the same command, with another folder, exports and deletes the rest."
        ) from error


def _settled(api: Api, slugs: set[str]) -> list[Project]:
    """Return the class's projects once Phoenix has stored what it has accepted.

    Phoenix does not tell how much waits; it waits no more when nothing changes for a while.
    """
    before, quiet = None, 0
    while True:
        mine, _ = split(projects_of(api), slugs)
        quiet = quiet + 1 if mine == before else 0
        if quiet == _QUIET_LOOKS:
            return mine
        before = mine
        time.sleep(_LOOK_S)


def _update(api: Api, projects: Sequence[Project], people: Sequence[Person], folder: Path) -> None:
    """Export everything anew in the place of the first export, which stays until that is whole."""
    fresh = folder.with_name(f"{folder.name}.part")
    earlier = folder.with_name(f"{folder.name}.earlier")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        private_folder(fresh)
        write_index(fresh, export(api, projects, fresh), people)
        folder.replace(earlier)
        fresh.replace(folder)
        shutil.rmtree(earlier)
    except OSError as error:
        raise CourseError(f"{folder} cannot be written ({sentence_of(error)}).") from error
