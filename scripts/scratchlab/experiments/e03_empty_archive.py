"""E03: the archive of that image holds the one file and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedLine
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """What the layers of the archive add up to."""

    format: str
    count: int
    entries: tuple[ListedLine, ...]
    problems: tuple[str, ...]


def probe(lab: Laboratory) -> Observation:
    """Read the image as `docker save` writes it."""
    archive = lab.archive(lab.names.scratchtest)
    count, entries = listing.listed_content(archive.ledger)
    return Observation(archive.format, count, entries, archive.image.problems)


def judge(seen: Observation) -> ExperimentOutcome:
    """Exactly `test`: a regular file, 0 bytes, 0644, owned by root."""
    said = listing.listed_text(seen.count, seen.entries)
    if seen.problems:
        return ExperimentOutcome(f"{said}\n{seen.problems[0]}", fault="damaged")
    if seen.count != 1 or seen.entries[0].path != "/test":
        return ExperimentOutcome(said, fault="entries")
    test = seen.entries[0]
    if (test.kind, test.size) != (Kind.FILE, 0):
        return ExperimentOutcome(said, fault="content")
    if (test.mode, test.uid, test.gid) != (0o644, 0, 0):
        return ExperimentOutcome(said, fault="mode")
    blobs = seen.format != "classic"
    return ExperimentOutcome(f"{said} ({seen.format} archive)", today=("blobs",) if blobs else ())
