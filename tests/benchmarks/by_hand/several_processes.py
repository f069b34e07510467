"""What a second Phoenix process gives: CPU for a span, and spans stored in a second.

    python tests/benchmarks/by_hand/several_processes.py [--pairs 2] [--spans 1920]

One Phoenix on core 0, with PostgreSQL and nginx on core 1; then two, on cores 0 and 1, which
PostgreSQL and nginx share with them. In turns, on a database of its own each time, with
authentication and the files of ``deploy/``. All spans are sent at once, in batches, through nginx.
It is not one of the benchmarks of ``course.py bench``: it needs PostgreSQL and nginx.

Spans are stored one after the other in each process, and it waits for PostgreSQL at each statement:
a process and its PostgreSQL together keep one core busy. What N cores and M processes would give is
computed from that; CPU for a span does not depend on what else the machine does, spans a second do.
"Waited" is the share of the time in which Phoenix stood ready and something else had its core.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "system"))
sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from replay.measuring import Meter
from several_phoenix import Backend, MissingProgramError, backend
from traffic import Traffic, eventually

PROJECT = "measured"
TRACES = 12  # in a batch, of four spans
# Phoenix processes, each with its cores, and the cores of the rest.
ONE, TWO = ([[0]], [1]), ([[0], [1]], [0, 1])


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: milliseconds of CPU for a span, spans stored in a second, the share of waiting."""

    processes: int
    phoenix: float
    postgresql_and_nginx: float
    stored: float
    waited: float
    megabytes: float  # of all Phoenix processes

    def __str__(self) -> str:
        return (
            f"{self.processes} Phoenix: {self.phoenix:5.2f} ms a span, PostgreSQL and nginx "
            f"{self.postgresql_and_nginx:4.2f}; {self.stored:5.1f} spans/s stored, "
            f"waited {self.waited:.0%}; {self.megabytes:4.0f} MB"
        )


def measure(pins: list[list[int]], others: list[int], spans: int) -> Measured:
    """Bring it up, send, wait until all is stored."""
    with (
        tempfile.TemporaryDirectory(prefix="several-") as folder,
        backend(Path(folder) / "backend", len(pins), pins=pins, others=others) as started,
    ):
        key = started.make_key("benchmark")
        for each in started.phoenixes:  # what is done once, is done before
            warm = Traffic(each.url, key, "warm")
            warm.send(warm.batch())
        traffic = Traffic(started.url, key, PROJECT)
        batches = [traffic.batch(TRACES) for _ in range(spans // (4 * TRACES))]
        exporter = traffic.exporter(timeout=60)
        meters = [Meter([each.pid]) for each in started.phoenixes]
        rest = Meter(started.others)
        before = [meter.now() for meter in (*meters, rest)]
        begin = time.perf_counter()
        for batch in batches:
            if not traffic.send(batch, exporter):
                raise RuntimeError("A batch was refused.")
        sent = len(traffic.accepted)
        if not eventually(lambda: stored(started) == sent, seconds=600):
            raise RuntimeError(f"{stored(started)} of {sent} spans are stored after ten minutes.")
        took = time.perf_counter() - begin
        costs = [meter.now() - then for meter, then in zip((*meters, rest), before, strict=True)]
        for meter in (*meters, rest):
            meter.stop()
    *phoenixes, others_cost = costs
    return Measured(
        len(pins),
        1000 * sum(each.cpu for each in phoenixes) / sent,
        1000 * others_cost.cpu / sent,
        sent / took,
        sum(each.queued for each in phoenixes) / len(pins) / took,
        sum(each.megabytes for each in phoenixes),
    )


def stored(started: Backend) -> int:
    """Return how many spans the project has."""
    query = "{ projects { edges { node { name recordCount } } } }"
    try:
        with started.ask() as client:
            answer = client.post("/graphql", json={"query": query}).raise_for_status()
    except httpx.HTTPError:
        return 0
    nodes = [edge["node"] for edge in answer.json()["data"]["projects"]["edges"]]
    return next((each["recordCount"] for each in nodes if each["name"] == PROJECT), 0)


def main() -> None:
    """Measure, in pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--spans", type=int, default=1920)
    options = parser.parse_args()
    runs: dict[int, list[Measured]] = {1: [], 2: []}
    try:
        for _ in range(options.pairs):
            for setting in (ONE, TWO):
                run = measure(*setting, options.spans)
                runs[run.processes].append(run)
                print(run, flush=True)
    except MissingProgramError as missing:
        sys.exit(str(missing))
    one, two = (
        statistics.median(each.phoenix + each.postgresql_and_nginx for each in runs[number])
        for number in (1, 2)
    )
    print(f"A span costs {two / one:.2f} times the CPU with two Phoenix as with one.")
    print(f"A core and a process: {1000 / two:.0f} spans/s; N cores and M processes: the smaller")
    print("of N and M times that.")


if __name__ == "__main__":
    main()
