"""Where the class is kept: private, whole or not at all, and one sentence where it cannot be."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from rag_tutorials.classroom.instructor.place import ClassPlace, Person, Secrets, Server
from rag_tutorials.course.base.errors import CourseError

ADA = Person("ada", "Ada", "ada@example.org", "VXNlcjox", "VXNlckFwaUtleTox")


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    place = ClassPlace(tmp_path / "class")
    server = Server("http://127.0.0.1:6060", "https://class.example.org", "postgresql://u@h/d")
    place.keep_server(server)
    place.keep_people([ADA])
    known = place.secrets()
    again = ClassPlace(str(tmp_path / "class"))
    assert (again.server(), again.people(), again.secrets()) == (server, (ADA,), known)


def test_the_secrets_are_made_once_differ_and_are_not_shown(tmp_path: Path) -> None:
    known = ClassPlace(tmp_path).secrets()
    assert len({known.signing, known.admin, known.password}) == 3
    assert all(len(one) >= 32 for one in (known.signing, known.admin, known.password))
    assert known.admin not in f"{known!r} {known}"
    assert Secrets.new() != Secrets.new()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps folders by inherited rights")
def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    earlier = os.umask(0)
    try:
        place = ClassPlace(tmp_path / "class")
        place.secrets()
        place.keep_people([])
        place.keep_server(Server("u", "p"))
        with place.held("serve", "busy"):
            pass
    finally:
        os.umask(earlier)
    open_to_others = [
        path
        for path in (place.folder, *place.folder.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_without_a_serve_before_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="class serve"):
        ClassPlace(tmp_path).server()


@pytest.mark.parametrize("broken", ["{", "[]", '{"url": "x"}', '{"nothing": 1}'])
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, broken: str) -> None:
    (tmp_path / "server.json").write_text(broken)
    with pytest.raises(CourseError, match=r"server\.json cannot be read"):
        ClassPlace(tmp_path).server()
    assert (tmp_path / "server.json").read_text() == broken


def test_what_one_process_holds_another_cannot(tmp_path: Path) -> None:
    place = ClassPlace(tmp_path)
    with place.held("people", "busy"):
        with (
            pytest.raises(CourseError, match="busy"),
            ClassPlace(tmp_path).held("people", "busy"),
        ):
            pass
        with ClassPlace(tmp_path).held("serve", "other"):
            pass
    with ClassPlace(tmp_path).held("people", "busy"):
        pass


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match="cannot be kept in"):
        ClassPlace(tmp_path / "file" / "class")


def test_names_are_kept_as_they_are_written(tmp_path: Path) -> None:
    place = ClassPlace(tmp_path)
    place.keep_people([Person("zoë", "Zoë 李", "", "a", "b")])
    assert json.loads((tmp_path / "people.json").read_text("utf-8"))[0]["name"] == "Zoë 李"
