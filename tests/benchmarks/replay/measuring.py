"""What the class's server costs, and when what was sent can be seen."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import psutil

from rag_tutorials.classroom.instructor.reading import ReportReader, UnreachableError

_SAMPLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU, seconds that its main thread stood ready without a core, and megabytes."""

    cpu: float = 0.0
    queued: float = 0.0
    megabytes: float = 0.0

    def __sub__(self, before: Cost) -> Cost:
        return Cost(self.cpu - before.cpu, self.queued - before.queued, self.megabytes)


class Meter:
    """Watches processes and their children, from when it is made until :meth:`stop`."""

    def __init__(self, pids: Iterable[int]) -> None:
        """Watch."""
        self._roots = [psutil.Process(pid) for pid in pids]
        self._most = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)
        self._thread.start()

    def _all(self) -> list[psutil.Process]:
        return [one for root in self._roots for one in (root, *root.children(recursive=True))]

    def _watch(self) -> None:
        while not self._stopping.wait(_SAMPLE_S):
            total = 0.0
            for one in self._all():
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss / 2**20
            self._most = max(self._most, total)

    def now(self) -> Cost:
        """Return what it has cost until now; the memory is the most at once so far."""
        cpu = queued = 0.0
        for one in self._all():
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                cpu += times.user + times.system
            with contextlib.suppress(OSError):  # Linux alone tells
                queued += int(Path(f"/proc/{one.pid}/schedstat").read_text().split()[1]) / 1e9
        return Cost(cpu, queued, self._most)

    def stop(self) -> None:
        """Watch no more."""
        self._stopping.set()
        self._thread.join()


class Table:
    """Reads the class's reports as the instructor's table does, and notes when each was seen."""

    def __init__(self, url: str, key: str, every_s: float) -> None:
        self.seen: dict[tuple[str, datetime], float] = {}
        self.reads: list[float] = []
        self.trouble: set[str] = set()
        self._reader = ReportReader(url, key)
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="table", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(self._every_s)

    def look(self) -> None:
        """Read once."""
        begin = time.perf_counter()
        try:
            news = self._reader.read()
        except UnreachableError as error:
            self.trouble.add(str(error))
            return
        self.reads.append(time.perf_counter() - begin)
        now = datetime.now(UTC)
        for one in news.reports:
            self.seen.setdefault((one.student, one.when), (now - one.when).total_seconds())

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._thread.join()
        self.look()
        self._reader.close()


class Verdict(NamedTuple):
    """An annotation on a trace; its identifier is the attempt."""

    trace_id: str
    name: str
    identifier: str


class Store:
    """What Phoenix has stored."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def spans(self) -> dict[str, int]:
        """Return how many spans each project has."""
        found: dict[str, int] = {}
        after = None
        while True:
            asked = self._client.post(
                "/graphql",
                json={
                    "query": "query ($after: String) { projects(first: 1000, after: $after) { edges"
                    " { node { name recordCount } } pageInfo { hasNextPage endCursor } } }",
                    "variables": {"after": after},
                },
            )
            page: Any = asked.raise_for_status().json()["data"]["projects"]
            for edge in page["edges"]:
                found[edge["node"]["name"]] = edge["node"]["recordCount"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    def wait(self, spans: int, timeout: float, apart: str) -> tuple[int, float]:
        """Wait until so many spans are stored outside one project.

        Return how many are, and how many seconds it took.
        """
        begin = time.monotonic()
        while True:
            stored = sum(count for name, count in self.spans().items() if name != apart)
            taken = time.monotonic() - begin
            if stored >= spans or taken > timeout:
                return stored, taken
            time.sleep(1.0)

    def annotated(self, traces: Mapping[str, Sequence[str]]) -> dict[Verdict, datetime]:
        """Return when each annotation on these traces, by project, was stored."""
        found = {}
        for project, ids in traces.items():
            for start in range(0, len(ids), 50):
                answer = self._client.get(
                    f"/v1/projects/{quote(project, safe='')}/trace_annotations",
                    params={"trace_ids": ids[start : start + 50], "limit": 1000},
                )
                if answer.status_code == 404:
                    continue
                for one in answer.raise_for_status().json()["data"]:
                    made = datetime.fromisoformat(one["created_at"]).astimezone(UTC)
                    found[Verdict(one["trace_id"], one["name"], one["identifier"])] = made
        return found
