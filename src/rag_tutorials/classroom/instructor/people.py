"""Who is in the class: users of its Phoenix, each with a personal key, which a code carries.

A personal key rather than a system key, although it takes a login: it is tied to a user, so that an
annotation says who wrote it, and to remove a user is to end all that they could do.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.base.wire import slug_of
from rag_tutorials.classroom.instructor.api import Api, refused
from rag_tutorials.classroom.instructor.place import ClassPlace, Person
from rag_tutorials.classroom.instructor.roster import Entry, clean, distinct, read_names, same
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import write_private

# A core stores 90 spans/s, and a Phoenix has one however many the machine has. Half of that is
# kept free, for verdicts.
_BULK = 45.0
_SLOWEST = 0.3
_AT_ONCE = 4
_KEY = "course"
_EVERYBODY = "Everybody"
_CREATE = "/v1/users"
_PASSWORD = """mutation ($id: ID!, $password: String!) {
  patchUser(input: {userId: $id, newPassword: $password}) { user { id } }
}"""
_DELETE = "mutation ($ids: [ID!]!) { deleteUsers(input: {userIds: $ids}) { userIds } }"
_BUSY = "Somebody else is changing who is in the class; run the same command again."


class _Coded(NamedTuple):
    person: Person
    code: str


def add(place: ClassPlace, file: Path | None, table: Path | None) -> int:
    """Add everybody in a file who was not added before, print a code for each, return the status.

    Args:
        place: where the class is kept; it must be served.
        file: the file of names, see :func:`~rag_tutorials.classroom.instructor.roster.read_names`.
        table: where to write the codes as CSV too, or None.

    Raises:
        CourseError: the file has other lines, or Phoenix did not take somebody; who was added
            before that stays so, and has a code that was printed.
    """
    if file is None:
        raise CourseError("Name the file with the students' names, or give --shared.")
    entries, heading = read_names(file)
    if heading:
        print(f"Line 1 is taken for the heading: {heading}", file=sys.stderr)
    with place.held("people", _BUSY), Api(place) as api:
        known = place.people()
        users = _users(api)
        fresh = list(_fresh(entries, known, _taken(known, users)))
        _tell_of_others(len(entries) - len(fresh))
        pace = _pace(len([one for one in known if one.key_id]) + len(fresh))
        status = _make(place, api, known, fresh, users, pace, table)
        _tell_of_added(fresh)
        return status


def add_shared(place: ClassPlace, size: int, table: Path | None) -> int:
    """Make one code without a name for ``size`` people, print it and return the status.

    Raises:
        CourseError: as :func:`add`.
    """
    if size < 1:
        raise CourseError(f"A class of {size} needs no code; give --shared a number above 0.")
    with place.held("people", _BUSY), Api(place) as api:
        known = place.people()
        if any(one.key_id and not one.name for one in known):
            raise CourseError(
                "There is a code for everybody already; `python scripts/course.py class code "
                "everybody` makes a new one, and the old one ends."
            )
        users = _users(api)
        everybody = Person(distinct(_EVERYBODY, _taken(known, users)), "", "", "", "")
        return _make(place, api, known, [everybody], users, _pace(len(known) + size), table)


def renew(place: ClassPlace, name: str) -> int:
    """Print a new code for somebody, whose old one ends, and return the status.

    Raises:
        CourseError: there is no such person, or Phoenix is not to be had.
    """
    with place.held("people", _BUSY), Api(place) as api:
        known = place.people()
        person = find((one for one in known if one.key_id), name)
        coded = _new_key(api, place, person, _pace(len(known)))
        place.keep_people([coded.person if one is person else one for one in known])
        _print([coded])
        # Last: a code that is printed and not yet the only one is better than none.
        api.delete(f"/v1/user/api_keys/{person.key_id}")
    return 0


def remove(place: ClassPlace, name: str) -> int:
    """End somebody's code and user, and show and grade them no more; return the status.

    What they sent stays, and is theirs again if they are added again. Those who joined with a code
    for everybody stay in the class when that code ends: they have names of their own.

    Raises:
        CourseError: there is no such person, or Phoenix is not to be had.
    """
    with place.held("people", _BUSY), Api(place) as api:
        known = place.people()
        person = find(known, name)
        delete_users(api, [person])
        if person.name:
            others = [one for one in place.removed() if one.slug != person.slug]
            place.keep_removed([*others, person])
        place.keep_people(one for one in known if one is not person)
    print(
        f"{person.name} is removed from the class, its table and its grades; what was sent is kept "
        "until the class ends."
        if person.name
        else "The code for everybody is removed; who joined with it stays in the table."
    )
    return 0


def delete_users(api: Api, people: Sequence[Person]) -> None:
    """Delete users of Phoenix, whose keys end at once; those who are gone already are passed over.

    Raises:
        CourseError: Phoenix does not answer, or refuses.
    """
    users = _users(api)
    there = set(users.values())
    # Whose making was interrupted may be there without our knowing the id.
    ids = [one.user_id or users.get(one.slug, "") for one in people]
    ids = [one for one in ids if one in there]
    if ids:
        api.graphql(_DELETE, ids=ids)


def find(people: Iterable[Person], name: str) -> Person:
    """Return who has this name, in whatever spelling, or this slug.

    Raises:
        CourseError: nobody has, or several.
    """
    people = tuple(people)
    wanted = same(clean(name))
    found = [one for one in people if one.slug == wanted] or [
        one for one in people if same(one.name) == wanted
    ]
    if len(found) == 1:
        return found[0]
    if found:
        slugs = ", ".join(one.slug for one in found)
        raise CourseError(f"{name} is the name of several; say which: {slugs}.")
    raise CourseError(
        f"Nobody in the class is called {name!r}; "
        f"{len(people)} are in it: {', '.join(one.slug for one in people[:200]) or 'nobody'}."
    )


def _pace(size: int) -> float:
    """Return how many spans a second each of so many students may send in bulk."""
    return max(_SLOWEST, round(_BULK / size, 2))


def _taken(known: Iterable[Person], users: Iterable[str]) -> set[str]:
    """Return the slugs that nobody new can have; Phoenix may have users who are not of the class.

    Whose making was interrupted is made anew, under the same slug.
    """
    begun = {one.slug for one in known if not one.key_id}
    return {one.slug for one in known if one.key_id} | (set(users) - begun)


def _fresh(entries: Iterable[Entry], known: Iterable[Person], taken: set[str]) -> Iterator[Person]:
    """Yield whom to add. One name with two e-mail addresses is two people."""
    emails: set[str] = set()
    names: dict[str, list[str]] = {}
    for one in known:
        if one.key_id:
            emails.update([one.email] if one.email else [])
            names.setdefault(same(one.name), []).append(one.email)
    for entry in entries:
        others = names.setdefault(same(entry.name), [])
        if entry.email in emails or (others and (not entry.email or "" in others)):
            continue
        others.append(entry.email)
        slug = distinct(entry.name, taken)
        taken.add(slug)
        emails.update([entry.email] if entry.email else [])
        yield Person(slug, entry.name, entry.email, "", "")


def _tell_of_others(count: int) -> None:
    if count:
        print(
            f"{count} of the lines name somebody who is in the class or stands above; a lost code "
            'is replaced by `python scripts/course.py class code "NAME"`.',
            file=sys.stderr,
        )


def _tell_of_added(fresh: Sequence[Person]) -> None:
    """Say who is first: a heading of one column is taken for a name."""
    if len(fresh) > 1:
        print(
            f"{len(fresh)} added, the first is {fresh[0].name}, the last {fresh[-1].name}.",
            file=sys.stderr,
        )


def _make(
    place: ClassPlace,
    api: Api,
    known: Sequence[Person],
    fresh: Sequence[Person],
    users: Mapping[str, str],
    pace: float,
    table: Path | None,
) -> int:
    """Make users, keys and codes; print and keep what could be made, also if not all could."""
    if table is not None and fresh:
        _check_free(table)
    slugs = {one.slug for one in fresh}
    others = [one for one in known if one.slug not in slugs]
    # Before anything is made: what is in Phoenix and stands here is the class's.
    place.keep_people([*others, *fresh])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        making = [pool.submit(_made, api, place, users, one, pace) for one in fresh]
        coded = list(_results(making))
    if table is not None and coded:
        _write_table(table, coded)
    _print(coded)
    made = {one.person.slug: one.person for one in coded}
    place.keep_people([*others, *(made.get(one.slug, one) for one in fresh)])
    errors = [one.exception() for one in making if not one.cancelled()]
    if error := next((one for one in errors if one is not None), None):
        raise CourseError(
            f"{len(coded)} of {len(fresh)} are added. {error} Then run it again for the rest."
        ) from error
    return 0


def _results(made: Sequence[Future[_Coded]]) -> Iterator[_Coded]:
    """Yield what was made, in order; where one fails, those that have not begun never do."""
    failed = False
    for one in made:
        if failed and one.cancel():
            continue
        if one.exception() is None:
            yield one.result()
        else:
            failed = True


def _made(
    api: Api, place: ClassPlace, users: Mapping[str, str], person: Person, pace: float
) -> _Coded:
    """Make a user with a key. A user whom an earlier, interrupted command made is taken over."""
    email = _email(person)
    if person.slug in users:
        api.graphql(_DELETE, ids=[users[person.slug]])
    password = _new_password()
    about = {"email": email, "username": person.slug, "role": "MEMBER", "auth_method": "LOCAL"}
    answer = api.post(
        _CREATE, {"user": {**about, "password": password}, "send_welcome_email": False}
    )
    if answer.status_code == httpx.codes.CONFLICT:
        raise CourseError(
            f"Phoenix has a user with the address {email} already, who is not of this class: give "
            f"{person.name} another address, or none."
        )
    if not answer.is_success:
        raise refused(answer)
    person = dataclasses.replace(person, user_id=str(answer.json()["data"]["id"]))
    return _with_key(api, place, person, password, pace)


def _new_key(api: Api, place: ClassPlace, person: Person, pace: float) -> _Coded:
    """Make another key; the user's password is not kept, so they get a new one first."""
    password = _new_password()
    api.graphql(_PASSWORD, id=person.user_id, password=password)
    return _with_key(api, place, person, password, pace)


