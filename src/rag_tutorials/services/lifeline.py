"""What ties a process to the one that started it: messages, and an end that cannot be missed.

A message is a JSON object on a line. Those for this process come in on stdin, those of this process
go out on stdout. When stdin ends, the other side has closed it or is gone, however it ended: the
operating system closes a dead program's files. Nobody has to send a signal for this.
"""

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

GRACE_S = 3.0


class Lifeline:
    """Messages from the process that started this one, for as long as that lives.

    Iterating waits for messages and ends with stdin. Whatever is still at work then, a request
    without an answer for instance, has ``GRACE_S`` seconds before the process ends regardless.

    An interrupt of a notebook's kernel reaches its child processes too; it is not meant for them,
    so SIGINT is ignored from here on, unless stdin is a terminal.
    """

    def __init__(self) -> None:
        if not os.isatty(0):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="lifeline", daemon=True).start()

    def __iter__(self) -> Iterator[Message]:
        while (message := self._messages.get()) is not None:
            yield message

    def _read(self) -> None:
        # Not sys.stdin: a daemon thread that holds its lock when Python ends is a fatal error.
        with open(0, "rb", buffering=0, closefd=False) as stdin:
            rest = b""
            while received := stdin.read(65_536):
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    self._take(line)
        deadline = threading.Timer(GRACE_S, os._exit, (1,))
        deadline.daemon = True
        deadline.start()
        self._messages.put(None)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict):
            self._messages.put(message)
        else:  # whoever sent it, this thread must live on to see the end of stdin
            print("A line that is no JSON object was ignored.", file=sys.stderr)


def send(message: Message) -> None:
    """Send a message to the process that started this one."""
    sys.stdout.write(json.dumps(message, ensure_ascii=True) + "\n")
    sys.stdout.flush()
