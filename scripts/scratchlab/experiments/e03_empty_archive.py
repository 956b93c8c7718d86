"""E03: the archive of that image holds one empty file and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedEntry
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """The entries that the layers of the archive add up to."""

    format: str
    count: int
    entries: tuple[ListedEntry, ...]
    problems: tuple[str, ...]


def probe(lab: Laboratory) -> Observation:
    """Read the image as `docker save` writes it."""
    archive = lab.archive(lab.names.scratchtest)
    count, entries = listing.count_and_first(archive.ledger)
    return Observation(archive.format, count, entries, archive.image.problems)


def judge(observation: Observation) -> ExperimentOutcome:
    """One entry, /test: a regular file of 0 bytes, mode 0644, owned by root."""
    observed = listing.listing_text(observation.count, observation.entries)
    if observation.problems:
        return ExperimentOutcome(f"{observed}\n{observation.problems[0]}", fault="damaged")
    if observation.count != 1 or observation.entries[0].path != "/test":
        return ExperimentOutcome(observed, fault="entries")
    test = observation.entries[0]
    if (test.kind, test.size) != (Kind.FILE, 0):
        return ExperimentOutcome(observed, fault="content")
    if (test.mode, test.uid, test.gid) != (0o644, 0, 0):
        return ExperimentOutcome(observed, fault="mode")
    blobs = observation.format != "classic"
    return ExperimentOutcome(
        f"{observed} ({observation.format} archive)", today=("blobs",) if blobs else ()
    )
