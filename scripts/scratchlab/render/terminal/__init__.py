"""The terminal: colour only where there is one, width as it is, nothing it cannot draw."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

from scratchlab.text import printable

WIDEST = 132
PIPED = 100
NARROW = 76  # columns below which a table of three columns is only noise

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
    "kernel": "bright_blue",
    "runtime-mask": "dim",
    "hook-or-tool": "bright_magenta",
    "process-write": "bold red",
    "unexplained": "bold white on red",
}
VERDICT_STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "skip": "yellow"}


def console(out: TextIO) -> Console:
    """A console on ``out``. NO_COLOR and dumb terminals are respected (rich does).

    As wide as the terminal, or COLUMNS; into a pipe or a file always the same.
    """
    width = min(_width(out), WIDEST)
    # With a height of its own, or rich takes every dumb terminal for one of 80 columns.
    return Console(file=out, width=width, height=25, highlight=False, markup=False, emoji=False)


def _width(out: TextIO) -> int:
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    try:
        return os.get_terminal_size(out.fileno()).columns or PIPED
    except (OSError, ValueError):
        return PIPED


def text(words: str, style: str = "") -> Text:
    """Words that are never read as markup, nor by the terminal as anything but letters."""
    return Text(printable(words), style=style, overflow="fold")


def line(words: str, style: str = "") -> Text:
    """The same on one line: a name cannot pretend to be two."""
    return text(words.replace("\n", "\\x0a"), style)


def draws_unicode(out: TextIO) -> bool:
    """Whether ``out`` can carry a tick, a cross and a dot."""
    encoding = getattr(out, "encoding", None) or "ascii"
    try:
        "✔✘·".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