def _with_key(api: Api, place: ClassPlace, person: Person, password: str, pace: float) -> _Coded:
    key = api.personal_key(_email(person), password, _KEY)
    # The name that a code carries says what the slug is; that of a namesake is the slug itself.
    name = person.name if slug_of(person.name) == person.slug else person.name and person.slug
    code = ClassCode(place.server().public, key["key"], name or None, pace).encode()
    return _Coded(dataclasses.replace(person, key_id=str(key["id"])), code)


def _email(person: Person) -> str:
    """Return the address that Phoenix knows somebody by; .invalid is nobody's."""
    return person.email or f"{person.slug}@class.invalid"


def _new_password() -> str:
    """Return 128 random bits. Nobody is told: it is used once, to make a key."""
    return f"{secrets.token_hex(16)}a1"


def _users(api: Api) -> dict[str, str]:
    """Return the ids of Phoenix's users by their names."""
    return {one["username"]: one["id"] for page in api.pages(_CREATE) for one in page}


def _print(coded: Iterable[_Coded]) -> None:
    for person, code in coded:
        print(f"{_shown(person)}\t{code}")


def _shown(person: Person) -> str:
    if slug_of(person.name) == person.slug:
        return person.name
    return f"{person.name} ({person.slug})" if person.name else "everybody"


def _check_free(table: Path) -> None:
    """See before a code is made that it can be written.

    Raises:
        CourseError: something is there, or the folder is not.
    """
    if table.exists():
        raise CourseError(
            f"{table} is there already, and the codes in a file like it are kept nowhere else; "
            "name another one with --csv. Nobody was added."
        )
    if not table.parent.is_dir():
        raise CourseError(
            f"{table.parent} is no folder; name a file with --csv in one that is there. Nobody was "
            "added."
        )


def _write_table(file: Path, coded: Iterable[_Coded]) -> None:
    """Write names, addresses and codes for a mail merge, for this user alone.

    Raises:
        CourseError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "email", "code"])
    writer.writerows((_shown(one.person), one.person.email, one.code) for one in coded)
    try:
        write_private(file, "\ufeff" + text.getvalue())  # by the mark, Excel knows UTF-8
    except OSError as error:
        print(
            f"{file} cannot be written ({sentence_of(error)}); the codes are printed here alone.",
            file=sys.stderr,
        )
