"""The little HTML that verdicts and predictions share; JupyterLab's sanitizer lets it through."""

from __future__ import annotations

import html


def prose(text: str) -> str:
    """Escape text and set what stands between back-ticks as code."""
    parts = html.escape(text).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(
        f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts)
    )


def pre(text: str) -> str:
    """Return text as it is, in fixed width; the keyboard scrolls what it can focus."""
    style = "margin:0;padding:2px 8px;white-space:pre;overflow-x:auto;background:#80808014"
    return f'<pre tabindex="0" style="{style}">{html.escape(text)}</pre>'


def box(colour: str, inside: str) -> str:
    """Return HTML with a line of ``colour`` at its left."""
    return f'<div style="border-left:4px solid {colour};padding:2px 0 2px 12px">{inside}</div>'
