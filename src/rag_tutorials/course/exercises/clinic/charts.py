"""What a student reads of a patient, and the cell to work in: the same inside and outside."""

from __future__ import annotations

from rag_tutorials.course.base.manifest import find_lesson
from rag_tutorials.course.exercises.clinic.patient import LESSON, Patient


def chart(number: int, patient: Patient) -> str:
    """Return what is known of a patient, in Markdown."""
    lesson, heading = patient.taught
    title = find_lesson(lesson).title
    parts = (
        f"### Patient {LESSON}.{number}: {patient.title}",
        f"> {patient.complaint}",
        "What does it have? One of:",
        "\n".join(f'- `"{choice}"`' for choice in patient.choices),
        "<details><summary>Afterwards: where it is taught, and who asks</summary>",
        f"Taught in [{lesson[:2]} {title}]({lesson}.ipynb), *{heading}*. Asked in "
        f"{patient.threads}.",
        "</details>",
    )
    return "\n\n".join(parts)


def program(number: int, patient: Patient) -> str:
    """Return the cell in which the student predicts, runs and mends."""
    diagnosis = patient.prediction(number)
    return (
        f'course.predict("{diagnosis.id}", ...)\n\n\n{patient.program.strip()}\n\n\n'
        f'course.reveal("{diagnosis.id}", clinic.run({patient.function}))'
    )


def check(number: int, patient: Patient) -> str:
    """Return the line that judges the student's program."""
    return f'course.check("{patient.exercise(number).id}", {patient.function})'
