"""What of a container's drift does not count: what a policy allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, cast

from scratchlab.evidence import EvidenceSet
from scratchlab.model import Finding, Ghost, MountFinding, Origin, Status
from scratchlab.report.convert import entry_section, mount_section
from scratchlab.report.policy.rule import Change, ChangeKind, Rule
from scratchlab.report.sections import (
    EntrySection,
    ExpectSection,
    GhostSection,
    MountSection,
)
from scratchlab.report.verdict import ALLOWABLE, trouble_of
from scratchlab.text import visible

if TYPE_CHECKING:  # the library that reads YAML is loaded only where there is a policy
    from scratchlab.report.policy.file import Policy

_MOST_REASONS = 20  # notes about rules that match a path and do not allow it
_MOUNTED_LATER = frozenset({Origin.MOUNTED_INSIDE, Origin.HOST_MOUNT})


class Judged(Protocol):
    """What a judgement must have to be looked through for changes."""

    @property
    def findings(self) -> Iterable[Finding]:
        """One for each entry."""

    @property
    def ghosts(self) -> Iterable[Ghost]:
        """What layers hold and the container does not show."""

    @property
    def mounts(self) -> tuple[MountFinding, ...]:
        """One for each mount."""


class Changes:
    """The changes of one judgement, as a policy sees them."""

    def __init__(self, evidence: EvidenceSet, mounts: Iterable[MountFinding]) -> None:
        self._image = evidence.image
        top = evidence.live.get("/")
        self._root = top.mount if top is not None else None
        self._mountpoints = {item.mount.target for item in mounts if item.entry}

    def of_entry(self, finding: Finding, trouble: str) -> Change:
        """The change that ``finding``, whose :func:`trouble_of` is ``trouble``, stands for."""
        live = finding.live
        if live is None:
            kind, entry = ChangeKind.DELETED, finding.image
        else:
            on_root = live.mount == self._root and live.path != "/"
            altered = finding.status is Status.ALTERED
            # Another entry in the place of the image's: a ghost says so, too.
            altered = altered or (on_root and self._image.get(live.path) is not None)
            kind, entry = ChangeKind.ALTERED if altered else ChangeKind.ADDED, live
        mounted = finding.origin in _MOUNTED_LATER and finding.path in self._mountpoints
        unstable = trouble == "unstable"
        return Change(finding.path, kind, finding.origin, entry, mounted, unstable)

    @staticmethod
    def of_ghost(ghost: Ghost) -> Change:
        """The change that hides ``ghost``."""
        kind = ChangeKind.DELETED if ghost.kind is Status.DELETED else ChangeKind.ALTERED
        return Change(ghost.path, kind, ghost.origin, ghost.image)

    @staticmethod
    def of_mount(finding: MountFinding) -> Change:
        """The change that a mount without an entry is."""
        return Change(finding.mount.target, ChangeKind.ADDED, finding.origin, None, mountpoint=True)


class Allowances:
    """Marks the sections that ``policy`` allows (None: none), and says what its rules did."""

    def __init__(self, policy: Policy | None, changes: Changes) -> None:
        self._policy = policy
        self._changes = changes
        self._matched: Counter[int] = Counter()  # by the line of the rule
        self._refused: list[tuple[Rule, Change, str]] = []

    def entry(self, finding: Finding, section: EntrySection) -> None:
        """Mark ``section``, which reports ``finding``, if it is allowed."""
        trouble = trouble_of(section) if self._policy is not None else None
        if trouble is not None and trouble in ALLOWABLE:
            self._mark(self._changes.of_entry(finding, trouble), section)

    def ghost(self, ghost: Ghost, section: GhostSection) -> None:
        """Mark ``section``, which reports ``ghost``, if it is allowed."""
        if ghost.kind in (Status.DELETED, Status.CHANGED):
            self._mark(self._changes.of_ghost(ghost), section)

    def mount(self, finding: MountFinding, section: MountSection) -> None:
        """Mark ``section``, which reports ``finding``, if it is allowed."""
        if not section["entry"] and trouble_of(section) in ALLOWABLE:
            self._mark(self._changes.of_mount(finding), section)

    def section(self) -> ExpectSection | None:
        """The section ``expect`` of the report; None without a policy."""
        if self._policy is None:
            return None
        return {
            "file": visible(self._policy.name),
            "sha256": self._policy.sha256,
            "rules": [
                {
                    "line": rule.line,
                    "path": list(map(visible, rule.patterns)),
                    "matched": self._matched[rule.line],
                }
                for rule in self._policy.rules
            ],
        }

    def notes(self) -> Iterator[str]:
        """Which rules allowed nothing, and which match a path that they do not allow."""
        if self._policy is None:
            return
        name = visible(self._policy.name)
        for rule in self._policy.rules:
            if not self._matched[rule.line]:
                yield f"{name}:{rule.line} allowed nothing: {_patterns(rule)}"
        for rule, change, reason in self._refused[:_MOST_REASONS]:
            path = visible(change.path)
            yield f"{name}:{rule.line} ({_patterns(rule)}) does not allow {path}: {reason}"
        more = len(self._refused) - _MOST_REASONS
        if more > 0:
            yield f"{more} more changes match a rule of {name} that does not allow them"

    def _mark(self, change: Change, section: EntrySection | GhostSection | MountSection) -> None:
        if self._policy is None:
            return
        rule, refused = self._policy.judge(change)
        if rule is None:
            self._refused += ((other, change, reason) for other, reason in refused[:1])
            return
        self._matched[rule.line] += 1
        cast(EntrySection, section)["allowed"] = (
            f"{visible(self._policy.name)}:{rule.line} {_patterns(rule)}"
        )


def _patterns(rule: Rule) -> str:
    return " ".join(map(visible, rule.patterns))


def listed(evidence: EvidenceSet, judgement: Judged) -> Iterator[Change]:
    """Every change that a policy could allow."""
    changes = Changes(evidence, judgement.mounts)
    for finding in judgement.findings:
        trouble = trouble_of(entry_section(finding))
        if trouble is not None and trouble in ALLOWABLE:
            yield changes.of_entry(finding, trouble)
    for ghost in judgement.ghosts:
        if ghost.kind in (Status.DELETED, Status.CHANGED):
            yield changes.of_ghost(ghost)
    for mount in judgement.mounts:
        section = mount_section(mount)
        if not section["entry"] and trouble_of(section) in ALLOWABLE:
            yield changes.of_mount(mount)
