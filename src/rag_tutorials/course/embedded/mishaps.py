"""The last thing that went wrong on a span's way into Phoenix's database, remembered.

Filters listen where OpenTelemetry's exporters and Phoenix log; what they let through is shown as
ever.
"""

from __future__ import annotations

import logging
import re
import shutil
from datetime import datetime
from pathlib import Path

FULL = 1_000_000  # bytes; below this SQLite soon writes no more
_EXPORT = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk._shared_internal",
)
_STORE = "phoenix.db.bulk_inserter"
_QUERY = re.compile(r"\?[^\s'\")]*")  # of an address; it may hold a key
_RETRIED = re.compile(r"Transient error (.*) encountered while")
_USER = re.compile(r"//[^/@\s]*@")


def free_bytes(folder: Path) -> int:
    """Return how much room the disk that holds ``folder`` has."""
    return shutil.disk_usage(folder).free


class Mishaps(logging.Filter):
    """Hears what exporters and Phoenix's database log; ``export`` and ``store`` are the last ones.

    Each is a sentence with its time, or an empty string. None holds a header or a query.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.export = ""
        self.store = ""
        self._folder = folder
        self._cause = ""

    def listen(self) -> None:
        """Begin to hear; called again, this changes nothing."""
        for name in (*_EXPORT, _STORE):
            logger = logging.getLogger(name)
            for earlier in [one for one in logger.filters if isinstance(one, Mishaps)]:
                logger.removeFilter(earlier)
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Remember a record; name the disk where it is what Phoenix's own words do not say."""
        if record.levelno < logging.WARNING:
            return True
        text = clean(record.getMessage())
        said = f"{datetime.fromtimestamp(record.created):%H:%M:%S} {text}"
        if record.name != _STORE:
            if retried := _RETRIED.match(text):
                self._cause = f" The cause: {retried[1]}"
            self.export = said if retried else f"{said}{self._cause}"
        else:
            self.store = said
            if free_bytes(self._folder) < FULL:
                record.msg, record.args = (
                    f"The disk that holds {self._folder} is full: Phoenix could not keep the last "
                    "spans. Free some space, then run the cells that made them again.",
                    (),
                )
        return True


def clean(text: str) -> str:
    """Return the first line of a text, its addresses without users and queries."""
    lines = text.strip().splitlines()
    return _USER.sub("//", _QUERY.sub("", lines[0] if lines else ""))
