"""Prediction: what must be in the root, from image, configuration and versions alone.

Mountinfo, the live root and the runtime's config.json are not read for it: they are evidence.
"""

from __future__ import annotations

from scratchlab.idmap import IdMap
from scratchlab.judge.prediction import docker, podman
from scratchlab.judge.prediction.predictions import PredictionBuilder, Predictions
from scratchlab.judge.rules import docker as docker_rules
from scratchlab.judge.rules import podman as podman_rules
from scratchlab.judge.versions import known
from scratchlab.ledger import Ledger
from scratchlab.model import Facts

_ENGINES = {
    "docker": (docker.predict, docker_rules.KNOWN),
    "podman": (podman.predict, podman_rules.KNOWN),
}
_RUNTIMES = {"runc": ((1,), (2,)), "crun": ((1,), (2,))}  # versions: from, below
_NO_VERSIONS = ((0,), (0,))


def predict(facts: Facts, image: Ledger) -> Predictions:
    """What image, configuration, engine, runtime and host lead to; no prediction where engine or
    runtime, or its version, is not known.

    ``facts.mounts`` and ``facts.container.oci_config`` are not used.
    """
    engine, runtime = facts.engine, facts.runtime
    if engine.name not in _ENGINES:
        return Predictions(problems=(f"no prediction: the engine {engine.name!r} is not known",))
    add_predictions, engine_versions = _ENGINES[engine.name]
    runtime_versions = _RUNTIMES.get(runtime.name, _NO_VERSIONS)
    for name, version, versions in (
        (engine.name, engine.version, engine_versions),
        (runtime.name, runtime.version, runtime_versions),
    ):
        if not known(version, versions):
            problem = (
                f"no prediction: {name} {version} is not among the versions that the rules were "
                "read in; origins are found by evidence alone"
            )
            return Predictions(problems=(problem,))
    builder = PredictionBuilder(facts, image, IdMap(facts.container.uid_map))
    add_predictions(builder)
    return builder.finish()
