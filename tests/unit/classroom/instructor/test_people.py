"""Who is in the class: their codes work, are theirs alone, and end."""

from __future__ import annotations

import csv
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from served_class import PATIENCE_S, Class, codes, eventually, message, send

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.instructor.place import ADMIN, Person, Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class")]


def key(code: ClassCode) -> dict[str, str]:
    return {"authorization": f"Bearer {code.key}"}


def users(one: Class) -> dict[str, Any]:
    found = httpx.get(
        f"{one.place.server().url}/v1/users?limit=1000", headers=one.admin, timeout=120
    )
    return {user["username"]: user for user in found.raise_for_status().json()["data"]}


def test_thirty_people_have_codes_whose_keys_write_as_each_of_them(served: Class) -> None:
    names = [f"Person {number}" for number in range(30)]
    made = served.add("\n".join(names))
    assert list(made) == names
    assert len({code.key for code in made.values()}) == 30
    assert {code.url for code in made.values()} == {served.place.server().public}
    assert [code.name for code in made.values()] == names
    assert {code.pace for code in made.values()} == {1.5}
    known = users(served)
    for name in names[:2]:
        slug = name.lower().replace(" ", "-")
        assert known[slug]["role"] == "MEMBER"
        request = message(f"{slug}.x", 1)
        assert send(made[name], request) == 200
        trace = request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
        verdict = {"trace_id": trace, "name": "01.1", "annotator_kind": "CODE"}
        url = f"{made[name].url}/v1/trace_annotations?sync=true"
        body = {"data": [verdict | {"result": {"label": "passed"}}]}
        eventually(
            lambda: httpx.post(url, json=body, headers=key(made[name]), timeout=120).is_success  # noqa: B023
        )
        notes = httpx.get(
            f"{made[name].url}/v1/projects/{slug}.x/trace_annotations?trace_ids={trace}",
            headers=served.admin,
            timeout=120,
        ).json()["data"]
        assert [note["user_id"] for note in notes] == [known[slug]["id"]]


def test_a_students_key_sends_and_neither_reads_nor_deletes(served: Class) -> None:
    made = served.add("Reader One\nReader Two\n")
    one, two = made["Reader One"], made["Reader Two"]
    request = message("reader-two.x", 2)
    assert send(two, request) == 200
    eventually(lambda: served.stored("reader-two.x") == 2)
    trace = request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
    query = {"query": "{ projects { edges { node { name } } } }"}
    for method, path, content in [
        ("GET", "/v1/projects", None),
        ("GET", "/v1/projects/reader-two.x/spans", None),
        ("GET", f"/v1/projects/reader-two.x/trace_annotations?trace_ids={trace}", None),
        ("POST", "/graphql", query),
        ("DELETE", f"/v1/traces/{trace}", None),
        ("DELETE", "/v1/projects/reader-two.x", None),
        ("GET", "/v1/users", None),
        ("POST", "/v1/user/api_keys", {"data": {"name": "more"}}),
        ("POST", "/v1/spans", {}),
    ]:
        for proof in (key(one), {"cookie": f"phoenix-access-token={one.key}"}):
            asked = httpx.request(
                method, f"{one.url}{path}", headers=proof, json=content, timeout=120
            )
            assert asked.status_code == 401, path
    own = httpx.get(f"{one.url}/v1/user", headers=key(one), timeout=120).json()["data"]
    assert (own["username"], own["role"]) == ("reader-one", "MEMBER")
    assert served.stored("reader-two.x") == 2


def test_an_admins_own_key_may_what_phoenix_lets_admins(served: Class) -> None:
    url = served.place.server().url
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as browser:
        login = {"email": ADMIN, "password": served.place.secrets().password}
        browser.post("/auth/login", json=login).raise_for_status()
        assert browser.get("/v1/projects").status_code == 200
        made = browser.post("/v1/user/api_keys", json={"data": {"name": "mine"}}).json()["data"]
    own = {"authorization": f"Bearer {made['key']}"}
    assert httpx.get(f"{url}/v1/projects", headers=own, timeout=120).status_code == 200


