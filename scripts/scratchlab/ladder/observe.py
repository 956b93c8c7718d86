"""Climb the ladder: start the root on each rung, read its live ledger, take it down again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from scratchlab import mountinfo
from scratchlab.collect import live
from scratchlab.collect.image import ImageArchive, read_archive
from scratchlab.collect.process import Process, hold
from scratchlab.errors import LabError
from scratchlab.lab import listing
from scratchlab.lab.session import Laboratory
from scratchlab.ladder import probe_container as twins
from scratchlab.ladder.lifecycle import follow_lifecycle
from scratchlab.ladder.model import Lifecycle, RootView, RungRun, Step
from scratchlab.ladder.rungs import Rung, Started, rungs
from scratchlab.ladder.unpacked import unpack
from scratchlab.ladder.workspace import Workspace, empty_workspace, open_workspace
from scratchlab.ledger import Ledger
from scratchlab.text import visible

_CHUNK = 1 << 20
_MOST_NAMED = 6


@contextmanager
def workshop(lab: Laboratory, image: str) -> Iterator[tuple[Workspace, ImageArchive]]:
    """The image saved and unpacked in a private directory; what a killed run left is removed first.

    Raises LabError without root's rights, when another run is at it, when there is no such image
    or it names no program.
    """
    with open_workspace() as directory:
        clear(directory)
        try:
            shop = Workspace(directory, ())
            with lab.engine.save(image) as stream, open(shop.archive, "xb") as file:
                for block in iter(lambda: stream.read(_CHUNK), b""):
                    file.write(block)
            with open(shop.archive, "rb") as file:
                archive = read_archive(file)
            with archive.ledger:
                unpack(archive.ledger, shop.archive, shop.root)
                yield _program(directory, image, archive.image.config), archive
        finally:
            clear(directory)


def clear(directory: str) -> None:
    """Take down every rung, whatever is up; what cannot be taken down does not keep the rest."""
    for rung in rungs():
        with suppress(LabError):
            rung.down(directory)
    empty_workspace(directory)


def _program(directory: str, image: str, config: Any) -> Workspace:
    config = config.get("config") or {}
    argv = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not argv:
        raise LabError(f"the image {image} names no program to start", "name another one")
    return Workspace(
        directory, argv, tuple(config.get("Env") or ()), config.get("WorkingDir") or "/"
    )


def run_rung(shop: Workspace, rung: Rung) -> RootView:
    """What ``rung`` shows; where it shows nothing, why."""
    reason = rung.missing()
    if reason:
        return RootView(Step(rung.id, rung.title, rung.tool, available=False, reason=reason))
    version = ""
    try:
        version = rung.version()
        started = rung.up(shop)
        with hold(started.pid) as process, look(process) as seen:
            return _view(rung, version, started, process, seen)
    except LabError as error:
        step = Step(rung.id, rung.title, rung.tool, version, available=False, reason=error.what)
        return RootView(step)
    finally:
        with suppress(LabError):  # tried again by the workshop's end, and by the next run
            rung.down(shop.directory)


def _view(rung: Rung, version: str, started: Started, process: Process, seen: Ledger) -> RootView:
    if started.hidden:
        reason = (
            "runs, and hides its root: /proc/PID/root is the sandbox's own "
            f"({named(entry.path for entry in seen)}); the container's is known to its kernel "
            "in user space only, and an image FROM scratch has no program to ask it with"
        )
        step = Step(rung.id, rung.title, rung.tool, version, started.command, False, reason)
        return RootView(step)
    step = Step(rung.id, rung.title, rung.tool, version, started.command, True, started.note)
    return view(step, seen, process, started.by_hand)


def view(
    step: Step, seen: Iterable[Any], process: Process | None = None, by_hand: tuple[str, ...] = ()
) -> RootView:
    """A view of a ledger, with the filesystems that ``process`` sees mounted."""
    mounts = mountinfo.visible(process.mounts) if process is not None else {}
    return RootView(
        step,
        tuple(listing.listed_line(entry) for entry in seen),
        by_hand,
        {path: mount.fstype for path, mount in mounts.items() if path != "/"},
    )


@contextmanager
def look(process: Process) -> Iterator[Ledger]:
    """The live ledger of a held process, and the proof that nothing moved meanwhile."""
    with live.read_root(process.root_fd, process.mounts) as ledger:
        process.recheck()
        yield ledger


def named(paths: Iterable[str]) -> str:
    """A few paths in words."""
    shown = [visible(path) for path in paths]
    rest = len(shown) - _MOST_NAMED
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


# Everything that is seen of an image: on each rung, and in each stage of a container's life.


_ORDER = ("chroot", "mounts", "runc", "crun", "containerd", "docker", "podman", "gvisor")
_RUNNING = "running"


def timelapse(lab: Laboratory, image: str) -> Lifecycle:
    """One container's life. Raises LabError when the image cannot be started here."""
    twins.check_here(lab)
    with workshop(lab, image) as (shop, archive):
        seen = follow_lifecycle(shop, archive.ledger, twins.create(lab, image))
        return Lifecycle(image, tuple(seen.stages), seen.claims)


def ladder(lab: Laboratory, image: str) -> tuple[RungRun, Lifecycle]:
    """The image on every rung, the engine's being the container whose life is told as well.

    Raises LabError when the image cannot be started here; a rung that cannot be climbed says why.
    """
    twins.check_here(lab)
    with workshop(lab, image) as (shop, archive):
        digest = archive.ledger.digest()
        seen = follow_lifecycle(shop, archive.ledger, twins.create(lab, image))
        engine = lab.engine.name
        running = next(one for one in seen.stages if one.step.id == _RUNNING)
        step = replace(running.step, id=engine, title="engine", command=f"{engine} run IMAGE")
        found = _run_rungs(shop, engine)
        found[engine] = replace(running, step=step)
    views = tuple(found[name] for name in _ORDER if name in found)
    climbed = RungRun(image, digest, views, engine, seen.runtime, seen.claims)
    return climbed, Lifecycle(image, tuple(seen.stages), seen.claims)


def _run_rungs(shop: Workspace, engine: str) -> dict[str, RootView]:
    """The rungs beside the lab's own engine, by id."""
    found = {rung.id: run_rung(shop, rung) for rung in rungs() if rung.id != engine}
    if engine != "docker":
        reason = f"not asked: the lab's engine here is {engine}"
        found["docker"] = RootView(
            Step("docker", "engine", "docker", available=False, reason=reason)
        )
    return found
