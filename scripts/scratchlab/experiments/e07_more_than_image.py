"""E07: the instance holds more than the image, and every further entry has an origin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedLine
from scratchlab.lab.session import Laboratory
from scratchlab.model import Finding, Origin, Status
from scratchlab.text import visible

_MOST = 1000  # findings that an observation keeps; the report has them all
_NAMES = {
    "docker": (".dockerenv", "dev", "etc", "proc", "sys"),
    # podman v5.4.2 libpod/container_internal_common.go makeBindMounts: /run/.containerenv
    "podman": ("dev", "etc", "proc", "run", "sys"),
}


@dataclass(frozen=True)
class Added:
    """One entry that is not simply the image's: who put it there, and the first proof."""

    path: str
    status: str
    origin: str
    proofs: int
    proof: str
    prediction: str


@dataclass(frozen=True)
class Observation:
    """The top directory of both ledgers, and the findings about what is not the image's."""

    engine: str
    version: str
    containerd_store: bool
    image: tuple[str, ...]
    top: tuple[ListedLine, ...]
    count: int
    added: tuple[Added, ...]


def probe(lab: Laboratory) -> Observation:
    """Take from the verification what the live root holds more, or otherwise, than the image."""
    evidence, judgement = lab.verification()
    count, kept = 0, []
    for finding in judgement.findings:
        if finding.status is Status.SAME and finding.prediction in ("agrees", "none"):
            continue
        count += 1
        # What must never be overlooked is kept beyond the bound.
        if count <= _MOST or finding.origin in (Origin.UNEXPLAINED, Origin.PROCESS_WRITE):
            kept.append(_added(finding))
    engine = evidence.facts.engine
    return Observation(
        engine=engine.name,
        version=engine.version,
        containerd_store=engine.containerd_store,
        image=tuple(e.path for e in evidence.image if _is_top(e.path)),
        top=tuple(listing.listed_line(e) for e in evidence.live if _is_top(e.path)),
        count=count,
        added=tuple(kept),
    )


def _is_top(path: str) -> bool:
    return path != "/" and path.count("/") == 1


def _added(finding: Finding) -> Added:
    first = finding.evidence[0] if finding.evidence else None
    return Added(
        path=finding.path,
        status=str(finding.status),
        origin=str(finding.origin),
        proofs=len(finding.evidence),
        proof=f"{first.kind}: {first.detail}" if first else "",
        prediction=finding.prediction,
    )


def judge(seen: Observation) -> ExperimentOutcome:
    """The six names, and of every further entry an origin with evidence."""
    said = listing.listed_text(len(seen.top), seen.top)
    by_fault = {
        "missing": [a for a in seen.added if a.status == Status.MISSING],
        "unexplained": [a for a in seen.added if a.origin == Origin.UNEXPLAINED],
        "written": [a for a in seen.added if a.origin == Origin.PROCESS_WRITE],
        "no-evidence": [a for a in seen.added if not a.proofs],
    }
    for fault, found in by_fault.items():
        if found:
            return ExperimentOutcome(said, fault=fault, words={"paths": _paths(found)})
    for one in seen.added:
        if one.prediction not in ("agrees", "none"):
            words = {"disagreement": f"{visible(one.path)}: {one.prediction}"}
            return ExperimentOutcome(said, fault="disagrees", words=words)
    names = {line.path.removeprefix("/") for line in seen.top}
    wanted = set(_NAMES.get(seen.engine, _NAMES["docker"]))
    wanted |= {path.removeprefix("/") for path in seen.image}
    today = ("podman",) if seen.engine == "podman" else ()
    if seen.containerd_store and seen.version.startswith("24.") and ".dockerenv" not in names:
        wanted.discard(".dockerenv")
        today = ("moby-46607",)
    if names != wanted:
        return ExperimentOutcome(
            said, fault="names", words={"names": visible(" ".join(sorted(names)))}
        )
    origins = Counter(one.origin for one in seen.added)
    whose = ", ".join(f"{number} {origin}" for origin, number in sorted(origins.items()))
    said = f"{said}\n{seen.count} entries that are not the image's, none unexplained: {whose}"
    return ExperimentOutcome(said, today=today)


def _paths(found: list[Added]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(visible(one.path) for one in found[:3]) + more
