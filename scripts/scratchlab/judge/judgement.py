"""Evidence and expectation in, findings out: pure, and the same at every call."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scratchlab.evidence import EvidenceSet
from scratchlab.idmap import IdMap
from scratchlab.judge import agreement, conformance
from scratchlab.judge.compare import Pair, compare
from scratchlab.judge.elimination import eliminated
from scratchlab.judge.ghosts import Ghosts
from scratchlab.judge.mounts import MountOrigins
from scratchlab.judge.origins import EntryOrigins
from scratchlab.judge.prediction.plan import Expected
from scratchlab.ledger import key
from scratchlab.model import Check, Finding, Ghost, MountFinding, Origin, Status


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found. ``findings`` has one item for each live entry and for each one that is
    missing, in tree order, and can be iterated again and again; a hundred thousand of them are
    never in memory at once. ``mounts`` has one for each line of mountinfo.
    """

    findings: Iterable[Finding]
    ghosts: tuple[Ghost, ...]
    checks: tuple[Check, ...]
    problems: tuple[str, ...]
    mounts: tuple[MountFinding, ...] = ()


def judge(seen: EvidenceSet, expected: Expected) -> Judgement:
    """Explain every entry and every mount of ``seen``, each by evidence and against
    ``expected``.
    """
    seen = eliminated(seen)
    found = _Findings(seen, expected)
    ghosts = tuple(found.ghosts())
    facts = seen.facts
    return Judgement(
        findings=found,
        ghosts=ghosts,
        checks=conformance.checks(seen),
        problems=(*facts.image.problems, *facts.problems, *expected.problems),
        mounts=found.mounts(),
    )


class _Findings:
    """The findings, made again at each iteration."""

    def __init__(self, seen: EvidenceSet, expected: Expected) -> None:
        self._seen = seen
        self._expected = expected
        top = seen.live.get("/")
        root = top.mount if top is not None else None
        self._mounts = MountOrigins(seen.facts, seen.image, root)
        self._origins = EntryOrigins(seen, self._mounts)
        self._ghosts = Ghosts(seen, self._mounts, root)
        self._ids = IdMap(seen.facts.container.uid_map)

    def __iter__(self) -> Iterator[Finding]:
        found = (finding for finding, _ in self.pairs() if finding is not None)
        return heapq.merge(found, self._absent(), key=lambda one: key(one.path))

    def pairs(self) -> Iterator[tuple[Finding | None, Ghost | None]]:
        """For each path of either ledger what is found there, and what is hidden there."""
        for pair in compare(self._seen.image, self._seen.live, self._ids):
            yield self._missing(pair) if pair.live is None else self._present(pair)

    def ghosts(self) -> Iterator[Ghost]:
        """Every ghost, in tree order."""
        for pair in compare(self._seen.image, self._seen.live, self._ids):
            if pair.live is None:
                ghost = self._missing(pair)[1]
            elif pair.status is Status.SAME and self._mounts.is_root(pair.live.mount):
                continue  # the image's own entry in plain sight hides nothing: most are such
            else:
                ghost = self._present(pair)[1]
            if ghost is not None:
                yield ghost

    def _present(self, pair: Pair) -> tuple[Finding, Ghost | None]:
        assert pair.live is not None  # noqa: S101 - for the type checker
        cause, status = self._origins.of(pair)
        mount = self._mounts.get(pair.live.mount)
        other = status is Status.ONLY_LIVE and pair.image is not None and pair.path != "/"
        ghost = self._ghosts.of(pair.image) if other and pair.image is not None else None
        if status is Status.SAME and pair.path != "/":
            predicted = agreement.AGREES if self._expected.predictions else agreement.NONE
        else:
            predicted = agreement.of_entry(self._expected, pair.live, mount, cause)
        finding = Finding(
            path=pair.path,
            status=status,
            origin=cause.origin,
            evidence=cause.evidence,
            rule=cause.rule,
            differences=() if other else pair.differences,
            image=None if other else pair.image,
            live=pair.live,
            prediction=predicted,
        )
        return finding, ghost

    def _missing(self, pair: Pair) -> tuple[Finding | None, Ghost | None]:
        assert pair.image is not None  # noqa: S101 - for the type checker
        ghost = self._ghosts.of(pair.image)
        if ghost is not None:
            return None, ghost
        return (
            Finding(pair.path, Status.MISSING, Origin.UNEXPLAINED, image=pair.image),
            None,
        )

    def _absent(self) -> Iterator[Finding]:
        """What was predicted and is not there."""
        seen = {mount.target for mount in self._seen.facts.mounts}
        wanted = self._expected.predictions
        for path in sorted(wanted, key=key):
            one = wanted[path]
            if path in seen if not one.walked else path in self._seen.live:
                continue
            if self._seen.image.get(path) is not None and one.walked:
                continue  # of the image, and missing or hidden already
            yield Finding(
                path, Status.MISSING, one.origin, rule=one.rule,
                prediction=f"predicted as {one.origin}, and not there",
            )  # fmt: skip

    def mounts(self) -> tuple[MountFinding, ...]:
        """Each line of mountinfo with its origin."""
        found = []
        for mount in self._seen.facts.mounts:
            cause = self._mounts[mount]
            live = self._seen.live.get(mount.target)
            stands = live is not None and live.mount == mount.id
            predicted = (
                agreement.of_entry(self._expected, live, mount, cause)
                if stands and live is not None
                else agreement.of_mount(self._expected, mount, cause)
            )
            found.append(
                MountFinding(mount, cause.origin, cause.evidence, cause.rule, predicted, stands)
            )
        return tuple(found)