def test_nobody_is_added_twice_and_namesakes_are_two(served: Class) -> None:
    first = served.add("Ada Lovelace,ada@example.org\nZoë Müller\nada  lovelace\nadmin\n😀\n")
    assert list(first) == ["Ada Lovelace", "Zoë Müller", "admin (admin-2)", "😀 (student)"]
    assert [code.name for code in first.values()] == [
        "Ada Lovelace",
        "Zoë Müller",
        "admin-2",
        "student",
    ]
    again = served.add(
        "Ada Lovelace\nADA LOVELACE,ada@example.org\nzoë müller\nadmin\n😀\n"
        "Ada Lovelace,other@example.org\nA. Lovelace,ada@example.org\n"
    )
    assert list(again) == ["Ada Lovelace (ada-lovelace-2)"]
    assert {"ada-lovelace", "ada-lovelace-2", "zoë-müller", "admin-2", "student"} <= set(
        users(served)
    )


def test_a_new_code_ends_the_old_one(served: Class) -> None:
    old = served.add("Grace Hopper\n")["Grace Hopper"]
    assert send(old, message("grace-hopper.x", 1)) == 200
    renewed = served.run("code", name="grace hopper")
    assert renewed.returncode == 0, renewed.stderr
    new = codes(renewed.stdout)["Grace Hopper"]
    assert send(new, message("grace-hopper.x", 1)) == 200
    assert send(old, message("grace-hopper.x", 1)) == 401
    assert [one.slug for one in served.place.people()].count("grace-hopper") == 1


def test_who_is_removed_can_send_no_more_and_what_they_sent_stays(served: Class) -> None:
    code = served.add("Alan Turing\n")["Alan Turing"]
    assert send(code, message("alan-turing.x", 3)) == 200
    eventually(lambda: served.stored("alan-turing.x") == 3)
    assert served.run("remove", name="alan-turing").returncode == 0
    assert send(code, message("alan-turing.x", 3)) == 401
    assert served.stored("alan-turing.x") == 3
    assert "alan-turing" not in users(served)
    gone = served.run("remove", name="alan-turing")
    assert gone.returncode == 1
    assert "Nobody in the class is called 'alan-turing'" in gone.stderr


def test_who_is_removed_is_neither_shown_nor_graded_until_added_again(
    served: Class, tmp_path: Path
) -> None:
    made = served.add("Edsger Dijkstra\nBarbara Liskov\n")
    for name, code in made.items():
        slug = name.lower().replace(" ", "-")
        opened = {"user.id": slug, "class.event": "opened", "class.lesson": "01_manual_spans"}
        assert send(code, message("class.reports", 1, **opened)) == 200
    eventually(lambda: served.stored("class.reports") == 2)

    def shown() -> str:
        table = served.run("show", lesson=None, once=True)
        assert table.returncode == 0, table.stderr
        return table.stdout

    def graded() -> tuple[str, str]:
        file = tmp_path / "grades.csv"
        done = served.run("grade", csv=str(file), details=None)
        assert done.returncode == 0, done.stderr
        return done.stdout, file.read_text("utf-8-sig")

    assert "Edsger Dijkstra" in shown()
    removed = served.run("remove", name="edsger dijkstra")
    assert "Edsger Dijkstra is removed from the class" in removed.stdout
    assert "Edsger" not in shown()
    assert "Barbara Liskov" in shown()
    said, file = graded()
    assert "Left out, for they were removed from the class: Edsger Dijkstra." in said
    assert "edsger" not in file
    assert "barbara-liskov" in file

    served.add("Edsger Dijkstra\n")
    assert "Edsger Dijkstra" in shown()
    said, file = graded()
    assert "Left out" not in said
    assert "edsger-dijkstra" in file


def test_who_is_added_first_and_last_is_said_and_a_heading_above_addresses_is_nobody(
    served: Class,
) -> None:
    names = served.folder / "roster.csv"
    names.write_text("name,email\nTony Hoare,hoare@example.org\nJohn Backus,jb@example.org\n")
    added = served.run("add", file=str(names), shared=None, csv=None)
    assert list(codes(added.stdout)) == ["Tony Hoare", "John Backus"]
    assert added.stderr.splitlines() == [
        "Line 1 is taken for the heading: name,email",
        "2 added, the first is Tony Hoare, the last John Backus.",
    ]


