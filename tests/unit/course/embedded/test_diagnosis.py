"""How a diagnosis is told. What it finds is in tests/notebooks/test_doctor.py."""

from __future__ import annotations

from rag_tutorials.course.embedded.diagnosis import Diagnosis
from rag_tutorials.course.embedded.finding import Finding

FINDINGS = (
    Finding("address", "Phoenix answers"),
    Finding("project", "<lesson> has no trace", "look there"),
    Finding("disk", "is full", "free some space"),
)


def test_the_first_thing_that_is_wrong_is_told_first_and_each_has_its_remedy() -> None:
    found = Diagnosis(FINDINGS)
    first, *lines = repr(found).splitlines()
    assert first == "Look at the project: <lesson> has no trace; look there."
    assert [line.split()[0] for line in lines] == ["ok", "!!", "->", "!!", "->"]
    shown = found._repr_html_()
    assert "&lt;lesson&gt; has no trace<br><b>look there</b>" in shown
    assert shown.count("<tr>") == 3


def test_where_nothing_is_wrong_that_is_said() -> None:
    assert repr(Diagnosis(FINDINGS[:1])).startswith("Nothing stands between a span and Phoenix.")
