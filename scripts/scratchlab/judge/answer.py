"""The answer to `scratchlab why CONTAINER PATH`: one path, all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.judgement import Judgement
from scratchlab.judge.paths import resolve, upwards
from scratchlab.judge.rules import RULES, Rule
from scratchlab.judge.rules.permalink import permalink
from scratchlab.model import Finding, Ghost, MountFinding


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of ``path``: at most one finding, a ghost beside it, the mounts on it (a mask,
    say) and, for a path inside one, the mount that it lies on. ``source`` is the permalink of the
    rule's source at the version that runs here.
    """

    path: str
    finding: Finding | None
    ghost: Ghost | None
    mounts: tuple[MountFinding, ...]
    rule: Rule | None
    source: str
    note: str = ""


def answer(seen: EvidenceSet, judgement: Judgement, path: str) -> Answer:
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
        kernel = RULES["kernel-filesystem"]
        note = f"it lies in {inside.mount.fstype}, mounted on {inside.mount.target}"
        if landed in _masked(seen):
            note += "; the engine asks for a mask over it, and this kernel has no such path"
        return Answer(landed, None, None, (inside,), kernel, permalink(kernel, seen.facts), note)
    name = found.rule if found is not None else (mounts[0].rule if mounts else None)
    rule = RULES.get(name) if name else None
    return Answer(landed, found, ghost, mounts, rule, permalink(rule, seen.facts), note)


def _kernel(judgement: Judgement, path: str) -> MountFinding | None:
    """The kernel filesystem that is not walked and that ``path`` lies in."""
    by_target = {one.mount.target: one for one in judgement.mounts}
    for folder in upwards(path):
        one = by_target.get(folder)
        if one is not None:
            kernel = one.mount.fstype in ("proc", "sysfs", "cgroup", "cgroup2")
            return one if kernel else None
    return None


def _masked(seen: EvidenceSet) -> tuple[str, ...]:
    config = seen.facts.container.inspect.get("HostConfig") or {}
    return tuple(config.get("MaskedPaths") or ())
