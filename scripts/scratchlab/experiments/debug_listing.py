"""Read a root filesystem with nothing but the busybox of a debug container, without ambiguity.

Names are bytes and may hold newlines, so nothing is parsed from a listing with names in it: the
names come NUL-terminated from find, and two further lists in the same order bring what stat says
(one line each, no name in it) and the link target or content digest (NUL-terminated).
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable

from scratchlab.errors import LabError
from scratchlab.experiments.listing import KINDS, Line
from scratchlab.model import Kind

# In a container that shares the PID namespace of the one looked at.
ROOT = "/proc/1/root"
SPACE = "/dev/shm"  # noqa: S108 - the debug container's own tmpfs, for the list of names
_SPECIAL = re.compile(r"[\\*?\[]")
# Each name is handed to the loop as an argument. A link is read, a regular file hashed through
# its standard input (its name never reaches sha256sum's output), anything else is never opened.
_LOOP = """for name; do
if [ -L "$name" ]; then readlink -n "$name"
elif [ -f "$name" ]; then sha256sum < "$name"
fi
printf '\\0'
done"""


def script(pruned: Iterable[str], root: str = ROOT, space: str = SPACE) -> str:
    """The shell script that lists ``root``; ``pruned`` paths are listed and not entered.

    ``space`` is a folder that the script may write a list of names to.
    """
    tests = [f"-path {shlex.quote(_SPECIAL.sub(_escape, f'.{path}'))}" for path in pruned]
    prune = rf"\( {' -o '.join(tests)} \) -prune -print0 -o" if tests else ""
    names = shlex.quote(f"{space}/names")
    return f"""set -e
cd {shlex.quote(root)}
find . {prune} -print0 > {names}
cat {names}
printf '\\0'
xargs -0 stat -c '%f %u %g %s %t %T' < {names}
printf '\\0'
xargs -0 sh -c {shlex.quote(_LOOP)} sh < {names}
"""


def _escape(found: re.Match[str]) -> str:
    return f"\\{found.group()}"


def parse(output: bytes) -> tuple[Line, ...]:
    """The entries of a listing, by path; raises LabError where it does not add up."""
    head, found, rest = output.partition(b"\0\0")
    table, _, tail = rest.partition(b"\0")
    names, rows, extras = head.split(b"\0"), table.splitlines(), tail.split(b"\0")[:-1]
    if not found or not len(names) == len(rows) == len(extras):
        raise LabError(
            f"the listing does not add up ({len(names)} names, {len(rows)} rows, "
            f"{len(extras)} contents): the filesystem changed while it was listed",
            "run it again",
        )
    lines = (_line(*one) for one in zip(names, rows, extras, strict=True))
    return tuple(sorted(lines, key=lambda line: os.fsencode(line.path)))


def _line(name: bytes, row: bytes, extra: bytes) -> Line:
    try:
        mode_text, *numbers, major, minor = row.split()
        uid, gid, size = map(int, numbers)
        mode = int(mode_text, 16)
        kind = KINDS[stat.S_IFMT(mode)]
        device = (int(major, 16), int(minor, 16)) if kind in (Kind.CHAR, Kind.BLOCK) else None
        return Line(
            path=os.fsdecode(name.removeprefix(b".")) or "/",
            kind=str(kind),
            mode=stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            size=size if kind is Kind.FILE else 0,
            sha256=(extra.split() or [b""])[0].decode() or None if kind is Kind.FILE else None,
            target=os.fsdecode(extra) if kind is Kind.SYMLINK else None,
            device=device,
        )
    except (ValueError, KeyError) as error:
        raise LabError(f"the listing holds a row that is not one: {os.fsdecode(row)}") from error
