"""The status of a learner: one small file that anybody on the machine may read.

It holds where a person is in ``scratchlab learn``, and whether they asked for help; no answer, no
result that is not shown anyway. Times are seconds since the epoch by the machine's own clock. The
time of the last command is that of the file itself. Whoever reads the file believes nothing of it:
it is the learner's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from scratchlab.text import printable

SCHEMA = "scratchlab-learning-1"
DIRECTORY = "/var/lib/scratchlab/learning"  # the role makes it; every account may write there
FILE = "learning.json"
HOME_FILE = f".local/state/scratchlab/{FILE}"  # where there is no such directory
MOST_BYTES = 4096
LONGEST_TEXT = 200  # characters
LONGEST_NAME = 60
_MOST_NUMBER = 1 << 40


class DamagedStatusError(Exception):
    """The file is not a status; the message tells why."""


@dataclass(frozen=True, slots=True)
class HelpCall:
    """A learner asked for help: when, and in which words."""

    since: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a learner is.

    ``number`` of ``steps`` is the present step, ``ended`` how many have ended, ``wrong`` how often
    the present one was checked in vain, ``since`` when a step was last begun or ended. All are 0
    and ``step`` is empty where the path was not begun.
    """

    user: str
    step: str = ""
    title: str = ""
    number: int = 0
    steps: int = 0
    ended: int = 0
    wrong: int = 0
    points: int = 0
    of: int = 0
    since: int = 0
    help: HelpCall | None = None

    @property
    def begun(self) -> bool:
        """Whether the path was begun."""
        return bool(self.step)

    @property
    def finished(self) -> bool:
        """Whether every step has ended."""
        return 0 < self.steps <= self.ended


def short_text(value: str, longest: int = LONGEST_TEXT) -> str:
    """``value`` on one line, printable, cut to ``longest`` characters."""
    # Twice: no long text is searched for spaces, and what is escaped gets longer.
    line = " ".join(value[: 4 * longest].split())
    shown = printable(line)
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def write_status(status: Status) -> bytes:
    """The content of the file: one line of UTF-8, at most :data:`MOST_BYTES`."""
    called = status.help
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "user": short_text(status.user, LONGEST_NAME),
        "step": short_text(status.step, LONGEST_NAME),
        "title": short_text(status.title, LONGEST_NAME),
        **{key: getattr(status, key) for key in _NUMBERS},
        "help": {"since": called.since, "text": short_text(called.text)} if called else None,
    }
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


_NUMBERS = ("number", "steps", "ended", "wrong", "points", "of", "since")


def read_status(content: bytes) -> Status:
    """The status in ``content``; its texts are safe to print. Raises DamagedStatusError."""
    if len(content) > MOST_BYTES:
        raise DamagedStatusError(f"larger than {MOST_BYTES} bytes")
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedStatusError("not JSON, or cut off") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise DamagedStatusError(f"not of schema {SCHEMA}")
    called = record.get("help")
    if called is not None and not isinstance(called, dict):
        raise DamagedStatusError("help is of another type")
    return Status(
        user=_text(record, "user", LONGEST_NAME),
        step=_text(record, "step", LONGEST_NAME),
        title=_text(record, "title", LONGEST_NAME),
        help=HelpCall(_number(called, "since"), _text(called, "text", LONGEST_TEXT))
        if called is not None
        else None,
        **{key: _number(record, key) for key in _NUMBERS},
    )


def _text(record: dict[str, Any], key: str, longest: int) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise DamagedStatusError(f"{key} is missing or of another type")
    return short_text(value, longest)


def _number(record: dict[str, Any], key: str) -> int:
    value = record.get(key)
    if type(value) is not int or not 0 <= value <= _MOST_NUMBER:
        raise DamagedStatusError(f"{key} is missing, or no number that can be")
    return value
