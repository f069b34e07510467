"""The course's own sentences, where a student meets them first."""

from __future__ import annotations

import os

import pytest
from opentelemetry import trace

from messages import folder

os.environ["COURSE_STATE_DIR"] = str(folder())
os.environ["COURSE_LLM"] = "stub"

from rag_tutorials.course import prepare
from rag_tutorials.course.traces.spans import trace_id_of


def name_not_defined() -> None:
    exec("course.show(span)", {})


def no_such_lesson() -> None:
    prepare("99_no_such_lesson")


def port_setting() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOENIX_PORT", "phoenix")
        prepare("00_start_here")


def never_recorded() -> None:
    trace_id_of(trace.get_current_span())


def not_a_trace_id() -> None:
    trace_id_of("my-first-trace")
