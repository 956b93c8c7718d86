"""The expected ledger, from the image, the configuration and the versions alone.

Neither mountinfo nor the live root nor the runtime's config.json is looked at: those are evidence.
"""

from __future__ import annotations

from scratchlab.idmap import IdMap
from scratchlab.judge.prediction import docker, podman
from scratchlab.judge.prediction.plan import Expected, Plan
from scratchlab.judge.rules import docker as docker_rules
from scratchlab.judge.rules import podman as podman_rules
from scratchlab.judge.versions import known
from scratchlab.ledger import Ledger
from scratchlab.model import Facts

_PLANS = {
    "docker": (docker.plan, docker_rules.KNOWN),
    "podman": (podman.plan, podman_rules.KNOWN),
}
RUNTIMES = {"runc": ((1,), (2,)), "crun": ((1,), (2,))}


def predict(facts: Facts, image: Ledger) -> Expected:
    """What image, configuration, engine, runtime and host promise; nothing where one is unknown.

    ``facts.mounts`` and ``facts.container.oci_config`` are not used.
    """
    engine, runtime = facts.engine, facts.runtime
    if engine.name not in _PLANS:
        return Expected(problems=(f"no prediction: the engine {engine.name!r} is not known",))
    plan, bounds = _PLANS[engine.name]
    for what, version, range_ in (
        (engine.name, engine.version, bounds),
        (runtime.name, runtime.version, RUNTIMES.get(runtime.name, ((0,), (0,)))),
    ):
        if not known(version, range_):
            return Expected(
                problems=(
                    f"no prediction was made: {what} {version} is not among the versions that the "
                    "rules were read in; what is explained is explained by evidence",
                )
            )
    draft = Plan(facts, image, IdMap(facts.container.uid_map))
    plan(draft)
    return Expected(draft.predictions, complete=draft.complete, problems=tuple(draft.problems))
