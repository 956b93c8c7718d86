"""Where a rule is written, at the version that runs here."""

from __future__ import annotations

from scratchlab.judge.rules.rule import Rule
from scratchlab.judge.versions import numbers
from scratchlab.model import Facts

_PROJECTS = {"moby/moby": "docker", "containers/podman": "podman",
             "opencontainers/runc": "runc", "containers/crun": "crun"}  # fmt: skip


def permalink(rule: Rule | None, facts: Facts) -> str:
    """URL of ``rule``'s source; at its newest where another program made this container."""
    if rule is None or rule.source is None:
        return ""
    project = rule.source.project
    name = _PROJECTS.get(project)
    if name == facts.engine.name:
        return rule.source.permalink(numbers(facts.engine.version))
    if name == facts.runtime.name:
        return rule.source.permalink(numbers(facts.runtime.version))
    if project == "torvalds/linux":
        return rule.source.permalink(numbers(facts.host.kernel)[:2])  # v6.12, never v6.12.0
    return rule.source.permalink(())
