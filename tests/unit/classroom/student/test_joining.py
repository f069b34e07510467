"""Joining and leaving: what is said, what is kept, and what is refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from class_server import KEY, ClassServer, Fault, body_of, made, until

from rag_tutorials.classroom import join, leave
from rag_tutorials.classroom.base import membership
from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import REPORTS
from rag_tutorials.classroom.student import commands
from rag_tutorials.classroom.student.companion import ClassCompanion, companion
from rag_tutorials.classroom.student.joining import enter, join_by_setting, spool_of
from rag_tutorials.classroom.student.spool import Spool
from rag_tutorials.classroom.student.uplink import Uplink
from rag_tutorials.course import CourseError
from rag_tutorials.course.base import companion as hook
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.verdict import NOT_YET, Verdict

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    for name in (hook.VARIABLE, "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    of_this_test: list[ClassCompanion] = []
    monkeypatch.setattr("rag_tutorials.classroom.student.companion._current", of_this_test)
    yield tmp_path
    for one in of_this_test:
        one.close()


def code_of(server: ClassServer, name: str | None = "Ada Lovelace") -> str:
    return ClassCode(server.url, KEY, name, 5).encode()


def test_what_leaves_is_said_and_the_membership_is_private(
    server: ClassServer, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    join(code_of(server))
    said = capsys.readouterr().out
    assert f"You join the class at {server.url} as Ada Lovelace (ada-lovelace)." in said
    in_a_cell = said.partition("(in a cell: from")[2].partition(")\n")[0]
    exec(f"from{in_a_cell}", {})
    assert capsys.readouterr().out.startswith("You have left the class")
    assert membership.read() is None
    join(code_of(server))
    for part in (
        "the sentence that it says (which may quote a value of yours)",
        "prompts, answers and documents",
        "--verdicts-only",
        "course.py leave",
    ):
        assert part in said
    assert KEY not in said
    found = membership.read()
    assert found == Membership(server.url, KEY, "Ada Lovelace", 5.0)
    assert KEY not in f"{found!r} {found}"
    if sys.platform != "win32":
        assert (state / "class.json").stat().st_mode & 0o777 == 0o600


def test_verdicts_only_says_that_no_trace_leaves(
    server: ClassServer, capsys: pytest.CaptureFixture[str]
) -> None:
    join(code_of(server), verdicts_only=True)
    said = capsys.readouterr().out
    assert "No trace leaves it." in said
    assert "prompts" not in said
    found = membership.read()
    assert found is not None
    assert found.verdicts_only


def test_a_revoked_key_changes_nothing(server: ClassServer) -> None:
    join(code_of(server))
    server.fault = Fault(401)
    other = ClassCode(server.url, "another.key", "Grace").encode()
    with pytest.raises(CourseError, match=r"refuses the key .*new code.*goes on alone"):
        enter(other)
    found = membership.read()
    assert found is not None
    assert found.name == "Ada Lovelace"


def test_a_class_that_is_not_there_yet_is_joined_all_the_same(
    server: ClassServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    join(code_of(server))
    assert "is not reached now (nobody listens there); what you do is kept" in (
        capsys.readouterr().out
    )
    assert membership.read() is not None


def test_a_code_for_everybody_asks_who_you_are(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: " Grace  Hopper ")
    join(code_of(server, None))
    found = membership.read()
    assert found is not None
    assert (found.name, found.slug) == ("Grace Hopper", "grace-hopper")

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CourseError, match="does not say who you are"):
        enter(code_of(server, None))
    with pytest.raises(CourseError, match="neither a letter nor a digit"):
        enter(code_of(server, None), name="!?")


def test_leaving_removes_what_waited_and_says_how_much(
    server: ClassServer, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    join(code_of(server))
    member = membership.read()
    assert member is not None
    server.fault = Fault(503)
    uplink = Uplink(member, spool_of(member))
    uplink.take(body_of(made(["a"])))
    uplink.close(0)
    leave()
    assert "Not sent, and removed: 0.1 MB of traces." in capsys.readouterr().out
    assert membership.read() is None
    assert not (state / "class-spool").exists()
    leave()
    assert "You are in no class" in capsys.readouterr().out


def test_what_waits_for_one_class_is_never_sent_to_another(server: ClassServer) -> None:
    join(code_of(server))
    member = membership.read()
    assert member is not None
    folder = spool_of(member)
    server.fault = Fault(503)
    uplink = Uplink(member, folder)
    uplink.take(body_of(made(["a"])))
    uplink.close(0)
    other = ClassServer()
    join(ClassCode(other.url, KEY, "Ada Lovelace").encode())
    other.stop()
    assert not folder.exists()


def test_a_membership_that_cannot_be_read_is_named_without_its_content(state: Path) -> None:
    (state / "class.json").write_text('{"url": "http://x", "key": "secret"')
    with pytest.raises(CourseError, match="cannot be read as a membership") as caught:
        membership.read()
    assert "secret" not in str(caught.value)
    with pytest.raises(CourseError, match="The lesson goes on alone"):
        hook.find()
    leave()
    assert hook.find() is None


def test_a_setting_joins_once_and_a_class_that_was_left_stays_left(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = f'{code_of(server, None)} --name "Ada Lovelace" --verdicts-only'
    joined = join_by_setting(setting)
    assert joined == Membership(server.url, KEY, "Ada Lovelace", 5.0, verdicts_only=True)
    assert "You join" in capsys.readouterr().out
    assert join_by_setting(setting) == joined
    assert "You join" not in capsys.readouterr().out
    monkeypatch.setenv(hook.VARIABLE, setting)
    leave()
    assert join_by_setting(setting) is None
    assert membership.read() is None
    assert join_by_setting(code_of(server)) is not None  # another line
    join(code_of(server, "Grace"))
    assert join_by_setting(setting) == joined


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("nonsense", "no class code"),
        ("--verdicts-only", "it has no code"),
        ('class1_abc "', "No closing quotation"),
        ("class1_abc --nam", "ambiguous|unrecognized|expected one argument"),
        ("class1_abc class1_SECRET", "unrecognized arguments: CODE"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_the_lesson_goes_on(
    setting: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hook.VARIABLE, setting)
    with pytest.raises(CourseError, match=sentence) as caught:
        hook.find()
    assert str(caught.value).endswith("The lesson goes on alone.")
    assert "SECRET" not in str(caught.value)
    assert hook.VARIABLE not in os.environ


def test_without_a_membership_nothing_of_it_is_imported(state: Path) -> None:
    program = (
        "import sys\n"
        "from rag_tutorials.course import prepare\n"
        "from rag_tutorials.course.base.companion import find\n"
        "print(find(), [name for name in sys.modules if 'classroom' in name])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert said.stdout == "None []\n"


def test_the_commands_say_one_sentence_and_take_the_code_from_the_environment(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(hook.VARIABLE, code_of(server)[:-5])
    assert commands.main(["join"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv(hook.VARIABLE, code_of(server))
    assert commands.main(["join", "--name=Grace"]) == 0
    found = membership.read()
    assert found is not None
    assert found.name == "Ada Lovelace"  # the code's own name counts
    assert capsys.readouterr().out.endswith("when its cell with `prepare` runs again.\n")
    assert commands.main(["leave"]) == 0
    assert membership.read() is None


def test_a_companion_that_fails_is_no_error_of_a_cell(
    server: ClassServer, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(code_of(server))
    found = companion("")
    assert found is not None

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Uplink, "report", fail)
    monkeypatch.setattr(Uplink, "take", fail)
    found.accepted(b"", "", None)
    found.predicted("01_manual_spans", "01.a", True)
    text, remedy = found.finding()
    assert "could not be told: RuntimeError: on purpose" in text
    assert remedy
    leave()
    assert found.renew() is None
    assert found.finding() == ("you are in no class", "")


def test_a_new_code_ends_what_was_said_of_the_old_one(server: ClassServer) -> None:
    join(code_of(server))
    member = membership.read()
    assert member is not None
    server.fault = Fault(401)
    uplink = Uplink(member, spool_of(member))
    uplink.take(body_of(made(["a"])))
    until(lambda: "HTTP 401" in uplink.status.trouble)
    uplink.close(0)
    server.fault = None
    join(code_of(server))
    with contextlib.closing(Spool(spool_of(member))) as spool:
        assert spool.trouble == ""
    assert spool_of(member).is_dir()  # what waited is still there, or was sent


def test_who_leaves_and_joins_again_in_one_kernel_is_in_the_class(server: ClassServer) -> None:
    join(code_of(server))
    found = companion("")
    assert found is not None
    found.predicted("01_manual_spans", "01.a", None)
    until(lambda: server.reports() == ["01.a"])
    leave()
    join(code_of(server))
    found.predicted("01_manual_spans", "01.b", None)
    until(lambda: server.reports() == ["01.a", "01.b"])
    leave()


def test_a_cell_that_cannot_join_says_so_and_is_no_error(
    server: ClassServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fault = Fault(401)
    join(code_of(server))
    said = capsys.readouterr().out
    assert said.endswith("You have not joined, and the lesson goes on alone.\n")
    assert membership.read() is None


def test_on_a_hub_its_users_name_is_taken(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    joined = join_by_setting(code_of(server, None))
    assert joined is not None
    assert joined.slug == "grace"
    enter(code_of(server, None), name="Grace Hopper")
    found = membership.read()
    assert found is not None
    assert found.slug == "grace-hopper"


def test_a_key_that_a_sentence_quotes_does_not_leave(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-1234")
    join(code_of(server))
    found = companion("")
    assert found is not None
    sentence = f"Your code raised ValueError: sk-made-up-1234 and {KEY}."
    found.checked("01_manual_spans", Verdict(catalog.find("01.2"), NOT_YET, sentence))
    [span] = until(lambda: server.spans(REPORTS))
    said = {one.key: one.value.string_value for one in span.attributes}
    assert said["class.sentence"] == "Your code raised ValueError: (a key) and (a key)."
