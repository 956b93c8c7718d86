"""The judgement: findings, ghosts, mounts and checks, from evidence and predictions alone."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from scratchlab.evidence import EvidenceSet
from scratchlab.idmap import IdMap
from scratchlab.judge import agreement, conformance
from scratchlab.judge.cause import Cause
from scratchlab.judge.compare import Pair, compare
from scratchlab.judge.elimination import eliminated
from scratchlab.judge.entry_origins import EntryOrigins
from scratchlab.judge.ghosts import GhostFinder
from scratchlab.judge.hidden import hidden_files
from scratchlab.judge.mount_origins import MADE_LATER, MountOrigins
from scratchlab.judge.prediction.predictions import Prediction, Predictions
from scratchlab.judge.times import changed_since, start_of
from scratchlab.ledger import sort_key
from scratchlab.model import (
    Check,
    Entry,
    Evidence,
    Finding,
    Ghost,
    Kind,
    Mount,
    MountFinding,
    Origin,
    Status,
)
from scratchlab.reading import Sight

CHANGED_WHILE_READ = "changed while read"  # note of a live entry: scratchlab.collect.live
_ONE_DIRECTORY = frozenset({"vfs", "native", "btrfs"})  # storage drivers whose roots have no layers


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found. ``findings`` has one item for each live entry and for each missing one, in
    tree order; each iteration makes them again, so that a hundred thousand of them are never in
    memory at once. ``ghosts``, in tree order too, come from the same comparison: they cost nothing
    after a whole iteration of ``findings``. ``mounts`` has one item for each line of mountinfo.
    ``problems`` are contradictions inside the image archive; ``notes`` say what could not be read
    or predicted, and what is odd and leaves no doubt.
    """

    findings: Iterable[Finding]
    ghosts: Iterable[Ghost]
    checks: tuple[Check, ...]
    problems: tuple[str, ...]
    mounts: tuple[MountFinding, ...] = ()
    notes: tuple[str, ...] = ()


def judge(
    evidence: EvidenceSet, predictions: Predictions, paths: Collection[str] | None = None
) -> Judgement:
    """Explain every entry and every mount of ``evidence``, and compare each with
    ``predictions``. ``evidence`` must stay open while findings or ghosts are iterated.

    ``paths``: judge only these, and check nothing; the live root then needs no more than them,
    the directories above them and the other names of their files.
    """
    evidence = eliminated(evidence)
    comparison = _Comparison(evidence, predictions, paths)
    facts = evidence.facts
    return Judgement(
        findings=_Findings(comparison),
        ghosts=_Ghosts(comparison),
        checks=conformance.checks(evidence) if paths is None else (),
        problems=facts.image.problems,
        mounts=comparison.mounts(),
        notes=(
            *facts.image.notes,
            *facts.problems,
            *predictions.problems,
            *comparison.hidden_files(),
        ),
    )


def is_doubtful(finding: Finding) -> bool:
    """Whether a container that is written to may have made ``finding`` come out wrong: then the
    path is worth a second look.
    """
    if finding.status is Status.MISSING or finding.origin is Origin.UNEXPLAINED:
        return True
    agreed = finding.prediction in (agreement.AGREES, agreement.NONE)
    return finding.origin in (Origin.WRITTEN_LATER, Origin.ENGINE_INIT_LAYER) and not agreed


