"""The terminal: colour only where there is one, width as it is, nothing it cannot draw."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

WIDEST = 132
PIPED = 100

# One colour per origin, the same everywhere. Names, not numbers: the reader's theme decides.
ORIGIN_STYLES = {
    "image-layer": "green",
    "storage-driver": "dim",
    "engine-init-layer": "yellow",
    "engine-create": "yellow",
    "runtime-mountpoint": "cyan",
    "engine-mount": "magenta",
    "user-mount": "blue",
    "runtime-filesystem": "cyan",
    "runtime-device": "cyan",
    "kernel": "white",
    "runtime-mask": "dim",
    "hook-or-tool": "bright_magenta",
    "process-write": "bold red",
    "unexplained": "bold white on red",
}
VERDICT_STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "skip": "yellow"}


def console(out: TextIO) -> Console:
    """A console on ``out``. NO_COLOR and dumb terminals are respected (rich does)."""
    terminal = out.isatty()
    width = None if terminal or os.environ.get("COLUMNS") else PIPED
    found = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
    found.width = min(found.width, WIDEST)
    return found


def text(words: str, style: str = "") -> Text:
    """Words that are never read as markup."""
    return Text(words, style=style, overflow="fold")


def draws_unicode(out: TextIO) -> bool:
    """Whether ``out`` can carry a tick and a cross."""
    encoding = getattr(out, "encoding", None) or "ascii"
    try:
        "✔✘".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
