"""Where a rule is written, at the version that runs here."""

from __future__ import annotations

from typing import NamedTuple

from scratchlab.judge.rules.rule import Rule
from scratchlab.judge.versions import numbers
from scratchlab.model import Facts


class Permalink(NamedTuple):
    """A URL, and what to look for in that file (empty: all of it)."""

    url: str
    symbol: str


def permalinks(rule: Rule, facts: Facts) -> Permalink:
    """The source of the program that made this container, at its version.

    At its newest where none of the programs that the rule names is the one that ran.
    """
    running = _running(facts)
    for source in (rule.source, *rule.others):
        version = running.get(source.project)
        if version:
            return Permalink(source.permalink(version), source.symbol)
    return Permalink(rule.source.permalink(()), rule.source.symbol)


def _running(facts: Facts) -> dict[str, tuple[int, ...]]:
    """Versions of the programs that took part, by their project."""
    engine, runtime = facts.engine, facts.runtime
    engines = {"docker": "moby/moby", "podman": "containers/podman"}
    runtimes = {"runc": "opencontainers/runc", "crun": "containers/crun"}
    return {
        engines.get(engine.name, ""): numbers(engine.version),
        runtimes.get(runtime.name, ""): numbers(runtime.version),
        "containerd/containerd": numbers(engine.containerd_version),
        "torvalds/linux": numbers(facts.host.kernel)[:2],  # v6.12, never v6.12.0
    }
