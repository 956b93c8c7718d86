"""A cause: who put something there, under which rule, and what proves it."""

from __future__ import annotations

from typing import NamedTuple

from scratchlab.model import Evidence, Mount, Origin


class Cause(NamedTuple):
    """Who put an entry or a mount there. ``rule`` is the id of a rule of judge/rules, None where
    no rule fits. ``doubt`` is a sentence where two pieces of evidence contradict each other.
    ``place`` is the origin of the mount at this path where that is another one: the engine's file
    that was written to later, say.
    """

    origin: Origin
    rule: str | None
    evidence: tuple[Evidence, ...]
    doubt: str = ""
    place: Origin | None = None


def mount_line(mount: Mount) -> Evidence:
    """The line of mountinfo that shows ``mount``, as evidence."""
    options = ",".join(mount.options)
    detail = f"{mount.fstype} {mount.source} on {mount.target}, root {mount.root}, {options}"
    return Evidence("mountinfo", detail)
