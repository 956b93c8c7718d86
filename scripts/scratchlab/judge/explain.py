"""The answer to `scratchlab why CONTAINER PATH`: everything that is known of one path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.blame import Blame, blame
from scratchlab.judge.judgement import Judgement
from scratchlab.judge.paths import follow, upwards
from scratchlab.judge.rules import RULES, Rule
from scratchlab.judge.rules.permalink import Permalink, permalink
from scratchlab.ledger import Ledger
from scratchlab.model import Finding, Ghost, Kind, MountFinding
from scratchlab.reading import UserMount

_KERNEL_FILESYSTEMS = ("proc", "sysfs", "cgroup", "cgroup2")  # not walked


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of ``path``: at most one finding, a ghost beside it, and the mounts that have
    no finding: those on the path (a mask, say), or the kernel filesystem that the path lies in.
    ``rule`` is that of the finding, of the mount, or of the mount that hides the ghost; ``source``
    is the rule's source at the version that made this container. ``absent``: a mask was asked for
    and this kernel does not have the path. ``blame`` is that of the image's entry, which the
    container may see, or not, or which a layer removed.
    """

    path: str
    finding: Finding | None
    ghost: Ghost | None
    mounts: tuple[MountFinding, ...]
    rule: Rule | None = None
    source: Permalink | None = None
    note: str = ""
    absent: bool = False
    blame: Blame | None = None


def asked_path(path: str) -> str:
    """``path`` as a user writes it, as a path of a ledger: without ``//``, ``.`` and a last slash.

    ``..`` stays as it is: what it leads to depends on links.
    """
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def link_in(image: Ledger, live: Ledger | None, path: str) -> str | None:
    """The target of the symlink at ``path`` of the live root, else of the image; None where there
    is none. Without a live ledger, that of the image.
    """
    entry = live.get(path) if live is not None else None
    entry = entry or image.get(path)
    return entry.target if entry is not None and entry.kind is Kind.SYMLINK else None


def _in_words(finding: Finding) -> str:
    if finding.live is None:
        return str(finding.status)
    proof = finding.evidence[0].detail if finding.evidence else ""
    return f"{finding.origin}, {proof}" if proof else str(finding.origin)


def explain(evidence: EvidenceSet, judgement: Judgement, path: str) -> Explanation:
    """Look ``path`` up. Raises LabError where neither image nor container ever had it."""
    asked = asked_path(path)
    known = asked in evidence.live or asked in evidence.image or evidence.image.history(asked)
    end = follow(asked, partial(link_in, evidence.image, evidence.live), lexically=False)
    landed = asked if known else end
    # To the end, past the finding: the ghosts come from the same iteration.
    found = {item.path: item for item in judgement.findings if item.path in (asked, landed, end)}
    if asked in found:
        landed = asked  # predicted, and missing
    note = "" if landed == asked else f"{asked} leads to {landed} by links"
    if landed == asked != end and end in found:
        note = f"it is a link to {end}: {_in_words(found[end])}"
    finding = found.get(landed)
    ghost = next((item for item in judgement.ghosts if item.path == landed), None)
    mounts = tuple(
        item for item in judgement.mounts if item.mount.target == landed and not item.entry
    )
    made = blame(evidence.facts.image, evidence.image, landed)
    if finding is None and ghost is None and not mounts:
        if made is not None:
            return Explanation(landed, None, None, (), note=note, blame=made)
        return _in_kernel_filesystem(evidence, judgement, landed)
    if finding is not None:
        rule_id = finding.rule
    else:
        rule_id = mounts[0].rule if mounts else _hiding_rule(judgement, landed)
    rule = RULES.get(rule_id) if rule_id else None
    source = permalink(rule, evidence.facts) if rule is not None else None
    return Explanation(landed, finding, ghost, mounts, rule, source, note, blame=made)


def _in_kernel_filesystem(evidence: EvidenceSet, judgement: Judgement, path: str) -> Explanation:
    """The explanation of a path that no ledger has. Raises LabError where it is on no kernel
    filesystem.
    """
    finding = _kernel_mount(judgement, path)
    if finding is None and (user := _unsearched(evidence, path)) is not None:
        raise LabError(
            f"{path} lies on {user.target}, which the user mounted; it was not searched so far",
            "read all of it: scratchlab verify --user-data hash"
            f" {evidence.facts.container.name or 'CONTAINER'}",
        )
    if finding is None:
        raise LabError(
            f"{path} is neither in the image nor in the container",
            f"list what there is: scratchlab live {evidence.facts.container.name or 'CONTAINER'}",
        )
    if path in _masked_paths(evidence) and path not in evidence.facts.host.existing:
        rule = RULES["masked-path"]
        return Explanation(
            path, None, None, (), rule, permalink(rule, evidence.facts), absent=True,
            note="the engine asks for a mask over it, and this kernel has no such path",
        )  # fmt: skip
    rule = RULES["kernel-filesystem"]
    note = f"it is in the {finding.mount.fstype} that is mounted on {finding.mount.target}"
    source = permalink(rule, evidence.facts)
    return Explanation(path, None, None, (finding,), rule, source, note)


def _hiding_rule(judgement: Judgement, path: str) -> str | None:
    """The id of the rule of the mount that hides ``path`` of the image, if one does."""
    hiding = _nearest((item for item in judgement.mounts if item.entry), path)
    return hiding.rule if hiding is not None else None


def _unsearched(evidence: EvidenceSet, path: str) -> UserMount | None:
    """The mount of the user's that may hold ``path`` where it was not searched."""
    read = evidence.facts.user_data
    mounts = {user.target: user for user in (read.mounts if read is not None else ())}
    user = next((mounts[above] for above in upwards(path) if above in mounts), None)
    return user if user is not None and not user.complete else None


def _kernel_mount(judgement: Judgement, path: str) -> MountFinding | None:
    """The mount that ``path`` lies on, if that is a kernel filesystem."""
    finding = _nearest(judgement.mounts, path)
    if finding is None or finding.mount.fstype not in _KERNEL_FILESYSTEMS:
        return None
    return finding


def _nearest(mounts: Iterable[MountFinding], path: str) -> MountFinding | None:
    """Which of ``mounts``, the last at each target, is on ``path`` or next above it."""
    by_target = {item.mount.target: item for item in mounts}
    return next((by_target[above] for above in upwards(path) if above in by_target), None)


def _masked_paths(evidence: EvidenceSet) -> tuple[str, ...]:
    host_config = evidence.facts.container.inspect.get("HostConfig") or {}
    return tuple(host_config.get("MaskedPaths") or ())
