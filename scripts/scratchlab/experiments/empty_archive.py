"""E03: the archive of that image holds the one file and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments import listing
from scratchlab.experiments.laboratory import Laboratory
from scratchlab.experiments.listing import Line
from scratchlab.experiments.table import Outcome
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """What the layers of the archive add up to."""

    format: str
    count: int
    entries: tuple[Line, ...]
    problems: tuple[str, ...]


def probe(lab: Laboratory) -> Observation:
    """Read the image as `docker save` writes it."""
    archive = lab.archive(lab.names.scratchtest)
    count, entries = listing.content(archive.ledger)
    return Observation(archive.format, count, entries, archive.image.problems)


def judge(seen: Observation) -> Outcome:
    """Exactly `test`: a regular file, 0 bytes, 0644, owned by root."""
    said = listing.text(seen.count, seen.entries)
    if seen.problems:
        return Outcome(f"{said}\n{seen.problems[0]}", fault="damaged")
    if seen.count != 1 or seen.entries[0].path != "/test":
        return Outcome(said, fault="entries")
    test = seen.entries[0]
    if (test.kind, test.size) != (Kind.FILE, 0):
        return Outcome(said, fault="content")
    if (test.mode, test.uid, test.gid) != (0o644, 0, 0):
        return Outcome(said, fault="mode")
    blobs = seen.format != "classic"
    return Outcome(f"{said} ({seen.format} archive)", today=("blobs",) if blobs else ())
