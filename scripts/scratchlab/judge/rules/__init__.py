"""Rules: who puts what into a root filesystem, as tables with their public sources."""

from __future__ import annotations

from scratchlab.judge.rules import docker, podman, runtime
from scratchlab.judge.rules.rule import Citation, Rule

RULES: dict[str, Rule] = {
    rule.id: rule
    for table in (
        docker.RULES,
        podman.RULES,
        runtime.RULES,
        runtime.TOOL_RULES,
        runtime.KERNEL_RULES,
    )
    for rule in table
}

__all__ = ["RULES", "Citation", "Rule"]


def advice(rule: Rule, path: str) -> str:
    """How to avoid what ``rule`` does at ``path``; empty where there is no way."""
    return {**docker.ADVICE, **podman.ADVICE}.get((rule.id, path), rule.removed_by)
