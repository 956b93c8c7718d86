"""What all output for a terminal shares: console, colours, text without control characters."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

from scratchlab.remedy import Reader, Remedy, shown
from scratchlab.text import printable

WIDEST = 132
PIPED = 100
NARROW = 76  # columns below which a table of three columns cannot be read

# One colour for each origin. Names, not numbers: the reader's theme decides.
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
    "user-data": "blue",
    "volume-copy": "blue",
    "host-mount": "bold yellow",
    "mounted-inside": "bold yellow",
    "hook-or-tool": "bright_magenta",
    "written-later": "bold red",
    "unexplained": "bold white on red",
}
VERDICT_STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "skip": "yellow"}


def console(out: TextIO) -> Console:
    """A console on ``out``, as wide as COLUMNS or the terminal but not wider than WIDEST; PIPED
    columns for a pipe or a file. rich respects NO_COLOR and dumb terminals.
    """
    width = min(_width(out), WIDEST)
    # Without a height, rich ignores the width of a dumb terminal and takes 80 columns.
    return Console(file=out, width=width, height=25, highlight=False, markup=False, emoji=False)


def _width(out: TextIO) -> int:
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    try:
        return os.get_terminal_size(out.fileno()).columns or PIPED
    except (OSError, ValueError):
        return PIPED


def text(plain: str, style: str = "") -> Text:
    """``plain`` without markup and without control characters but newlines."""
    return Text(printable(plain), style=style, overflow="fold")


def remedy_text(remedy: Remedy, reader: Reader, style: str = "", label: str = "") -> Text:
    """A remedy for ``reader``: ``label`` and sentences, each command on a line of its own."""
    lines = []
    for step in shown(remedy, reader):
        lines.append(text(f"{label}{step.text}{':' if step.commands else ''}", style))
        label = ""
        for command in step.commands:
            where = f"{command.where}: " if command.where else ""
            lines.append(text(f"    {where}", style).append_text(text(command.text, "cyan")))
    return Text("\n").join(lines)


def line(plain: str, style: str = "") -> Text:
    """The same on one line: newlines are escaped, so that one name cannot look like two."""
    return text(plain.replace("\n", "\\x0a"), style)


def draws_unicode(out: TextIO) -> bool:
    """Whether the encoding of ``out`` has a tick, a cross and a dot."""
    encoding = getattr(out, "encoding", None) or "ascii"
    try:
        "✔✘·".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
