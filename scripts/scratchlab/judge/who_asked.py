"""Who asked for a mount of the user's: an option of the command line, or the image's VOLUME."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scratchlab.judge.places import clean
from scratchlab.model import Evidence, Facts


def who_asked(facts: Facts, target: str, wish: Mapping[str, Any]) -> Evidence:
    """The request for the mount on ``target``; ``wish`` is what inspect lists of it."""
    name = str(wish.get("Name") or wish.get("Source") or "")
    what = f"{wish.get('Type') or 'a mount'} {name}".strip()
    image = facts.image.config.get("config") or {}
    if wish.get("Type") != "volume" or target not in map(clean, image.get("Volumes") or ()):
        return Evidence("inspect", f"{what} on {target} is asked for")
    # The engine gives a volume that nobody names a name of 64 digits.
    if target in map(clean, _named(facts.container.inspect, name)):
        return Evidence(
            "inspect", f"{what} on {target} is asked for, where the image declares VOLUME"
        )
    return Evidence("inspect", f"{what} on {target}: the image declares VOLUME {target}")


def _named(inspect: Mapping[str, Any], volume: str) -> Iterator[str]:
    """Where options (``-v VOLUME:TARGET``, ``--mount``) ask for ``volume``."""
    host_config = inspect.get("HostConfig") or {}
    for mount in host_config.get("Mounts") or ():
        yield str(mount.get("Target"))
    for bind in host_config.get("Binds") or ():
        source, target, *_ = [*str(bind).split(":"), ""]
        if source == volume:
            yield target
