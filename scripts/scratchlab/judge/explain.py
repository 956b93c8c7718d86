"""The answer to `scratchlab why CONTAINER PATH`: one path, all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.judgement import Judgement
from scratchlab.judge.paths import resolve, upwards
from scratchlab.judge.rules import RULES, Rule
from scratchlab.judge.rules.permalink import Permalink, permalinks
from scratchlab.model import Finding, Ghost, MountFinding


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of ``path``: at most one finding, a ghost beside it, the mounts on it (a mask,
    say) and, for a path inside one, the mount that it lies on. ``rule`` is that of the finding, of
    the mount, or of the mount that hides the ghost; ``source`` is where it is written, at the
    version that runs here. ``absent``: this kernel has no such path.
    """

    path: str
    finding: Finding | None
    ghost: Ghost | None
    mounts: tuple[MountFinding, ...]
    rule: Rule | None = None
    source: Permalink | None = None
    note: str = ""
    absent: bool = False


def explain(seen: EvidenceSet, judgement: Judgement, path: str) -> Explanation:
    """Look ``path`` up. Raises LabError where neither image nor live root has it."""
    asked = "/" + path.strip("/") if path.strip("/") else "/"
    landed = asked if asked in seen.live or asked in seen.image else resolve(seen.image, asked)
    note = "" if landed == asked else f"{asked} leads to {landed}: links of the image"
    found = next((one for one in judgement.findings if one.path == landed), None)
    ghost = next((one for one in judgement.ghosts if one.path == landed), None)
    mounts = tuple(one for one in judgement.mounts if one.mount.target == landed and not one.entry)
    if found is None and ghost is None and not mounts:
        inside = _kernel(judgement, landed)
        if inside is None:
            raise LabError(
                f"{landed} is neither in the image nor in the container",
                "look at what there is: scratchlab live CONTAINER",
            )
        if landed in _masked(seen) and landed not in seen.facts.host.existing:
            mask = RULES["masked-path"]
            return Explanation(
                landed, None, None, (), mask, permalinks(mask, seen.facts), absent=True,
                note="the engine asks for a mask over it, and this kernel has no such path",
            )  # fmt: skip
        kernel = RULES["kernel-filesystem"]
        note = f"it lies in the {inside.mount.fstype} that is mounted on {inside.mount.target}"
        return Explanation(
            landed, None, None, (inside,), kernel, permalinks(kernel, seen.facts), note
        )
    name = found.rule if found is not None else None
    if found is None:
        name = mounts[0].rule if mounts else _hiding(judgement, landed)
    rule = RULES.get(name) if name else None
    place = permalinks(rule, seen.facts) if rule is not None else None
    return Explanation(landed, found, ghost, mounts, rule, place, note)


def _hiding(judgement: Judgement, path: str) -> str | None:
    """The rule of the mount that ``path`` of the image is hidden by."""
    by_target = {one.mount.target: one for one in judgement.mounts if one.entry}
    over = next(
        (by_target[directory] for directory in upwards(path) if directory in by_target), None
    )
    return over.rule if over is not None else None


def _kernel(judgement: Judgement, path: str) -> MountFinding | None:
    """The kernel filesystem that is not walked and that ``path`` lies in."""
    by_target = {one.mount.target: one for one in judgement.mounts}
    for directory in upwards(path):
        one = by_target.get(directory)
        if one is not None:
            kernel = one.mount.fstype in ("proc", "sysfs", "cgroup", "cgroup2")
            return one if kernel else None
    return None


def _masked(seen: EvidenceSet) -> tuple[str, ...]:
    config = seen.facts.container.inspect.get("HostConfig") or {}
    return tuple(config.get("MaskedPaths") or ())
