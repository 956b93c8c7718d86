"""Everything that is seen of an image: on each rung, and in each stage of a container's life."""

from __future__ import annotations

from dataclasses import replace

from scratchlab.experiments.laboratory import Laboratory
from scratchlab.ladder import twin as twins
from scratchlab.ladder.collect import climb, workshop
from scratchlab.ladder.life import live_through
from scratchlab.ladder.model import Climb, Life, Step, View
from scratchlab.ladder.rungs import rungs
from scratchlab.ladder.workshop import Workshop

_ORDER = ("chroot", "mounts", "runc", "crun", "containerd", "docker", "podman", "gvisor")
_RUNNING = "running"


def timelapse(lab: Laboratory, image: str) -> Life:
    """One container's life. Raises LabError when the image cannot be started here."""
    twins.check_here(lab)
    with workshop(lab, image) as (shop, archive):
        seen = live_through(shop, archive.ledger, twins.create(lab, image))
        return Life(image, tuple(seen.stages), seen.claims)


def ladder(lab: Laboratory, image: str) -> tuple[Climb, Life]:
    """The image on every rung, the engine's being the container whose life is told as well.

    Raises LabError when the image cannot be started here; a rung that cannot be climbed says why.
    """
    twins.check_here(lab)
    with workshop(lab, image) as (shop, archive):
        digest = archive.ledger.digest()
        seen = live_through(shop, archive.ledger, twins.create(lab, image))
        engine = lab.engine.name
        running = next(one for one in seen.stages if one.step.id == _RUNNING)
        step = replace(running.step, id=engine, title="engine", command=f"{engine} run IMAGE")
        found = _climb(shop, engine)
        found[engine] = replace(running, step=step)
    views = tuple(found[name] for name in _ORDER if name in found)
    climbed = Climb(image, digest, views, engine, seen.runtime, seen.claims)
    return climbed, Life(image, tuple(seen.stages), seen.claims)


def _climb(shop: Workshop, engine: str) -> dict[str, View]:
    """The rungs beside the lab's own engine, by id."""
    found = {rung.id: climb(shop, rung) for rung in rungs() if rung.id != engine}
    if engine != "docker":
        reason = f"not asked: the lab's engine here is {engine}"
        found["docker"] = View(Step("docker", "engine", "docker", available=False, reason=reason))
    return found
