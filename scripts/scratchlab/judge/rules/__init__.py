"""Rules: who puts what into a root filesystem, as tables with their public sources."""

from __future__ import annotations

from scratchlab.judge.rules import docker, podman, runtime
from scratchlab.judge.rules.rule import Citation, Rule

RULES: dict[str, Rule] = {
    rule.id: rule
    for table in (docker.RULES, podman.RULES, runtime.RULES, runtime.KERNEL_RULES)
    for rule in table
}

__all__ = ["RULES", "Citation", "Rule"]
