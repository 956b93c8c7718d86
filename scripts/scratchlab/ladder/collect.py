"""Climb the ladder: start the root on each rung, read its live ledger, take it down again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from scratchlab.collect import live, mountinfo
from scratchlab.collect.archives import ImageArchive, read_archive
from scratchlab.collect.process import Process, hold
from scratchlab.errors import LabError
from scratchlab.experiments import listing
from scratchlab.experiments.laboratory import Laboratory
from scratchlab.ladder.model import Step, View
from scratchlab.ladder.rungs import Rung, Started, rungs
from scratchlab.ladder.unpacked import unpack
from scratchlab.ladder.workshop import Workshop, empty, opened
from scratchlab.ledger import Ledger
from scratchlab.text import visible

_CHUNK = 1 << 20
_MOST_NAMED = 6


@contextmanager
def workshop(lab: Laboratory, image: str) -> Iterator[tuple[Workshop, ImageArchive]]:
    """The image saved and unpacked in a private folder; what a killed run left is removed first.

    Raises LabError without root's rights, when another run is at it, when there is no such image
    or it names no program.
    """
    with opened() as folder:
        clear(folder)
        try:
            shop = Workshop(folder, ())
            with lab.engine.save(image) as stream, open(shop.archive, "xb") as file:
                for block in iter(lambda: stream.read(_CHUNK), b""):
                    file.write(block)
            with open(shop.archive, "rb") as file:
                archive = read_archive(file)
            with archive.ledger:
                unpack(archive.ledger, shop.archive, shop.root)
                yield _program(folder, image, archive.image.config), archive
        finally:
            clear(folder)


def clear(folder: str) -> None:
    """Take down every rung, whatever is up; what cannot be taken down does not keep the rest."""
    for rung in rungs():
        with suppress(LabError):
            rung.down(folder)
    empty(folder)


def _program(folder: str, image: str, config: Any) -> Workshop:
    config = config.get("config") or {}
    argv = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not argv:
        raise LabError(f"the image {image} names no program to start", "name another one")
    return Workshop(folder, argv, tuple(config.get("Env") or ()), config.get("WorkingDir") or "/")


def climb(shop: Workshop, rung: Rung) -> View:
    """What ``rung`` shows; where it shows nothing, why."""
    reason = rung.missing()
    if reason:
        return View(Step(rung.id, rung.title, rung.tool, available=False, reason=reason))
    version = ""
    try:
        version = rung.version()
        started = rung.up(shop)
        with hold(started.pid) as process, look(process) as seen:
            return _view(rung, version, started, process, seen)
    except LabError as error:
        step = Step(rung.id, rung.title, rung.tool, version, available=False, reason=error.what)
        return View(step)
    finally:
        with suppress(LabError):  # tried again by the workshop's end, and by the next run
            rung.down(shop.folder)


def _view(rung: Rung, version: str, started: Started, process: Process, seen: Ledger) -> View:
    if started.hidden:
        reason = (
            "runs, and hides its root: /proc/PID/root is the sandbox's own "
            f"({named(entry.path for entry in seen)}); the container's is known to its kernel "
            "in user space only, and an image FROM scratch has no program to ask it with"
        )
        step = Step(rung.id, rung.title, rung.tool, version, started.command, False, reason)
        return View(step)
    step = Step(rung.id, rung.title, rung.tool, version, started.command, True, started.note)
    return view(step, seen, process, started.by_hand)


def view(
    step: Step, seen: Iterable[Any], process: Process | None = None, by_hand: tuple[str, ...] = ()
) -> View:
    """A view of a ledger, with the filesystems that ``process`` sees mounted."""
    mounts = mountinfo.visible(process.mounts) if process is not None else {}
    return View(
        step,
        tuple(listing.line(entry) for entry in seen),
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
