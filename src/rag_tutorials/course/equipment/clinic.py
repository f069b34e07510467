"""A function is run as a program of its own, and what it did to Phoenix is told."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.asking import costs
from rag_tutorials.course.equipment.receiver import Arrived, Receiver

LONGEST_S = 120.0
ARRIVAL_S = 60.0
_PAUSE_S = 0.03
# What waits in a queue is sent when it is flushed, or when the program ends: no check may depend on
# how long it ran.
_SETTINGS = {"OTEL_BSP_SCHEDULE_DELAY": "600000", "PYTHONUTF8": "1"}

Program = Callable[[str, str], Any]


class Around(Protocol):
    """What the clinic uses of the course."""

    project: str

    @property
    def phoenix_url(self) -> str:
        """This notebook's Phoenix: the base address."""
        ...

    @property
    def client(self) -> Any:
        """A ``phoenix.client.Client`` of this notebook's Phoenix."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program did.

    Attributes:
        printed: Its stdout.
        log: Its stderr.
        code: Its exit code.
        requests: Method, path and answer of each request that Phoenix had from it.
        spans: The spans that Phoenix has of it, as its client gives them, by project.
        costs: What Phoenix computed for them (US dollars), by span id.
        text: The source that was run.
    """

    printed: str
    log: str
    code: int
    requests: Sequence[str]
    spans: Mapping[str, Sequence[Mapping[str, Any]]]
    costs: Mapping[str, float]
    text: str

    def __str__(self) -> str:
        """Tell it in lines; of a traceback, where it begins and what was raised."""
        log = [line for line in self.log.splitlines() if line and not line[0].isspace()]
        has = [f"{len(some)} in project {name}" for name, some in self.spans.items()]
        parts = {
            "prints": self.printed.splitlines(),
            "logs": log,
            "sends": self.requests,
            "spans in Phoenix": has,
            "cost in Phoenix": [f"${sum(self.costs.values()):.5f}"] if self.costs else [],
            "exit code": [str(self.code)] if self.code else [],
        }
        shown = {name: lines for name, lines in parts.items() if lines or name in _ALWAYS}
        return "\n".join(
            f"{name if not number else '':16} | {line}"
            for name, lines in shown.items()
            for number, line in enumerate(lines or ["(nothing)"])
        )


_ALWAYS = ("sends", "spans in Phoenix")


class Clinic:
    """Runs programs against a notebook's Phoenix, each in a Python of its own."""

    def __init__(self, course: Around) -> None:
        self._course = course

    def run(self, program: Program) -> list[Mapping[str, Any]]:
        """Run a function as a program, print what it did, and return its spans in Phoenix."""
        ran = self.examine(program)
        print(ran, flush=True)
        return [span for some in ran.spans.values() for span in some]

    def examine(self, program: Program) -> Ran:
        """Run a function as a program; it is given Phoenix's base address and the project's name.

        Between it and Phoenix stands a door that notes what passes. So all that was accepted is
        awaited, and nothing else.

        Raises:
            CourseError: it does not end, or Phoenix does not keep what it accepted.
        """
        with (
            tempfile.TemporaryDirectory() as folder,
            Receiver.start(before=self._course.phoenix_url) as door,
        ):
            file = Path(folder) / f"{program.__name__}.py"
            text = _source(program)
            file.write_text(text, encoding="utf-8")
            try:
                done = subprocess.run(
                    # -P: a program called `requests` takes no module's place.
                    [sys.executable, "-P", str(file), door.url, self._course.project],
                    env={**os.environ, **_SETTINGS},
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=LONGEST_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise CourseError(
                    f"The program did not end within {LONGEST_S:g} s; it waits for something that "
                    "does not come. Mend it, then run this cell again."
                ) from None
            spans = self._arrived(door.spans)
            requests = [
                f"POST {path} -> {status}"
                for path, status in zip(door.paths, door.statuses, strict=False)
            ]
        models = [one for some in spans.values() for one in some if one["span_kind"] == "LLM"]
        ids = [one["context"]["span_id"] for one in models]
        paid = costs(self._course.phoenix_url, ids, ARRIVAL_S) if ids else {}
        log = done.stderr.replace(f"{folder}{os.sep}", "")
        return Ran(done.stdout, log, done.returncode, requests, spans, paid, text)

    def _arrived(self, accepted: Sequence[Arrived]) -> dict[str, list[Mapping[str, Any]]]:
        """Wait until Phoenix has what it accepted, and return it by project."""
        trace_ids = list({span.trace_id for span in accepted})
        wanted = missing = {span.span_id for span in accepted}
        deadline = time.monotonic() + ARRIVAL_S
        found: dict[str, list[Mapping[str, Any]]] = {}
        while missing:
            if time.monotonic() > deadline:
                raise CourseError(
                    f"Phoenix accepted {len(missing)} spans that it does not show; run the cells "
                    "at the top of this notebook again, then this one."
                )
            time.sleep(_PAUSE_S)
            found = self._in_projects(trace_ids)
            missing = wanted - {
                one["context"]["span_id"] for some in found.values() for one in some
            }
        # A trace id that a program makes up is in an earlier run's spans as well.
        own = {
            name: [one for one in some if one["context"]["span_id"] in wanted]
            for name, some in found.items()
        }
        return {name: some for name, some in own.items() if some}

    def _in_projects(self, trace_ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        client = self._course.client
        found = {}
        for project in client.projects.list():
            name = project["name"]
            some = client.spans.get_spans(
                project_identifier=name, trace_ids=trace_ids, limit=10_000
            )
            if some:
                found[name] = list(some)
        return found


def _source(program: Program) -> str:
    """Return a function's text as a program that calls it with its two arguments."""
    try:
        text = textwrap.dedent(inspect.getsource(program))
    except (OSError, TypeError) as error:
        raise CourseError(
            "The text of the program is not to be had; run the cell that defines it again."
        ) from error
    name = program.__name__
    return f'{text}\n\nif __name__ == "__main__":\n    import sys\n\n    {name}(*sys.argv[1:])\n'
