"""What Phoenix holds beside traces, for looks and facts: datasets, experiments, prompts.

Each function reads it anew, so that a verdict rests on what is kept and not on what a student's
variable says. Where it is missing, a :class:`MistakeError` says so in the student's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rag_tutorials.course.judging.mistake import MistakeError
from rag_tutorials.course.judging.seen import Seen


def dataset_of(seen: Seen, name: str, **which: Any) -> Any:
    """Return a dataset by its name: the newest version, or ``version_id=``, ``splits=``.

    Raises:
        MistakeError: there is none of this name.
    """
    try:
        return seen.course.client.datasets.get_dataset(dataset=name, **which)
    except ValueError as error:  # an unknown name
        raise MistakeError(f"Phoenix has no dataset `{name}`.") from error


def experiment_of(seen: Seen, dataset: str, name: str) -> Mapping[str, Any]:
    """Return the newest experiment of a name over a dataset: its runs and their evaluations.

    Raises:
        MistakeError: there is no such experiment.
    """
    experiments = seen.course.client.experiments
    some = experiments.list(dataset_id=dataset_of(seen, dataset).id)
    ids = [one["id"] for one in some if one.get("name") == name]
    if not ids:
        raise MistakeError(f"The dataset `{dataset}` has no experiment `{name}`.")
    newest: Mapping[str, Any] = experiments.get_experiment(experiment_id=ids[0])
    return newest


def prompt_of(seen: Seen, name: str, tag: str | None = None) -> Any:
    """Return a prompt's version by its tag; without one, the newest.

    Raises:
        MistakeError: there is no such prompt, or no version of it has the tag.
    """
    try:
        return seen.course.client.prompts.get(prompt_identifier=name, tag=tag)
    except ValueError as error:
        tagged = f" with a version tagged `{tag}`" if tag else ""
        raise MistakeError(f"Phoenix has no prompt `{name}`{tagged}.") from error
