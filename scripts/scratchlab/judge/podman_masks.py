"""The paths that podman masks and protects by default: its inspect does not show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scratchlab.judge.rules.podman import CHANGES_MASKS, MASKED, READONLY
from scratchlab.judge.versions import numbers
from scratchlab.model import Facts


def default_masks(facts: Facts) -> tuple[list[str], list[str]]:
    """The masked and the read-only paths, of those that this kernel has, in no order; none where an
    option changes the lists.
    """
    inspect = facts.container.inspect
    host_config = inspect.get("HostConfig") or {}
    if host_config.get("Privileged") or has_option(inspect, CHANGES_MASKS):
        return [], []
    version = numbers(facts.engine.version)
    masked = {path for path, bounds in MASKED.items() if bounds[0] <= version < bounds[1]}
    existing = facts.host.existing
    return [path for path in existing if path in masked or path.rpartition("/")[2] in masked], [
        path for path in READONLY if path in existing
    ]


def has_option(inspect: Mapping[str, Any], options: Iterable[str]) -> bool:
    """Whether inspect shows one of ``options`` (each a part of a command-line argument)."""
    config, host_config = inspect.get("Config") or {}, inspect.get("HostConfig") or {}
    arguments = (*(config.get("CreateCommand") or ()), *(host_config.get("SecurityOpt") or ()))
    return any(option in argument for argument in arguments for option in options)
