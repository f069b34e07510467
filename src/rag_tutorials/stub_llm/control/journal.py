"""What was asked of the server: a bounded log without keys and without bodies."""

import dataclasses
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any


@dataclasses.dataclass(slots=True)
class RequestRecord:
    """One HTTP request, in order of arrival.

    ``status`` is ``None`` while the request is being answered and stays so when no answer was
    given (a hang). ``model`` and ``stream`` are what the body asked for; ``traceparent`` is the
    W3C header that the caller sent, if any.
    """

    method: str
    path: str
    started: datetime
    traceparent: str | None = None
    model: str | None = None
    stream: bool = False
    status: int | None = None

    def describe(self) -> dict[str, Any]:
        """The record as JSON."""
        return dataclasses.asdict(self) | {"started": self.started.isoformat()}


class Journal:
    """The most recent requests; safe to use from several threads."""

    def __init__(self, limit: int = 1000) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=limit)
        self._lock = threading.Lock()

    def open(self, method: str, path: str, traceparent: str | None) -> RequestRecord:
        """Begin the record of a request; the server fills in the rest as it learns it."""
        record = RequestRecord(method, path, datetime.now(UTC), traceparent)
        with self._lock:
            self._records.append(record)
        return record

    def records(self) -> list[RequestRecord]:
        """Copies of the records, oldest first."""
        with self._lock:
            return [dataclasses.replace(record) for record in self._records]

    def clear(self) -> None:
        """Forget all records."""
        with self._lock:
            self._records.clear()
