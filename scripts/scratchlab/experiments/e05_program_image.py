"""E05: the sleep image holds exactly the program, byte for byte as it was built."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments.e04_static_program import Observation as Program
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedEntry
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """The entries that the image adds up to, and the digest of the program that E04 read."""

    found: bool
    entrypoint: tuple[str, ...]
    count: int
    entries: tuple[ListedEntry, ...]
    problems: tuple[str, ...]
    built: str
    built_is_file: bool
    built_sha256: str


def probe(lab: Laboratory) -> Observation:
    """Read the image as `docker save` writes it."""
    program: Program = lab.observations["E04"]
    image = lab.image(lab.names.image)
    if image is None:
        return Observation(False, (), 0, (), (), program.source, program.built, program.sha256)
    archive = lab.archive(lab.names.image)
    count, entries = listing.count_and_first(archive.ledger)
    return Observation(
        found=True,
        entrypoint=tuple((image.get("Config") or {}).get("Entrypoint") or ()),
        count=count,
        entries=entries,
        problems=archive.image.problems,
        built=program.source,
        built_is_file=program.built,
        built_sha256=program.sha256,
    )


def judge(observation: Observation) -> ExperimentOutcome:
    """One entry: the entrypoint, executable, with the digest of the file that was built."""
    if not observation.found:
        return ExperimentOutcome("no such image", fault="no-image")
    observed = listing.listing_text(observation.count, observation.entries)
    if observation.problems:
        return ExperimentOutcome(f"{observed}\n{observation.problems[0]}", fault="damaged")
    if observation.count != 1 or (observation.entries[0].path,) != observation.entrypoint[:1]:
        return ExperimentOutcome(observed, fault="entries")
    program = observation.entries[0]
    observed = f"{observed}\nSHA-256 {program.sha256}"
    if program.kind != Kind.FILE or program.mode & 0o111 != 0o111:
        return ExperimentOutcome(observed, fault="mode")
    if not observation.built_is_file:
        return ExperimentOutcome(observed, fault="no-built-file")
    if program.sha256 != observation.built_sha256:
        values = {"built": observation.built, "built_sha256": observation.built_sha256}
        return ExperimentOutcome(observed, fault="other-bytes", placeholders=values)
    return ExperimentOutcome(
        f"{observed}\none entry, {program.path}, byte for byte {observation.built}"
    )
