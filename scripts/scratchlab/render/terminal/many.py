"""Verdicts of several containers on a terminal: one line each."""

from __future__ import annotations

from typing import TextIO

from scratchlab.render.terminal import console, line
from scratchlab.render.terminal.checks import VERDICT_LINE_STYLES
from scratchlab.report.verdict import ExitStatus


def render(
    name: str, status: ExitStatus, word: str, sentence: str, *, width: int, out: TextIO
) -> None:
    """Write one line; ``width`` is that of the longest name. Long lines are not broken."""
    shown = line(f"{word:<10}  ", VERDICT_LINE_STYLES.get(status, "bold red"))
    shown.append_text(line(f"{name:<{width}}  {' '.join(sentence.split())}"))
    console(out).print(shown, soft_wrap=True)
