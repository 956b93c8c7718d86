"""E02: an image FROM scratch with one empty file weighs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind


@dataclass(frozen=True)
class Observation:
    """The image's size in bytes, from the engine and from the archive.

    ``size`` is what `docker images` prints, ``content`` the sum of the files in the archive.
    """

    found: bool
    size: int
    content: int
    containerd_store: bool
    storage_driver: str


def probe(lab: Laboratory) -> Observation:
    """Read the engine's size of the image, and add up the files of its archive."""
    image = lab.image(lab.names.scratchtest)
    facts = lab.engine.facts()
    content = size = 0
    if image is not None:
        # As `docker images` does: for `inspect` the containerd image store counts only the blobs,
        # without the unpacked copy.
        listed = lab.api.images(name=lab.names.scratchtest)
        size = max((int(item["Size"]) for item in listed), default=int(image["Size"]))
        ledger = lab.archive(lab.names.scratchtest).ledger
        content = sum(entry.size for entry in ledger if entry.kind is Kind.FILE)
    return Observation(
        found=image is not None,
        size=size,
        content=content,
        containerd_store=facts.containerd_store,
        storage_driver=facts.storage_driver,
    )


def judge(observation: Observation) -> ExperimentOutcome:
    """No content and no bytes counted; the containerd image store also counts its own blobs."""
    if not observation.found:
        return ExperimentOutcome("no such image", fault="no-image")
    size, content, driver = observation.size, observation.content, observation.storage_driver
    observed = f"{size} B, of which {content} B are files ({driver})"
    if content:
        return ExperimentOutcome(observed, fault="content")
    if size == 0:
        return ExperimentOutcome(f"0 B ({driver})")
    if observation.containerd_store:
        return ExperimentOutcome(observed, today=("containerd-store",))
    return ExperimentOutcome(observed, fault="size")
