"""The source of a rule, at the version of the program that made the container."""

from __future__ import annotations

from typing import NamedTuple

from scratchlab.judge.rules.rule import Rule
from scratchlab.judge.versions import numbers
from scratchlab.model import Facts


class Permalink(NamedTuple):
    """The URL of a source file, and the function or table in it (empty: the whole file)."""

    url: str
    symbol: str


def permalink(rule: Rule, facts: Facts) -> Permalink:
    """The source of ``rule`` in the program that ``facts`` show to have run, at its version; in
    the newest version of the rule's first program where none of its programs ran.
    """
    running = _running(facts)
    for source in (rule.source, *rule.others):
        version = running.get(source.project)
        if version:
            return Permalink(source.permalink(version), source.symbol)
    return Permalink(rule.source.permalink(()), rule.source.symbol)


def _running(facts: Facts) -> dict[str, tuple[int, ...]]:
    """The versions of the programs that took part, by project."""
    engine, runtime = facts.engine, facts.runtime
    engines = {"docker": "moby/moby", "podman": "containers/podman"}
    runtimes = {"runc": "opencontainers/runc", "crun": "containers/crun"}
    return {
        engines.get(engine.name, ""): numbers(engine.version),
        runtimes.get(runtime.name, ""): numbers(runtime.version),
        "containerd/containerd": numbers(engine.containerd_version),
        "torvalds/linux": numbers(facts.host.kernel)[:2],  # v6.12, never v6.12.0
    }
