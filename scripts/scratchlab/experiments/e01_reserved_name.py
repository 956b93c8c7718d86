"""E01: `scratch` is not an image: it is a reserved word of the Dockerfile language.

The engine refuses the name before it contacts a registry (moby v26.1.5 distribution/pull.go
validateRepoName, HTTP status 403), so this experiment needs no network.
"""

from __future__ import annotations

from dataclasses import dataclass

from docker.errors import APIError

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory

_REFUSAL = "'scratch' is a reserved name"


@dataclass(frozen=True)
class Observation:
    """The engine's answer to POST /images/create?fromImage=scratch.

    ``status`` is the HTTP status: 200 if the message is part of the progress stream.
    """

    refused: bool
    status: int
    message: str


def probe(lab: Laboratory) -> Observation:
    """Send the request of `docker pull scratch`, without credentials."""
    try:
        # An empty auth_config keeps the SDK from running the credential helpers of ~/.docker.
        answers = list(
            lab.api.pull("scratch", tag="latest", stream=True, decode=True, auth_config={})
        )
    except APIError as error:
        status = error.response.status_code if error.response is not None else 0
        return Observation(refused=True, status=status, message=str(error.explanation or error))
    errors = [str(answer["error"]) for answer in answers if "error" in answer]
    last = str(answers[-1].get("status", "")) if answers else ""
    return Observation(refused=bool(errors), status=200, message=errors[0] if errors else last)


def judge(observation: Observation) -> ExperimentOutcome:
    """Passed if the name was refused. A refusal for another reason proves nothing."""
    observed = f"Error response from daemon: {observation.message}"
    if not observation.refused:
        return ExperimentOutcome(f"pulled: {observation.message}", fault="pulled")
    if _REFUSAL not in observation.message:
        return ExperimentOutcome(f"{observed} (HTTP {observation.status})", fault="other-refusal")
    return ExperimentOutcome(
        f"{observed} (HTTP {observation.status}; the docker command then exits 1)"
    )
