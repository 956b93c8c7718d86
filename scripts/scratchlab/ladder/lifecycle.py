"""A container's layers as one directory, copied while the container does not run.

Not ``docker export``: since Docker 25 it never lets go of the layers of a container that does not
run, and they stay when the container is removed (moby#48516; measured on 26.1.5).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scratchlab.collect import storage
from scratchlab.collect.holding import hold_container
from scratchlab.collect.process import hold
from scratchlab.errors import LabError
from scratchlab.ladder import observe, workspace
from scratchlab.ladder.model import Claim, RootView, Step
from scratchlab.ladder.observe import view
from scratchlab.ladder.probe_container import ProbeContainer
from scratchlab.ladder.rungs.bare_runtime import BareRuntime
from scratchlab.ladder.workspace import Workspace
from scratchlab.ledger import Ledger
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement


def copy_merged(client: EngineClient, inspect: Json, directory: str) -> None:
    """Copy what the layers of the container that ``inspect`` describes add up to to ``directory``.

    ``directory`` must not exist. Raises LabError where the storage driver's layers cannot be read.
    """
    data = (inspect.get("GraphDriver") or {}).get("Data") or {}
    if data.get("LowerDir") and data.get("UpperDir"):
        _overlay(f"{data['UpperDir']}:{data['LowerDir']}", directory)
        return
    engine = client.facts()
    diff_ids = client.inspect_image(inspect["Image"])["RootFS"].get("Layers") or ()
    found, problem = storage.find_layers(inspect, engine, diff_ids, (), 0)
    if found.driver != "vfs" or found.upper is None:
        what = problem or f"layers of the storage driver {found.driver} cannot be put together here"
        raise LabError(what)
    _copied(found.upper, directory)


def _overlay(lower: str, directory: str) -> None:
    """The layers joined by the kernel, read-only and in a mount namespace that ends with cp."""
    at = f"{directory}.merged"
    os.mkdir(at, mode=0o700)
    options = shlex.quote(f"ro,lowerdir={lower}")
    # mount of util-linux 2.39 and later uses fsconfig(2), which takes 255 bytes of an option.
    mount = f"LIBMOUNT_FORCE_MOUNT2=always mount -t overlay -o {options} overlay {shlex.quote(at)}"
    copied = shlex.join(_copying(at, directory))
    workspace.run_program(["unshare", "--mount", "sh", "-c", f"{mount} && exec {copied}"])
    os.rmdir(at)


def _copied(source: str, directory: str) -> None:
    workspace.run_program(_copying(source, directory))


def _copying(source: str, directory: str) -> list[str]:
    return ["cp", "--archive", "--no-target-directory", source, directory]


# One container's life, looked at in each of its stages.


_PREPARED = "prepared"
_RUNTIMES = ("runc", "crun")


@dataclass(slots=True)
class StageLook:
    """What the life of a twin showed. ``runtime``: the name of the one that its engine uses."""

    stages: list[RootView] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()
    runtime: str = ""


def follow_lifecycle(shop: Workspace, image: Ledger, twin: ProbeContainer) -> StageLook:
    """Look at the twin, which was created and not yet started, in every stage until it is gone.

    A stage that cannot be looked at says why; the engine's own refusal to start it is raised.
    """
    engine = twin.lab.engine
    version = engine.facts().version
    seen = StageLook()

    def looked(name: str, title: str, command: str, act: Callable[[Step], RootView]) -> None:
        step = Step(name, title, engine.name, version, f"{engine.name} {command}")
        try:
            seen.stages.append(act(step))
        except LabError as error:
            unseen = Step(name, title, step.tool, version, step.command, False, error.what)
            seen.stages.append(RootView(unseen))

    looked("image", "image", "save IMAGE", lambda step: view(step, image))
    root = os.path.join(shop.room(_PREPARED), "rootfs")
    looked("created", "created", "create IMAGE", lambda step: _still(step, twin, root))
    evidence, judgement = twin.start()
    with evidence:
        seen.runtime = evidence.facts.runtime.name
        seen.claims = claims(judgement)
        seen.stages.append(_prepared(root, evidence))
        looked("running", "running", "start NAME", lambda step: _running(step, twin, evidence))
    looked("exec", "exec -t", "exec -t NAME PROGRAM", lambda step: _exec(step, twin, shop.argv))
    twin.stop()
    stopped = os.path.join(shop.directory, "stopped")
    looked("stopped", "stopped", "kill NAME", lambda step: _still(step, twin, stopped))
    looked("removed", "removed", "rm NAME", lambda step: _removed(step, twin))
    return seen


def claims(judgement: Judgement) -> tuple[Claim, ...]:
    """The origins by evidence of what a container sees."""
    return tuple(
        Claim(one.path, str(one.origin)) for one in judgement.findings if one.live is not None
    )


def _still(step: Step, twin: ProbeContainer, directory: str) -> RootView:
    """A container that does not run: its layers, joined. ``directory`` keeps the copy."""
    with twin.layers_copy(directory) as ledger:
        return view(_noted(step, "its layers, joined"), ledger)


def _prepared(root: str, evidence: EvidenceSet) -> RootView:
    """The runtime's own pause between ``create`` and ``start``, with the engine's configuration.

    No engine offers that pause: its configuration is given to the bare runtime, on a copy of the
    created ``root``, without hooks (they belong to the engine's network) and in another control
    group.
    """
    runtime = evidence.facts.runtime
    command = f"{runtime.name} create NAME"
    step = Step(_PREPARED, _PREPARED, runtime.name, runtime.version, command)
    reason = _cannot_pause(root, evidence)
    if reason:
        return RootView(_noted(step, reason, available=False))
    config = dict(evidence.facts.container.oci_config or {})
    bare = BareRuntime(runtime.name)
    try:
        pid, note = bare.act("create", os.path.dirname(root), _paused(config, root))
        with hold(pid) as process, observe.look(process) as seen:
            said = f"{runtime.name} with {evidence.facts.engine.name}'s own config.json, no hooks"
            return view(_noted(step, f"{said}; {note}" if note else said), seen, process)
    except LabError as error:
        return RootView(_noted(step, error.what, available=False))


def _cannot_pause(root: str, evidence: EvidenceSet) -> str:
    name = evidence.facts.runtime.name
    if not os.path.isdir(root):
        return "there is no copy of the created root to prepare"
    if name not in _RUNTIMES or workspace.find_program(name) is None:
        return f"no bare {name or 'runtime'} is here to pause it"
    if any(inside != outside for inside, outside, _ in evidence.facts.container.uid_map):
        return "its root in a user namespace may not enter scratchlab's private directory"
    if evidence.facts.container.oci_config is None:
        return "the engine's config.json cannot be read here"
    return ""


def _paused(config: Json, root: str) -> Json:
    """The configuration for a copy of the root: nothing in it reaches the engine's container."""
    config.pop("hooks", None)
    config["root"] = {**config["root"], "path": root}
    config["process"] = {**config["process"], "terminal": False}
    linux = dict(config["linux"])
    linux.pop("cgroupsPath", None)
    # A namespace that the engine had made already is made again.
    linux["namespaces"] = [{"type": one["type"]} for one in linux["namespaces"]]
    return {**config, "linux": linux}


def _noted(step: Step, reason: str, *, available: bool = True) -> Step:
    return Step(step.id, step.title, step.tool, step.version, step.command, available, reason)


def _running(step: Step, twin: ProbeContainer, evidence: EvidenceSet) -> RootView:
    with hold_container(twin.lab.engine, twin.inspect()) as process:
        return view(step, evidence.live, process)


def _exec(step: Step, twin: ProbeContainer, argv: tuple[str, ...]) -> RootView:
    twin.execute(argv)
    with hold_container(twin.lab.engine, twin.inspect()) as process, observe.look(process) as seen:
        return view(step, seen, process)


def _removed(step: Step, twin: ProbeContainer) -> RootView:
    left = twin.remove()
    if twin.lab.container(twin.id) is not None:
        raise LabError("the engine still knows it")
    if left:
        raise LabError(f"its layer is still there: {', '.join(left)}")
    if not twin.layers.upper:
        return RootView(
            _noted(step, "the engine knows it no more; where its layer was is not known")
        )
    return RootView(
        _noted(step, "the engine knows it no more, and the directory of its layer is gone")
    )
