"""E02: an image FROM scratch with one empty file weighs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """What the engine and the archive say of the image's size, in bytes.

    ``size`` is what `docker images` prints, ``content`` the sum over the files in its archive.
    """

    found: bool
    size: int
    content: int
    containerd_store: bool
    storage_driver: str


def probe(lab: Laboratory) -> Observation:
    """Ask the engine for the image's size, and add up the files of its archive."""
    image = lab.image(lab.names.scratchtest)
    facts = lab.engine.facts()
    content = size = 0
    if image is not None:
        # As `docker images` asks: the containerd image store answers inspect with less (its blobs
        # only, without the unpacked copy).
        listed = lab.api.images(name=lab.names.scratchtest)
        size = max((int(one["Size"]) for one in listed), default=int(image["Size"]))
        ledger = lab.archive(lab.names.scratchtest).ledger
        content = sum(entry.size for entry in ledger if entry.kind is Kind.FILE)
    return Observation(
        found=image is not None,
        size=size,
        content=content,
        containerd_store=facts.containerd_store,
        storage_driver=facts.storage_driver,
    )


def judge(seen: Observation) -> ExperimentOutcome:
    """Nothing in it, and nothing counted; the containerd image store counts its own blobs too."""
    if not seen.found:
        return ExperimentOutcome("no such image", fault="no-image")
    said = f"{seen.size} B, of which {seen.content} B are files ({seen.storage_driver})"
    if seen.content:
        return ExperimentOutcome(said, fault="content")
    if seen.size == 0:
        return ExperimentOutcome(f"0 B ({seen.storage_driver})")
    if seen.containerd_store:
        return ExperimentOutcome(said, today=("containerd-store",))
    return ExperimentOutcome(said, fault="size")
