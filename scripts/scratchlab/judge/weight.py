"""How much a change weighs: what a reader of many changes should see first.

What an entry is decides first (its mode, its type, the first bytes of its content), then who owns
its path, and last its name. A name and a package's list are the container's own words: they can
make a change weigh less than another one of data, never less than a program.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import StrEnum

from scratchlab.judge.paths import upwards
from scratchlab.model import Entry, Facts, Kind


class Weight(StrEnum):
    """The weights, the heaviest first."""

    PRIVILEGE = "privilege"  # set-uid, set-gid, file capabilities, devices, mounts
    PROGRAM = "program"  # ELF, a script, anything executable, a link where programs are
    PACKAGE = "package"  # a file that a package owns
    CONFIGURATION = "configuration"
    DATA = "data"
    PASSING = "passing"  # caches, logs, temporary files, sockets, process numbers


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weight of one change; the ``content`` (``ELF``, ``script``) and the ``package`` that
    owns the path, by its database in the container, as far as they are known.
    """

    weight: Weight
    content: str = ""
    package: str = ""


_CAPABILITIES = "security.capability"
_SET_IDS = 0o6000
_EXECUTABLE = 0o111
_DEVICES = (Kind.CHAR, Kind.BLOCK)
# By convention (FHS 3.0, and the directories of Python and of XDG).
_PASSING = frozenset({
    "/dev/shm", "/run", "/tmp", "/var/cache", "/var/lock", "/var/log", "/var/run",  # noqa: S108
    "/var/spool", "/var/tmp",  # noqa: S108
})  # fmt: skip
_PASSING_NAMES = frozenset({"__pycache__", ".cache"})
_PASSING_ENDINGS = (".lock", ".log", ".pid", ".pyc", ".swp", ".tmp", "~")
_CONFIGURATION = frozenset({"/etc", "/usr/etc", "/usr/local/etc"})
_CONFIGURATION_ENDINGS = (".cfg", ".cnf", ".conf", ".ini")
_HOMES = ("/root", "/home")
_PROGRAMS = frozenset({
    f"{above}/{name}"
    for above in ("", "/usr", "/usr/local")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec")
})  # fmt: skip


class Scale:
    """Weighs the changes of one container."""

    def __init__(self, facts: Facts) -> None:
        self._content = facts.content
        self._packages = facts.packages
        self._targets = frozenset(mount.target for mount in facts.mounts)

    def weigh(
        self, path: str, live: Entry | None, image: Entry | None, *, mounted: bool = False
    ) -> Weighed:
        """The weight of a change at ``path``. ``live`` is the entry that is there now, None where
        one was removed; ``image`` is that of the image, if it had one. ``mounted``: it came by a
        mount since the start.
        """
        if mounted and path in self._targets:
            return Weighed(Weight.PRIVILEGE)
        content, package = self._content.get(path, ""), self._packages.get(path, "")
        return Weighed(_weight(path, live, image, content, package), content, package)


def _weight(
    path: str, live: Entry | None, image: Entry | None, content: str, package: str
) -> Weight:
    if live is not None and _is_privileged(live):
        return Weight.PRIVILEGE
    if live is not None and _is_program(path, live, content):
        return Weight.PROGRAM
    if package:
        return Weight.PACKAGE
    entry = live or image
    if _is_passing(path, entry.kind if entry is not None else Kind.FILE):
        return Weight.PASSING
    if _is_configuration(path):
        return Weight.CONFIGURATION
    return Weight.DATA


def _is_privileged(entry: Entry) -> bool:
    if entry.kind in _DEVICES:
        return True
    capable = any(name == _CAPABILITIES for name, _ in entry.xattrs)
    return entry.kind is Kind.FILE and (capable or bool(entry.mode & _SET_IDS))


def _is_program(path: str, entry: Entry, content: str) -> bool:
    if entry.kind is Kind.SYMLINK:
        return any(above in _PROGRAMS for above in upwards(posixpath.dirname(path)))
    return entry.kind is Kind.FILE and bool(content or entry.mode & _EXECUTABLE)


def _is_passing(path: str, kind: Kind) -> bool:
    if kind in (Kind.SOCKET, Kind.FIFO):
        return True
    if any(above in _PASSING for above in upwards(path)):
        return True
    named = not _PASSING_NAMES.isdisjoint(path.split("/"))
    return named or (kind is Kind.FILE and path.endswith(_PASSING_ENDINGS))


def _is_configuration(path: str) -> bool:
    if any(above in _CONFIGURATION for above in upwards(path)):
        return True
    hidden = "/." in path and path.startswith(tuple(f"{home}/" for home in _HOMES))
    return hidden or path.endswith(_CONFIGURATION_ENDINGS)
