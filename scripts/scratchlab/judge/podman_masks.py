"""The paths that podman masks and protects by default: its inspect does not show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scratchlab.judge.rules.podman import CHANGES_MASKS, MASKED, READONLY
from scratchlab.judge.versions import numbers
from scratchlab.model import Facts
from scratchlab.podman_command import command_line, words


def default_masks(facts: Facts) -> tuple[list[str], list[str]]:
    """The masked and the read-only paths, of those that this kernel has, in no order; none where an
    option changes the lists.
    """
    inspect = facts.container.inspect
    host_config = inspect.get("HostConfig") or {}
    if host_config.get("Privileged") or has_security_option(inspect, CHANGES_MASKS):
        return [], []
    version = numbers(facts.engine.version)
    masked = {path for path, bounds in MASKED.items() if bounds[0] <= version < bounds[1]}
    existing = facts.host.existing
    return [path for path in existing if path in masked or path.rpartition("/")[2] in masked], [
        path for path in READONLY if path in existing
    ]


def has_option(inspect: Mapping[str, Any], options: Iterable[str]) -> bool:
    """Whether podman's command line has one of ``options``, each a whole argument."""
    return not set(options).isdisjoint(words(inspect))


def has_security_option(inspect: Mapping[str, Any], beginnings: tuple[str, ...]) -> bool:
    """Whether inspect shows a value of --security-opt that begins with one of ``beginnings``."""
    listed = (inspect.get("HostConfig") or {}).get("SecurityOpt") or ()
    values = (*command_line(inspect, "--security-opt"), *map(str, listed))
    # NAME:VALUE is taken, too: pkg/specgenutil/specgen.go, v4.0 to v5.8.
    return any(value.replace(":", "=", 1).startswith(beginnings) for value in values)
