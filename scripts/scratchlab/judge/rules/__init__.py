"""Who puts what into a root filesystem, as tables with their public sources."""

from __future__ import annotations

from scratchlab.judge.rules import docker, linux, podman, runtime
from scratchlab.judge.rules.rule import Rule, Source

RULES: dict[str, Rule] = {
    rule.id: rule
    for table in (docker.RULES, podman.RULES, runtime.RULES, linux.RULES)
    for rule in table
}

__all__ = ["RULES", "Rule", "Source"]
