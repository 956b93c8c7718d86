"""The width of the terminal, without rich: that takes longer to import than a step to show."""

from __future__ import annotations

import os
from typing import TextIO

PIPED = 92


def columns(out: TextIO) -> int:
    """The columns of ``out``: COLUMNS, the terminal's, or :data:`PIPED` for a pipe or a file."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted):
        return max(int(wanted), 40)
    try:
        return max(os.get_terminal_size(out.fileno()).columns or PIPED, 40)
    except (OSError, ValueError):
        return PIPED
