"""How a podman container was made: by a command line, or through podman's API."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

_MAKE = frozenset({"run", "create", "play", "kube"})


def made_through_api(inspect: Mapping[str, Any]) -> bool:
    """Whether no command line says what was asked for in the container that ``inspect`` describes:
    there is none, or it is that of podman's service (measured with podman 4.3.1).
    """
    words = list(map(str, (inspect.get("Config") or {}).get("CreateCommand") or ()))
    for number, pair in enumerate(pairwise(words)):
        if pair == ("system", "service"):
            return _MAKE.isdisjoint(words[:number])
    return not words
