"""E12: image and instance are two things, and the difference between them is explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scratchlab.experiments.e07_more_than_image import DRIFT
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Origin, Status

_DRIFTED = frozenset({Status.DELETED, Status.CHANGED})  # ghosts made since the start


@dataclass(frozen=True)
class Counted:
    """How many entries have a status, an origin or a kind of ghost; ``word`` is its name."""

    word: str
    number: int


@dataclass(frozen=True)
class Observation:
    """Both ledgers by number and digest; the difference by status, origin and kind of ghost."""

    image_entries: int
    image_digest: str
    live_entries: int
    live_digest: str
    statuses: tuple[Counted, ...]
    origins: tuple[Counted, ...]  # of the entries that are not the image's
    ghosts: tuple[Counted, ...]


def probe(lab: Laboratory) -> Observation:
    """Count the findings and ghosts of the verification."""
    evidence, judgement = lab.verification()
    statuses: Counter[str] = Counter()
    origins: Counter[str] = Counter()
    for finding in judgement.findings:
        statuses[str(finding.status)] += 1
        if finding.status is not Status.SAME:
            origins[str(finding.origin)] += 1
    return Observation(
        image_entries=len(evidence.image),
        image_digest=evidence.image.digest(),
        live_entries=len(evidence.live),
        live_digest=evidence.live.digest(),
        statuses=_counted(statuses),
        origins=_counted(origins),
        ghosts=_counted(Counter(str(ghost.kind) for ghost in judgement.ghosts)),
    )


def _counted(counter: Counter[str]) -> tuple[Counted, ...]:
    return tuple(Counted(name, number) for name, number in sorted(counter.items()))


def judge(observation: Observation) -> ExperimentOutcome:
    """The counts add up on both sides, every difference is explained, and nothing changed since the
    start.
    """
    in_image, in_instance = observation.image_entries, observation.live_entries
    image, instance = _short(observation.image_digest), _short(observation.live_digest)
    by_status = {item.word: item.number for item in observation.statuses}
    ghosts = sum(item.number for item in observation.ghosts)
    same, altered = by_status.get(Status.SAME, 0), by_status.get(Status.ALTERED, 0)
    only_live, missing = by_status.get(Status.ONLY_LIVE, 0), by_status.get(Status.MISSING, 0)
    origins = ", ".join(f"{item.number} {item.word}" for item in observation.origins)
    observed = (
        f"{origins}\n"
        f"roots counted: image {in_image} entries ({image}), "
        f"instance {in_instance} ({instance}): {same} the same, "
        f"{altered} altered, {only_live} only in the instance, {missing} missing, {ghosts} hidden"
    )
    sums = []
    if same + altered + only_live != in_instance:
        sums.append(f"{same} + {altered} + {only_live} is not {in_instance} in the instance")
    if same + altered + missing + ghosts != in_image:
        sums.append(f"{same} + {altered} + {missing} + {ghosts} is not {in_image} in the image")
    if sums:
        return ExperimentOutcome(observed, fault="sums", placeholders={"sums": "; ".join(sums)})
    if not only_live and not altered and not missing and not ghosts:
        return ExperimentOutcome(observed, fault="same")
    unexplained = sum(
        item.number for item in observation.origins if item.word == Origin.UNEXPLAINED
    )
    if unexplained or missing:
        values = {"count": str(unexplained + missing)}
        return ExperimentOutcome(observed, fault="unexplained", placeholders=values)
    drifted = sum(item.number for item in observation.origins if item.word in DRIFT)
    drifted += sum(item.number for item in observation.ghosts if item.word in _DRIFTED)
    if drifted:
        values = {"count": str(drifted)}
        return ExperimentOutcome(observed, fault="drift", placeholders=values)
    return ExperimentOutcome(observed)


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
