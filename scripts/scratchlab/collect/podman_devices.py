"""The devices that podman is asked for: by its command line and by containers.conf.

Not by its inspect: that shows the devices of the runtime's config.json (podman v4.3 to v5.8
libpod/container_internal.go specFromState()), which is evidence and not what was asked for. Only a
container that was made through podman's API has no command line; there inspect is all there is.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import suppress

from scratchlab.collect.container_facts import expanded, host_devices
from scratchlab.devices import HostDevice
from scratchlab.model import Json
from scratchlab.podman_command import command_line, device_paths, made_through_api

_OPTION = "--device"
# containers/common v0.49 to v0.64 pkg/config/config_linux.go; a user's own, below the home.
_FILES = ("/usr/share/containers/containers.conf", "/etc/containers/containers.conf")
_DIRECTORY = "/etc/containers/containers.conf.d"
_OF_USER = ".config/containers/containers.conf"


def podman_devices(inspect: Json, home: str = "") -> tuple[HostDevice, ...]:
    """The nodes that podman is asked for in the container that ``inspect`` describes; a directory
    stands for the nodes below it. ``home`` is that of the user who runs a podman without root.
    """
    listed = host_devices(inspect) if made_through_api(inspect) else ()
    asked = [(value, "") for value in command_line(inspect, _OPTION)]
    asked += ((value, file) for file in _files(home) for value in _of_file(file))
    return (*listed, *expanded((*_paths(value), file) for value, file in asked))


def _paths(value: str) -> tuple[str, str]:
    """The paths on the host and in the container of ``HOST[:INSIDE][:PERMISSIONS]``; a link of the
    host's is followed first (podman v4.3 pkg/specgen/generate/config_linux.go DevicesFromPath()).
    """
    host, inside = device_paths(value)
    host = os.path.realpath(host) if host.startswith("/") else host
    return host, inside or host


def _files(home: str) -> Iterator[str]:
    yield from _FILES
    for directory in (_DIRECTORY, *([os.path.join(home, f"{_OF_USER}.d")] if home else ())):
        with suppress(OSError):
            names = sorted(os.listdir(directory))
            yield from (os.path.join(directory, name) for name in names if name.endswith(".conf"))
    if home:
        yield os.path.join(home, _OF_USER)


def _of_file(file: str) -> list[str]:
    """What a containers.conf asks for in every container."""
    with suppress(OSError, ValueError), open(file, "rb") as content:
        containers = tomllib.load(content).get("containers")
        devices = containers.get("devices") if isinstance(containers, dict) else None
        return [str(device) for device in devices] if isinstance(devices, list) else []
    return []
