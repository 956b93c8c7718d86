"""E07: the instance holds more than the image, and every further entry has an origin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedEntry
from scratchlab.lab.session import Laboratory
from scratchlab.model import Finding, Ghost, Origin, Status
from scratchlab.text import visible

_MOST_KEPT = 1000  # findings in an observation; the report has all
# Changes since the start. Observations that an older scratchlab saved call the first process-write.
DRIFT = frozenset({Origin.WRITTEN_LATER, Origin.MOUNTED_INSIDE, Origin.HOST_MOUNT, "process-write"})
_TOP_NAMES = {
    "docker": (".dockerenv", "dev", "etc", "proc", "sys"),
    # podman v5.4.2 libpod/container_internal_common.go makeBindMounts: /run/.containerenv
    "podman": ("dev", "etc", "proc", "run", "sys"),
}


@dataclass(frozen=True)
class AddedEntry:
    """An entry that is not the image's, or one of the image's that was deleted or changed since the
    start: its origin, and the first piece of evidence.
    """

    path: str
    status: str
    origin: str
    proofs: int
    proof: str
    prediction: str


@dataclass(frozen=True)
class Observation:
    """The top directory of both ledgers, and the entries that are not the image's."""

    engine: str
    version: str
    containerd_store: bool
    image: tuple[str, ...]
    top: tuple[ListedEntry, ...]
    count: int
    added: tuple[AddedEntry, ...]


def probe(lab: Laboratory) -> Observation:
    """Take the entries that the live root adds or changes from the verification."""
    evidence, judgement = lab.verification()
    count, kept = 0, []
    for finding in judgement.findings:
        if finding.status is Status.SAME and finding.prediction in ("agrees", "none"):
            continue
        count += 1
        # Never left out: these fail the experiment.
        if count <= _MOST_KEPT or finding.origin in {Origin.UNEXPLAINED, *DRIFT}:
            kept.append(_added(finding))
    kept += [_lost(ghost) for ghost in judgement.ghosts if ghost.origin in DRIFT]
    engine = evidence.facts.engine
    return Observation(
        engine=engine.name,
        version=engine.version,
        containerd_store=engine.containerd_store,
        image=tuple(e.path for e in evidence.image if _is_top(e.path)),
        top=tuple(ListedEntry.of(e) for e in evidence.live if _is_top(e.path)),
        count=count,
        added=tuple(kept),
    )


def _is_top(path: str) -> bool:
    return path != "/" and path.count("/") == 1


def _added(finding: Finding) -> AddedEntry:
    first = finding.evidence[0] if finding.evidence else None
    return AddedEntry(
        path=finding.path,
        status=str(finding.status),
        origin=str(finding.origin),
        proofs=len(finding.evidence),
        proof=f"{first.kind}: {first.detail}" if first else "",
        prediction=finding.prediction,
    )


def _lost(ghost: Ghost) -> AddedEntry:
    proof = f"{ghost.evidence[0].kind}: {ghost.evidence[0].detail}" if ghost.evidence else ""
    return AddedEntry(
        path=ghost.path,
        status=str(ghost.kind),
        origin=str(ghost.origin),
        proofs=len(ghost.evidence),
        proof=proof,
        prediction="none",
    )


def judge(observation: Observation) -> ExperimentOutcome:
    """The six names, and an origin with evidence for every further entry."""
    observed = listing.listing_text(len(observation.top), observation.top)
    by_fault = {
        "missing": [a for a in observation.added if a.status == Status.MISSING],
        "unexplained": [a for a in observation.added if a.origin == Origin.UNEXPLAINED],
        "written": [a for a in observation.added if a.origin in DRIFT],
        "no-evidence": [a for a in observation.added if not a.proofs],
    }
    for fault, entries in by_fault.items():
        if entries:
            return ExperimentOutcome(observed, fault=fault, placeholders={"paths": _paths(entries)})
    for entry in observation.added:
        if entry.prediction not in ("agrees", "none"):
            values = {"disagreement": f"{visible(entry.path)}: {entry.prediction}"}
            return ExperimentOutcome(observed, fault="disagrees", placeholders=values)
    names = {line.path.removeprefix("/") for line in observation.top}
    wanted = set(_TOP_NAMES.get(observation.engine, _TOP_NAMES["docker"]))
    wanted |= {path.removeprefix("/") for path in observation.image}
    today = ("podman",) if observation.engine == "podman" else ()
    if (
        observation.containerd_store
        and observation.version.startswith("24.")
        and ".dockerenv" not in names
    ):
        wanted.discard(".dockerenv")
        today = ("moby-46607",)
    if names != wanted:
        return ExperimentOutcome(
            observed, fault="names", placeholders={"names": visible(" ".join(sorted(names)))}
        )
    origins = Counter(entry.origin for entry in observation.added)
    counts = ", ".join(f"{number} {origin}" for origin, number in sorted(origins.items()))
    total = f"{observation.count} entries that are not the image's, none unexplained: {counts}"
    return ExperimentOutcome(f"{observed}\n{total}", today=today)


def _paths(entries: list[AddedEntry]) -> str:
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    return ", ".join(visible(entry.path) for entry in entries[:3]) + more