class _Comparison:
    """Image against live root, path by path."""

    def __init__(
        self, evidence: EvidenceSet, predictions: Predictions, paths: Collection[str] | None
    ) -> None:
        self._evidence = evidence
        self._paths = paths
        self._predictions = predictions
        top = evidence.live.get("/")
        root = top.mount if top is not None else None
        self._mounts = MountOrigins(evidence.facts, evidence.image, root)
        self._origins = EntryOrigins(evidence, self._mounts)
        self._root = root
        self._finder = GhostFinder(evidence, self._mounts, root)
        self._ids = IdMap(evidence.facts.container.uid_map)
        self._looks = {look.path: look for look in evidence.facts.second_look}
        self._start = start_of(evidence.facts)
        self._ghosts: tuple[Ghost, ...] | None = None  # None: no iteration came to its end yet

    def findings(self) -> Iterator[Finding]:
        """Every finding, in tree order."""
        ghosts: list[Ghost] = []
        found: Iterator[Finding] = self._compared(ghosts)
        if lacking := tuple(self._predicted_only()):
            found = heapq.merge(found, lacking, key=lambda finding: sort_key(finding.path))
        yield from found
        self._ghosts = tuple(ghosts)

    def ghosts(self) -> tuple[Ghost, ...]:
        """Every ghost, in tree order."""
        if self._ghosts is None:
            deque(self.findings(), maxlen=0)
        return self._ghosts or ()

    def hidden_files(self) -> Iterator[str]:
        """What of the writable layer mounts hide, as sentences."""
        return hidden_files(self._evidence, self._mounts, self._root)

    def mounts(self) -> tuple[MountFinding, ...]:
        """Every line of mountinfo with its origin."""
        return tuple(map(self._mount, self._evidence.facts.mounts))

    def _compared(self, ghosts: list[Ghost]) -> Iterator[Finding]:
        """The findings for the paths of both ledgers; their ghosts are added to ``ghosts``."""
        for pair in compare(self._evidence.image, self._evidence.live, self._ids, self._paths):
            finding, hidden = self._judged(pair)
            ghost = self._finder.find(hidden) if hidden is not None else None
            if ghost is not None:
                ghosts.append(ghost)
            if finding is not None:
                if hidden is not None and ghost is None:  # nothing is known to hide it
                    finding = finding._replace(image=hidden, differences=pair.differences)
                yield self._at_second_look(finding)
            elif ghost is None:
                yield self._at_second_look(
                    Finding(pair.path, Status.MISSING, Origin.UNEXPLAINED, image=pair.image)
                )

    def _at_second_look(self, finding: Finding) -> Finding:
        """``finding``, or that the path was gone or changed while it was read, or that it was
        replaced since the start: then the prediction is not held against it.
        """
        look = self._looks.get(finding.path)
        if look is None:
            return finding
        since = changed_since(look.changed, self._start)
        if finding.origin is Origin.WRITTEN_LATER:
            return self._replaced(finding, since)
        if look.sight is Sight.SAME:
            return self._in_one_directory(finding, since)
        if finding.origin is not Origin.UNEXPLAINED:
            return finding
        words = "gone" if look.sight is Sight.GONE else "changed"
        proof = Evidence("stat", f"it was {words} when it was looked at again")
        live = finding.live and finding.live._replace(note=CHANGED_WHILE_READ)
        status = Status.CHANGED if finding.status is Status.MISSING else finding.status
        return finding._replace(
            status=status, origin=Origin.WRITTEN_LATER, evidence=(proof,), live=live
        )

    def _replaced(self, finding: Finding, since: str) -> Finding:
        """``finding`` as drift, where ``since`` says that it was changed since the start. It proves
        nothing of a directory, whose time changes with each name in it, nor of a missing mount.
        """
        live, prediction = finding.live, self._predictions.by_path.get(finding.path)
        if not since or live is None or live.kind is Kind.DIRECTORY:
            return finding
        if prediction is None or prediction.mount is not None:
            return finding
        proof = Evidence("stat", f"it {since}; {_was(prediction)}")
        return finding._replace(evidence=(*finding.evidence, proof), prediction=agreement.NONE)

    def _in_one_directory(self, finding: Finding, since: str) -> Finding:
        """``finding`` as drift, where it is unexplained or the init layer's by elimination, in a
        root without layers: a directory of this container's alone, which its driver made before the
        start. The time of a directory proves nothing.
        """
        live, driver = finding.live, self._evidence.facts.engine.storage_driver
        if not since or live is None or live.kind is Kind.DIRECTORY or live.mount != self._root:
            return finding
        eliminated = finding.origin in (Origin.UNEXPLAINED, Origin.ENGINE_INIT_LAYER)
        if driver not in _ONE_DIRECTORY or not eliminated:
            return finding
        prediction = self._predictions.by_path.get(finding.path)
        was = f"; {_was(prediction)}" if prediction is not None else ""
        proof = Evidence("stat", f"it {since}, in a root that is this container's alone{was}")
        return finding._replace(
            origin=Origin.WRITTEN_LATER, rule=None, evidence=(proof,), prediction=agreement.NONE
        )

    def _judged(self, pair: Pair) -> tuple[Finding | None, Entry | None]:
        """The finding for the live entry of ``pair``, if it has one, and the entry of the image
        that the container cannot see, if there is one.
        """
        live = pair.live
        if live is None:
            return None, pair.image
        cause, status = self._origins.of(pair)
        mount = self._mounts.get(live.mount)
        # The live entry is another one than the image's, which it hides.
        replaced = status is Status.ONLY_LIVE and pair.image is not None and pair.path != "/"
        if status is Status.SAME and pair.path not in self._predictions.by_path:
            prediction = agreement.AGREES if self._predictions.by_path else agreement.NONE
        else:
            prediction = self._agreement(live, mount, cause)
        finding = Finding(
            path=pair.path,
            status=status,
            origin=cause.origin,
            evidence=cause.evidence,
            rule=cause.rule,
            differences=() if replaced else pair.differences,
            image=None if replaced else pair.image,
            live=live,
            prediction=prediction,
        )
        return finding, pair.image if replaced else None

    def _agreement(self, live: Entry, mount: Mount | None, cause: Cause) -> str:
        below = mount is not None and mount.target != live.path
        if mount is not None and below and self._mounts[mount].origin in MADE_LATER:
            return cause.doubt or agreement.NONE  # what was predicted is covered since the start
        origins = self._mounts.origins_at(live.path)
        return agreement.of_entry(self._predictions, live, mount, cause, origins)

    def _predicted_only(self) -> Iterator[Finding]:
        """What was predicted and is neither in the container nor in the image."""
        mounted = {mount.target for mount in self._evidence.facts.mounts}
        for path, prediction in sorted(
            self._predictions.by_path.items(), key=lambda item: sort_key(item[0])
        ):
            if self._paths is not None and path not in self._paths:
                continue
            if prediction.has_entry:
                known = path in self._evidence.live or path in self._evidence.image
            else:
                known = path in mounted
            if not known and not self._mounts.is_covered_later(path):
                yield self._removed(prediction) or Finding(
                    path, Status.MISSING, prediction.origin, rule=prediction.rule,
                    prediction=agreement.of_missing(prediction),
                )  # fmt: skip

    def _removed(self, prediction: Prediction) -> Finding | None:
        """The finding for what was predicted and was removed since the start; None where nothing
        shows that it was.
        """
        if prediction.mount is not None:
            return None
        look = self._looks.get(prediction.path)
        since = changed_since(look.above, self._start) if look is not None else ""
        proof = self._finder.removed(prediction.path, since)
        if proof is None:
            return None
        evidence = (proof, Evidence("stat", _was(prediction)))
        return Finding(prediction.path, Status.DELETED, Origin.WRITTEN_LATER, evidence)

    def _mount(self, mount: Mount) -> MountFinding:
        cause = self._mounts[mount]
        live = self._evidence.live.get(mount.target)
        if live is not None and live.mount == mount.id:
            prediction = self._agreement(live, mount, cause)
            return MountFinding(
                mount, cause.origin, cause.evidence, cause.rule, prediction, entry=True
            )
        origins = self._mounts.origins_at(mount.target)
        prediction = agreement.of_mount(self._predictions, mount, cause, origins)
        return MountFinding(mount, cause.origin, cause.evidence, cause.rule, prediction)


def _was(prediction: Prediction) -> str:
    return f"predicted here was {prediction.origin} ({prediction.rule})"


class _Findings:
    """The findings of a comparison, made again at each iteration."""

    def __init__(self, comparison: _Comparison) -> None:
        self._comparison = comparison

    def __iter__(self) -> Iterator[Finding]:
        return self._comparison.findings()


class _Ghosts:
    """The ghosts of a comparison, which is made for them only where none was made yet."""

    def __init__(self, comparison: _Comparison) -> None:
        self._comparison = comparison

    def __iter__(self) -> Iterator[Ghost]:
        return iter(self._comparison.ghosts())