def test_a_code_for_everybody_has_no_name(served: Class) -> None:
    made = served.run("add", file=None, shared=40, csv=None)
    assert made.returncode == 0, made.stderr
    [code] = codes(made.stdout).values()
    assert code.name is None
    assert code.pace <= 45 / 40
    assert send(code, message("somebody.x", 1)) == 200
    again = served.run("add", file=None, shared=40, csv=None)
    assert again.returncode == 1
    assert "There is a code for everybody already" in again.stderr
    renewed = served.run("code", name="everybody")
    assert list(codes(renewed.stdout)) == ["everybody"]
    assert send(code, message("somebody.x", 1)) == 401


def test_a_table_for_a_mail_merge_is_for_this_user_alone(served: Class, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    made = served.add('"Lovelace, Byron",byron@example.org\nÉva\n', csv=str(file))
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["name"], row["email"]) for row in rows] == [
        ("Lovelace, Byron", "byron@example.org"),
        ("Éva", ""),
    ]
    assert [ClassCode.decode(row["code"]) for row in rows] == list(made.values())
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_codes_that_are_kept_nowhere_else_are_not_overwritten(
    served: Class, tmp_path: Path
) -> None:
    names, file = tmp_path / "names.txt", tmp_path / "codes.csv"
    served.add("Early Bird\n", csv=str(file))
    before = file.read_bytes()
    names.write_text("Early Bird\nLate Comer\n")
    for table, sentence in (
        (file, "is there already"),
        (tmp_path, "is there already"),
        (tmp_path / "no" / "codes.csv", "is no folder"),
    ):
        refused = served.run("add", file=str(names), shared=None, csv=str(table))
        assert refused.returncode == 1
        assert sentence in refused.stderr
    assert file.read_bytes() == before
    assert not {"late-comer"} & {one.slug for one in served.place.people()}
    assert "late-comer" not in users(served)


def test_whoever_an_interrupted_command_made_is_made_anew(served: Class) -> None:
    lost = served.add("Lost One\n")["Lost One"]
    # As the command leaves it when it ends before the code is printed.
    begun = Person("lost-one", "Lost One", "", "", "")
    served.place.keep_people(
        [begun if one.slug == "lost-one" else one for one in served.place.people()]
    )
    found = served.add("Lost One\n")["Lost One"]
    assert send(found, message("lost-one.x", 1)) == 200
    assert send(lost, message("lost-one.x", 1)) == 401
    assert [one.slug for one in served.place.people()].count("lost-one") == 1


def test_a_user_of_phoenix_who_is_not_of_the_class_is_left_alone(served: Class) -> None:
    about = {"email": "kay@example.org", "username": "alan-kay", "role": "MEMBER"}
    httpx.post(
        f"{served.place.server().url}/v1/users",
        json={"user": {**about, "auth_method": "LOCAL"}, "send_welcome_email": False},
        headers=served.admin,
        timeout=PATIENCE_S,
    ).raise_for_status()
    before = users(served)["alan-kay"]
    assert list(served.add("Alan Kay\n")) == ["Alan Kay (alan-kay-2)"]
    names = served.folder / "kay.txt"
    names.write_text("Someone Kay,kay@example.org\nNobody Else\n")
    refused = served.run("add", file=str(names), shared=None, csv=None)
    assert refused.returncode == 1
    assert "has a user with the address kay@example.org already" in refused.stderr
    assert users(served)["alan-kay"] == before
    names.write_text("Someone Kay\nNobody Else\n")
    assert served.run("add", file=str(names), shared=None, csv=None).returncode == 0
    assert {"someone-kay", "nobody-else"} <= {one.slug for one in served.place.people()}


def test_without_a_class_that_is_served_it_says_so(tmp_path: Path) -> None:
    one = Class(tmp_path)
    (tmp_path / "n.txt").write_text("Ada\n")
    never = one.run("add", file=str(tmp_path / "n.txt"), shared=None, csv=None)
    assert never.returncode == 1
    assert "class serve" in never.stderr

    one.place.keep_server(Server(f"http://127.0.0.1:{one.port}", "http://x"))
    ended = one.run("add", file=str(tmp_path / "n.txt"), shared=None, csv=None)
    assert ended.returncode == 1
    assert "does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert one.place.people() == ()
