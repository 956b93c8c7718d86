"""E01: `scratch` is no image, it is a word of the Dockerfile language.

The engine refuses the name before it looks for a registry (moby v26.1.5 distribution/pull.go
validateRepoName, which answers 403 Forbidden), so this needs no network.
"""

from __future__ import annotations

from dataclasses import dataclass

from docker.errors import APIError

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory

_WORDS = "'scratch' is a reserved name"


@dataclass(frozen=True)
class Observation:
    """The engine's answer to POST /images/create?fromImage=scratch.

    ``status`` is the HTTP status, 200 where the message came inside the progress stream.
    """

    refused: bool
    status: int
    message: str


def probe(lab: Laboratory) -> Observation:
    """Ask the engine for what `docker pull scratch` asks, without anyone's credentials."""
    try:
        # An empty auth_config keeps the SDK from running credential helpers of ~/.docker.
        answers = list(
            lab.api.pull("scratch", tag="latest", stream=True, decode=True, auth_config={})
        )
    except APIError as error:
        status = error.response.status_code if error.response is not None else 0
        return Observation(refused=True, status=status, message=str(error.explanation or error))
    errors = [str(answer["error"]) for answer in answers if "error" in answer]
    last = str(answers[-1].get("status", "")) if answers else ""
    return Observation(refused=bool(errors), status=200, message=errors[0] if errors else last)


def judge(seen: Observation) -> ExperimentOutcome:
    """Refused for its name: passed. Refused for something else proves nothing."""
    said = f"Error response from daemon: {seen.message}"
    if not seen.refused:
        return ExperimentOutcome(f"pulled: {seen.message}", fault="pulled")
    if _WORDS not in seen.message:
        return ExperimentOutcome(f"{said} (HTTP {seen.status})", fault="other-refusal")
    return ExperimentOutcome(f"{said} (HTTP {seen.status}; the docker command then exits 1)")
