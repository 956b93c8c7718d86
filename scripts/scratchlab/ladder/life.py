"""One container's life, looked at in each of its stages."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scratchlab.collect.held import held
from scratchlab.collect.process import hold
from scratchlab.errors import LabError
from scratchlab.ladder import collect, tools
from scratchlab.ladder.collect import view
from scratchlab.ladder.model import Claim, Step, View
from scratchlab.ladder.rungs.bare_runtime import BareRuntime
from scratchlab.ladder.twin import Twin
from scratchlab.ladder.workshop import Workshop
from scratchlab.ledger import Ledger
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement

_PREPARED = "prepared"
_RUNTIMES = ("runc", "crun")


@dataclass(slots=True)
class Seen:
    """What the life of a twin showed. ``runtime``: the name of the one that its engine uses."""

    stages: list[View] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()
    runtime: str = ""


def live_through(shop: Workshop, image: Ledger, twin: Twin) -> Seen:
    """Look at the twin, which was created and not yet started, in every stage until it is gone.

    A stage that cannot be looked at says why; the engine's own refusal to start it is raised.
    """
    engine = twin.lab.engine
    version = engine.facts().version
    seen = Seen()

    def looked(name: str, title: str, command: str, act: Callable[[Step], View]) -> None:
        step = Step(name, title, engine.name, version, f"{engine.name} {command}")
        try:
            seen.stages.append(act(step))
        except LabError as error:
            unseen = Step(name, title, step.tool, version, step.command, False, error.what)
            seen.stages.append(View(unseen))

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
    stopped = os.path.join(shop.folder, "stopped")
    looked("stopped", "stopped", "kill NAME", lambda step: _still(step, twin, stopped))
    looked("removed", "removed", "rm NAME", lambda step: _removed(step, twin))
    return seen


def claims(judgement: Judgement) -> tuple[Claim, ...]:
    """The origins by evidence of what a container sees."""
    return tuple(
        Claim(one.path, str(one.origin)) for one in judgement.findings if one.live is not None
    )


def _still(step: Step, twin: Twin, folder: str) -> View:
    """A container that does not run: its layers, joined. ``folder`` keeps the copy."""
    with twin.layers_copy(folder) as ledger:
        return view(_noted(step, "its layers, joined"), ledger)


def _prepared(root: str, evidence: EvidenceSet) -> View:
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
        return View(_noted(step, reason, available=False))
    config = dict(evidence.facts.container.oci_config or {})
    bare = BareRuntime(runtime.name)
    try:
        pid, note = bare.act("create", os.path.dirname(root), _paused(config, root))
        with hold(pid) as process, collect.look(process) as seen:
            said = f"{runtime.name} with {evidence.facts.engine.name}'s own config.json, no hooks"
            return view(_noted(step, f"{said}; {note}" if note else said), seen, process)
    except LabError as error:
        return View(_noted(step, error.what, available=False))


def _cannot_pause(root: str, evidence: EvidenceSet) -> str:
    name = evidence.facts.runtime.name
    if not os.path.isdir(root):
        return "there is no copy of the created root to prepare"
    if name not in _RUNTIMES or tools.find(name) is None:
        return f"no bare {name or 'runtime'} is here to pause it"
    if any(inside != outside for inside, outside, _ in evidence.facts.container.uid_map):
        return "its root in a user namespace may not enter scratchlab's private folder"
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
    # A namespace that the engine had made already is made anew.
    linux["namespaces"] = [{"type": one["type"]} for one in linux["namespaces"]]
    return {**config, "linux": linux}


def _noted(step: Step, reason: str, *, available: bool = True) -> Step:
    return Step(step.id, step.title, step.tool, step.version, step.command, available, reason)


def _running(step: Step, twin: Twin, evidence: EvidenceSet) -> View:
    with held(twin.lab.engine, twin.inspect()) as process:
        return view(step, evidence.live, process)


def _exec(step: Step, twin: Twin, argv: tuple[str, ...]) -> View:
    twin.execute(argv)
    with held(twin.lab.engine, twin.inspect()) as process, collect.look(process) as seen:
        return view(step, seen, process)


def _removed(step: Step, twin: Twin) -> View:
    left = twin.remove()
    if twin.lab.container(twin.id) is not None:
        raise LabError("the engine still knows it")
    if left:
        raise LabError(f"its layer is still there: {', '.join(left)}")
    if not twin.layers.upper:
        return View(_noted(step, "the engine knows it no more; where its layer was is not known"))
    return View(_noted(step, "the engine knows it no more, and the folder of its layer is gone"))
