"""podman's command line, as the inspect of a container has it: what its user asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

_MAKE = frozenset({"run", "create", "play", "kube"})


def words(inspect: Mapping[str, Any]) -> list[str]:
    """The words of podman's command line, without the container's own command at its end."""
    everything = _everything(inspect)
    own = list(map(str, (inspect.get("Config") or {}).get("Cmd") or ()))
    return everything[: -len(own)] if own and everything[-len(own) :] == own else everything


def command_line(inspect: Mapping[str, Any], option: str) -> Iterator[str]:
    """The values of ``option`` on podman's command line (``podman run --device VALUE``)."""
    for before, argument in pairwise(("", *words(inspect))):
        value = argument.removeprefix(f"{option}=")
        if value != argument or before == option:
            yield value


def device_paths(value: str) -> tuple[str, str]:
    """The paths on the host and in the container of ``HOST[:INSIDE][:PERMISSIONS]``, a value of
    --device; the second is empty where the first counts for both.
    """
    host, *rest = value.split(":")
    return host, next((part for part in rest[:1] if part.startswith("/")), "")


def made_through_api(inspect: Mapping[str, Any]) -> bool:
    """Whether no command line says what was asked for in the container that ``inspect`` describes:
    there is none, or it is that of podman's service (measured with podman 4.3.1).
    """
    everything = _everything(inspect)
    for number, pair in enumerate(pairwise(everything)):
        if pair == ("system", "service"):
            return _MAKE.isdisjoint(everything[:number])
    return not everything


def _everything(inspect: Mapping[str, Any]) -> list[str]:
    return list(map(str, (inspect.get("Config") or {}).get("CreateCommand") or ()))
