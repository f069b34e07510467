"""What every server of the course shares: the one interface that it listens on."""

from __future__ import annotations

HOST = "127.0.0.1"
