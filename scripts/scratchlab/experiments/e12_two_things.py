"""E12: image and instance are two things, and the difference between them is explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Origin, Status


@dataclass(frozen=True)
class Counted:
    """A number of entries under a word: a status, an origin, a kind of ghost."""

    word: str
    number: int


@dataclass(frozen=True)
class Observation:
    """Both ledgers by number and digest, and the difference counted in every way."""

    image_entries: int
    image_digest: str
    live_entries: int
    live_digest: str
    statuses: tuple[Counted, ...]
    origins: tuple[Counted, ...]  # of the entries that are not the image's
    ghosts: tuple[Counted, ...]


def probe(lab: Laboratory) -> Observation:
    """Count what the verification found."""
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
    return tuple(Counted(word, number) for word, number in sorted(counter.items()))


def judge(seen: Observation) -> ExperimentOutcome:
    """The counts add up on both sides, and nothing of the difference is left unexplained."""
    by_status = {one.word: one.number for one in seen.statuses}
    ghosts = sum(one.number for one in seen.ghosts)
    same, altered = by_status.get(Status.SAME, 0), by_status.get(Status.ALTERED, 0)
    only_live, missing = by_status.get(Status.ONLY_LIVE, 0), by_status.get(Status.MISSING, 0)
    whose = ", ".join(f"{one.number} {one.word}" for one in seen.origins)
    said = (
        f"{whose}\n"
        f"roots counted: image {seen.image_entries} entries ({_short(seen.image_digest)}), "
        f"instance {seen.live_entries} ({_short(seen.live_digest)}): {same} the same, "
        f"{altered} altered, {only_live} only in the instance, {missing} missing, {ghosts} hidden"
    )
    sums = []
    if same + altered + only_live != seen.live_entries:
        sums.append(f"{same} + {altered} + {only_live} is not {seen.live_entries} in the instance")
    if same + altered + missing + ghosts != seen.image_entries:
        sums.append(
            f"{same} + {altered} + {missing} + {ghosts} is not {seen.image_entries} in the image"
        )
    if sums:
        return ExperimentOutcome(said, fault="sums", words={"sums": "; ".join(sums)})
    if not only_live and not altered and not missing and not ghosts:
        return ExperimentOutcome(said, fault="same")
    unexplained = sum(one.number for one in seen.origins if one.word == Origin.UNEXPLAINED)
    if unexplained or missing:
        words = {"count": str(unexplained + missing)}
        return ExperimentOutcome(said, fault="unexplained", words=words)
    return ExperimentOutcome(said)


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
