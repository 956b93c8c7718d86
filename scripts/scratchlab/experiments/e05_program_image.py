"""E05: the sleep image holds exactly the program, byte for byte as it was built."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments.e04_static_program import Observation as Program
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedLine
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """What the image adds up to, and the digest of the program that E04 read."""

    found: bool
    entrypoint: tuple[str, ...]
    count: int
    entries: tuple[ListedLine, ...]
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
    count, entries = listing.listed_content(archive.ledger)
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


def judge(seen: Observation) -> ExperimentOutcome:
    """One entry, the entrypoint, executable, with the digest of the file that was built."""
    if not seen.found:
        return ExperimentOutcome("no such image", fault="no-image")
    said = listing.listed_text(seen.count, seen.entries)
    if seen.problems:
        return ExperimentOutcome(f"{said}\n{seen.problems[0]}", fault="damaged")
    if seen.count != 1 or (seen.entries[0].path,) != seen.entrypoint[:1]:
        return ExperimentOutcome(said, fault="entries")
    program = seen.entries[0]
    said = f"{said}\nSHA-256 {program.sha256}"
    if program.kind != Kind.FILE or program.mode & 0o111 != 0o111:
        return ExperimentOutcome(said, fault="mode")
    if not seen.built_is_file:
        return ExperimentOutcome(said, fault="no-built-file")
    if program.sha256 != seen.built_sha256:
        words = {"built": seen.built, "built_sha256": seen.built_sha256}
        return ExperimentOutcome(said, fault="other-bytes", words=words)
    return ExperimentOutcome(f"{said}\none entry, {program.path}, byte for byte {seen.built}")
