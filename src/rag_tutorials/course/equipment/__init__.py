"""What single lessons need: receivers, processes, a second Phoenix, planted faults, the LLM.

The names below are imported when they are first used: every lesson imports this package for its
LLM, and few need the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag_tutorials.course.equipment.chat_box import ChatBox
    from rag_tutorials.course.equipment.clinic import Clinic
    from rag_tutorials.course.equipment.help_desk import HelpDesk
    from rag_tutorials.course.equipment.planted import release
    from rag_tutorials.course.equipment.processes import Process, start
    from rag_tutorials.course.equipment.receiver import Receiver

__all__ = ["ChatBox", "Clinic", "HelpDesk", "Process", "Receiver", "release", "start"]
_HOMES = {
    "ChatBox": "chat_box",
    "Clinic": "clinic",
    "HelpDesk": "help_desk",
    "Process": "processes",
    "Receiver": "receiver",
    "release": "planted",
    "start": "processes",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
