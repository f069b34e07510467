"""Run a module's provokers, and write down what each has said: ``python -m messages NAME FILE``."""

import functools
import importlib
import json
import sys
from pathlib import Path

from messages import heard, provokers


def main(name: str, file: str) -> None:
    """Provoke, in the order of the module; a function with two names runs once."""
    module = importlib.import_module(f"messages.{name}")
    hear = functools.cache(functools.partial(heard, program=name))
    said = {one: hear(getattr(module, one)) for one in provokers(name)}
    Path(file).write_text(json.dumps(said), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
