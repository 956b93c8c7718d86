"""Observe one image: on every rung of the ladder, and in every stage of a container's lifecycle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from scratchlab.collect.image import ImageArchive, read_archive
from scratchlab.collect.process import Process, hold_process
from scratchlab.errors import LabError
from scratchlab.lab.session import Laboratory
from scratchlab.ladder import probe_container
from scratchlab.ladder.lifecycle import follow_lifecycle
from scratchlab.ladder.model import LadderRun, Lifecycle, RootView, Step
from scratchlab.ladder.root_view import live_ledger, view_of
from scratchlab.ladder.rungs import Rung, Started, all_rungs
from scratchlab.ladder.unpacked import unpack
from scratchlab.ladder.workspace import Workspace, empty_directory, exclusive_directory
from scratchlab.ledger import Ledger
from scratchlab.text import visible

_CHUNK = 1 << 20  # bytes
_MOST_NAMED = 6  # paths of a sandbox's root
_ORDER = ("chroot", "mounts", "runc", "crun", "containerd", "docker", "podman", "gvisor")
_RUNNING = "running"


def observe_lifecycle(lab: Laboratory, image: str) -> Lifecycle:
    """Follow one container of ``image``. Raises LabError if it cannot be started on this machine.

    That needs root privileges and an engine on this machine.
    """
    probe_container.check_local(lab)
    with prepared_workspace(lab, image) as (workspace, archive):
        container = probe_container.create(lab, image)
        return follow_lifecycle(workspace, image, archive.ledger, container)[0]


def observe_ladder(lab: Laboratory, image: str) -> tuple[LadderRun, Lifecycle]:
    """Start ``image`` on every rung; the engine's rung is one container, followed to its end.

    Raises LabError as :func:`observe_lifecycle` does. A rung that cannot be started has a reason
    instead of entries.
    """
    probe_container.check_local(lab)
    with prepared_workspace(lab, image) as (workspace, archive):
        digest = archive.ledger.digest()
        container = probe_container.create(lab, image)
        lifecycle, runtime = follow_lifecycle(workspace, image, archive.ledger, container)
        engine = lab.engine.name
        running = next(view for view in lifecycle.stages if view.step.id == _RUNNING)
        step = replace(running.step, id=engine, title="engine", command=f"{engine} run IMAGE")
        views = {**_other_rungs(workspace, engine), engine: replace(running, step=step)}
    rungs = tuple(views[name] for name in _ORDER if name in views)
    return LadderRun(image, digest, rungs, engine, runtime, lifecycle.claims), lifecycle


@contextmanager
def prepared_workspace(lab: Laboratory, image: str) -> Iterator[tuple[Workspace, ImageArchive]]:
    """Save and unpack ``image`` in the ladder's directory, after removing leftovers.

    Raises LabError without root privileges, while another ladder runs, if there is no such image,
    and if the image names no program.
    """
    with exclusive_directory() as directory:
        clear(directory)
        try:
            workspace = Workspace(directory, ())
            with lab.engine.save(image) as stream, open(workspace.archive, "xb") as file:
                for block in iter(lambda: stream.read(_CHUNK), b""):
                    file.write(block)
            with open(workspace.archive, "rb") as file:
                archive = read_archive(file)
            with archive.ledger:
                unpack(archive.ledger, workspace.archive, workspace.root)
                yield _with_program(workspace, image, archive.image.config), archive
        finally:
            clear(directory)


def clear(directory: str) -> None:
    """Take down every rung and empty ``directory``. A rung that resists does not stop the rest."""
    for rung in all_rungs():
        with suppress(LabError):
            rung.down(directory)
    empty_directory(directory)


def _with_program(workspace: Workspace, image: str, config: Any) -> Workspace:
    config = config.get("config") or {}
    argv = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not argv:
        raise LabError(f"the image {image} names no program to start", "name another image")
    env = tuple(config.get("Env") or ())
    return replace(workspace, argv=argv, env=env, cwd=config.get("WorkingDir") or "/")


def _other_rungs(workspace: Workspace, engine: str) -> dict[str, RootView]:
    """The views of all rungs but the lab's own ``engine``, by id."""
    views = {rung.id: run_rung(workspace, rung) for rung in all_rungs() if rung.id != engine}
    if engine != "docker":
        reason = f"not tried: the lab's engine on this machine is {engine}"
        step = Step("docker", "engine", "docker", available=False, reason=reason)
        views["docker"] = RootView(step)
    return views


def run_rung(workspace: Workspace, rung: Rung) -> RootView:
    """Start the root filesystem on ``rung``, read it, and take it down again.

    If that fails, the step of the view is not available and has the reason.
    """
    reason = rung.missing()
    if reason:
        return RootView(Step(rung.id, rung.title, rung.tool, available=False, reason=reason))
    version = ""
    try:
        version = rung.version()
        started = rung.up(workspace)
        with hold_process(started.pid) as process, live_ledger(process) as ledger:
            return _view_of_rung(rung, version, started, process, ledger)
    except LabError as error:
        step = Step(rung.id, rung.title, rung.tool, version, available=False, reason=error.what)
        return RootView(step)
    finally:
        with suppress(LabError):  # clear() tries again, now and in the next run
            rung.down(workspace.directory)


def _view_of_rung(
    rung: Rung, version: str, started: Started, process: Process, ledger: Ledger
) -> RootView:
    step = Step(rung.id, rung.title, rung.tool, version, started.command, True, started.note)
    if not started.hidden:
        return view_of(step, ledger, process, started.by_hand)
    reason = (
        "runs, but hides its root: /proc/PID/root is the sandbox's own "
        f"({_some(entry.path for entry in ledger)}). Only the sandbox's kernel in user space knows "
        "the container's root, and an image FROM scratch has no program to list it with"
    )
    return RootView(replace(step, available=False, reason=reason))


def _some(paths: Iterable[str]) -> str:
    shown = [visible(path) for path in paths]
    rest = len(shown) - _MOST_NAMED
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
