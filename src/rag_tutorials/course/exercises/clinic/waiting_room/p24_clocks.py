"""A trace that lies: times given by hand, from a clock of another zone."""

from datetime import UTC, datetime

from rag_tutorials.course.equipment.clinic import Ran
from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span

BEGAN = datetime(2026, 3, 2, 3, 0, 0, tzinfo=UTC)
SECONDS = {"request": (0, 3), "search": (1, 2)}


def _when_it_was(seen: Seen) -> Mistake | None:
    for one in seen.found.spans:
        for what, moment, after in zip(
            ("begins", "ends"), (one.start, one.end), SECONDS[one.name], strict=True
        ):
            truth = BEGAN.replace(second=after)
            if abs((moment - truth).total_seconds()) > 0.001:
                return Mistake(
                    f"`{one.name}` {what} at {moment:%Y-%m-%d %H:%M:%S} (UTC); by its log it was "
                    f"{truth:%H:%M:%S} that day.",
                    "Times in both logs are right, each by its own clock.",
                )
    return None


def _hours(ran: Ran) -> dict[str, int]:
    return {
        one["name"]: datetime.fromisoformat(one["start_time"]).hour
        for some in ran.spans.values()
        for one in some
    }


PATIENT = Patient(
    title="Nine hours of nothing",
    group="A trace that lies",
    complaint="We make traces of old logs, ours and the search server's. In Phoenix each search "
    "begins nine hours after its request was answered.",
    threads="trackers of OpenTelemetry and of whoever imports logs: `start_time` by hand, from "
    "local times without a zone, or in seconds where nanoseconds are wanted",
    taught=("01_manual_spans", "One span"),
    program="""
def old_logs(phoenix, project):
    from datetime import UTC, datetime

    from opentelemetry.trace import set_span_in_context

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("logs")

    def moment(text):
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9

    ours = ("2026-03-02 03:00:00", "2026-03-02 03:00:03")
    tokyo = ("2026-03-02 12:00:01", "2026-03-02 12:00:02")  # nine hours ahead
    request = tracer.start_span("request", start_time=moment(ours[0]))
    within = set_span_in_context(request)
    tracer.start_span("search", within, start_time=moment(tokyo[0])).end(moment(tokyo[1]))
    request.end(moment(ours[1]))
    print("2 lines")
""",
    symptom=lambda ran: _hours(ran) == {"request": 3, "search": 12},
    diagnosis="a local time is taken for UTC",
    because="A time without a zone is nobody's. `moment` calls each of them UTC, and Tokyo's "
    "noon is three in the morning by UTC.",
    against={
        "seconds are taken for nanoseconds": "Then the span would be in the year 1970; it is in "
        "the right year, and of the right length.",
        "the search hangs for nine hours": "It lasts one second, and its request was answered "
        "long before.",
        "the search belongs to another request": "Its parent is this request, and its log says one "
        "second after.",
    },
    cure="""
def old_logs(phoenix, project):
    from datetime import UTC, datetime, timedelta, timezone

    from opentelemetry.trace import set_span_in_context

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("logs")
    japan = timezone(timedelta(hours=9))

    def moment(text, zone):
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 10**9

    ours = ("2026-03-02 03:00:00", "2026-03-02 03:00:03")
    tokyo = ("2026-03-02 12:00:01", "2026-03-02 12:00:02")  # nine hours ahead
    request = tracer.start_span("request", start_time=moment(ours[0], UTC))
    within = set_span_in_context(request)
    search = tracer.start_span("search", within, start_time=moment(tokyo[0], japan))
    search.end(moment(tokyo[1], japan))
    request.end(moment(ours[1], UTC))
    print("2 lines")
""",
    prints=("2 lines",),
    expect=(span("request", None, span("search")),),
    also=(_when_it_was,),
    hints=(
        "By which clock was each line written, and which one does `moment` assume?",
        "All are taken for UTC. Say of each log in which zone its clock stands.",
        "Give `moment` the zone: `.replace(tzinfo=zone)`, with `timezone(timedelta(hours=9))` for "
        "Tokyo.",
    ),
)
