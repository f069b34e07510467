"""Spans as they are read back from Phoenix, and how a trace is drawn."""

from rag_tutorials.course.traces.spans import SpanRecord, from_phoenix, poll

__all__ = ["SpanRecord", "from_phoenix", "poll"]
