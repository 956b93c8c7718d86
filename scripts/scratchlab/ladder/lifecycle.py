"""One container's lifecycle: its root filesystem in every stage from image to removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from scratchlab.collect.holding import hold_container
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError
from scratchlab.ladder.model import Claim, Lifecycle, RootView, Step
from scratchlab.ladder.probe_container import ProbeContainer
from scratchlab.ladder.root_view import live_ledger, view_of
from scratchlab.ladder.rungs.bare_runtime import BareRuntime
from scratchlab.ladder.workspace import Workspace
from scratchlab.ledger import Ledger
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement

_PREPARED = "prepared"
_PAUSABLE = ("runc", "crun")


def follow_lifecycle(
    workspace: Workspace, image: str, ledger: Ledger, container: ProbeContainer
) -> tuple[Lifecycle, str]:
    """View ``container``, created but not yet started, in every stage until it is removed.

    ``ledger`` is that of ``image``. Returns the lifecycle and the name of the engine's runtime. A
    stage that cannot be viewed has a reason instead of entries; if the container cannot be started
    or stopped, LabError is raised.
    """
    engine = container.lab.engine
    version = engine.facts().version
    stages: list[RootView] = []

    def add(name: str, title: str, command: str, view_stage: Callable[[Step], RootView]) -> None:
        step = Step(name, title, engine.name, version, f"{engine.name} {command}")
        try:
            stages.append(view_stage(step))
        except LabError as error:
            stages.append(RootView(_noted(step, error.what, available=False)))

    add("image", "image", "save IMAGE", lambda step: view_of(step, ledger))
    bundle = workspace.rung_directory(_PREPARED)
    root = os.path.join(bundle, "rootfs")
    add("created", "created", "create IMAGE", lambda step: _not_running(step, container, root))
    evidence, judgement = container.start()
    with evidence:
        runtime = evidence.facts.runtime.name
        claims = _claims(judgement)
        stages.append(_prepared(bundle, evidence))
        add("running", "running", "start NAME", lambda step: _running(step, container, evidence))
    argv = workspace.argv
    add("exec", "exec -t", "exec -t NAME PROGRAM", lambda step: _exec(step, container, argv))
    container.stop()
    stopped = os.path.join(workspace.directory, "stopped")
    add("stopped", "stopped", "kill NAME", lambda step: _not_running(step, container, stopped))
    add("removed", "removed", "rm NAME", lambda step: _removed(step, container))
    return Lifecycle(image, tuple(stages), claims), runtime


def _claims(judgement: Judgement) -> tuple[Claim, ...]:
    """The origin by evidence of every entry that the container shows."""
    return tuple(
        Claim(finding.path, str(finding.origin))
        for finding in judgement.findings
        if finding.live is not None
    )


def _noted(step: Step, reason: str, *, available: bool = True) -> Step:
    return replace(step, available=available, reason=reason)


def _not_running(step: Step, container: ProbeContainer, directory: str) -> RootView:
    """The joined layers of a container that does not run; ``directory`` keeps the copy."""
    with container.copy_layers(directory) as ledger:
        return view_of(_noted(step, "its layers, joined"), ledger)


def _prepared(bundle: str, evidence: EvidenceSet) -> RootView:
    """The runtime's own pause between ``create`` and ``start``, with the engine's configuration.

    No engine offers that pause. The bare runtime therefore gets the engine's configuration with a
    copy of the created root (``rootfs`` in ``bundle``), without hooks (they belong to the engine's
    network) and in another control group.
    """
    runtime = evidence.facts.runtime
    command = f"{runtime.name} create NAME"
    step = Step(_PREPARED, _PREPARED, runtime.name, runtime.version, command)
    root = os.path.join(bundle, "rootfs")
    if reason := _cannot_pause(root, evidence):
        return RootView(_noted(step, reason, available=False))
    config = _pausable_config(dict(evidence.facts.container.oci_config or {}), root)
    try:
        pid, note = BareRuntime(runtime.name).start_container("create", bundle, config)
        with hold_process(pid) as process, live_ledger(process) as ledger:
            reason = f"{runtime.name} with {evidence.facts.engine.name}'s config.json, no hooks"
            return view_of(_noted(step, f"{reason}; {note}" if note else reason), ledger, process)
    except LabError as error:
        return RootView(_noted(step, error.what, available=False))


def _cannot_pause(root: str, evidence: EvidenceSet) -> str:
    """Why the container cannot be shown between create and start; empty if it can."""
    runtime, container = evidence.facts.runtime.name, evidence.facts.container
    if not os.path.isdir(root):
        return "there is no copy of the created root to prepare"
    if runtime not in _PAUSABLE or BareRuntime(runtime).missing():
        return f"no bare {runtime or 'runtime'} on this machine can pause it"
    if any(inside != outside for inside, outside, _ in container.uid_map):
        return "root in its user namespace may not enter scratchlab's private directory"
    if container.oci_config is None:
        return "the engine's config.json cannot be read on this machine"
    return ""


def _pausable_config(config: Json, root: str) -> Json:
    """``config`` for a copy of the root, without anything that reaches the engine's container."""
    config.pop("hooks", None)
    config["root"] = {**config["root"], "path": root}
    config["process"] = {**config["process"], "terminal": False}
    linux = dict(config["linux"])
    linux.pop("cgroupsPath", None)
    # Without their paths: a namespace that the engine made already would be joined.
    linux["namespaces"] = [{"type": namespace["type"]} for namespace in linux["namespaces"]]
    return {**config, "linux": linux}


def _running(step: Step, container: ProbeContainer, evidence: EvidenceSet) -> RootView:
    with hold_container(container.lab.engine, container.inspect()) as process:
        return view_of(step, evidence.live, process)


def _exec(step: Step, container: ProbeContainer, argv: tuple[str, ...]) -> RootView:
    container.execute(argv)
    with (
        hold_container(container.lab.engine, container.inspect()) as process,
        live_ledger(process) as ledger,
    ):
        return view_of(step, ledger, process)


def _removed(step: Step, container: ProbeContainer) -> RootView:
    left = container.remove()
    if container.lab.container(container.id) is not None:
        raise LabError("the container is still listed after removal")
    if left:
        raise LabError(f"the directory of its layer still exists: {', '.join(left)}")
    if not container.layers.upper:
        return RootView(_noted(step, "no longer listed; the directory of its layer is not known"))
    return RootView(_noted(step, "no longer listed, and the directory of its layer is gone"))
