"""Pythons that other settings have changed: refused in a sentence, or made fit."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIT = "from rag_tutorials.course.embedded.surroundings import make_fit\nmake_fit()\n"
WARNING = FIT + "import warnings\nwarnings.warn('only a warning', DeprecationWarning)\nprint('on')"
NESTED = """
import asyncio, threading
import nest_asyncio
nest_asyncio.apply()
from rag_tutorials.course.embedded.event_loops import mend_nest_asyncio
mend_nest_asyncio()
mend_nest_asyncio()

async def number(): return 42
async def nested(): return asyncio.run(number())

found = [asyncio.run(number(), loop_factory=asyncio.new_event_loop), asyncio.run(nested())]
thread = threading.Thread(target=lambda: found.append(asyncio.run(number())))
thread.start()
thread.join()
print(found)
"""
# What gevent's monkey.patch_all() leaves behind, as far as it is looked at.
GEVENT = "import socket\nsocket.socket = type('socket', (), {'__module__': 'gevent._socket3'})\n"


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("code", "option", "said"),
    [
        (FIT, "-OO", "remove PYTHONOPTIMIZE from the environment"),
        (GEVENT + FIT, "-B", "restart the kernel (menu Kernel, Restart Kernel) and leave out"),
    ],
)
def test_what_phoenix_cannot_run_in_is_one_sentence(code: str, option: str, said: str) -> None:
    assert said in run(code, option).stderr.splitlines()[-1]


def test_a_warning_is_no_error_whatever_pythonwarnings_says() -> None:
    ran = run(WARNING, "-Werror")
    assert ran.stdout == "on\n", ran.stderr


def test_nest_asyncio_leaves_run_what_servers_in_threads_need() -> None:
    ran = run(NESTED)
    assert ran.stdout == "[42, 42, 42]\n", ran.stderr
