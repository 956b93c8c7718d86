"""The CDI files of a machine: what they add to a container for a device that is asked for.

CDI is the Container Device Interface (cncf-tags/container-device-interface SPEC.md): JSON or YAML
in directories that the engine reads. They are root's or the engine's user's; a container cannot
choose what is read.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from scratchlab.devices import CdiEdit
from scratchlab.model import Json

# cncf-tags/container-device-interface pkg/cdi/spec-dirs.go DefaultSpecDirs.
_DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
_OPTION = "--cdi-spec-dir"  # podman 5.0 and later: cmd/podman/root.go
_JSON, _YAML = (".json",), (".yaml", ".yml")
_MOST_FILES = 100  # of a directory
_MOST_BYTES = 1 << 20  # of a file
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def cdi_edits(
    inspect: Json, config: Mapping[str, Any] | None, info: Json, parent: int
) -> tuple[CdiEdit, ...]:
    """What CDI files add at the paths that ``config``, the runtime's config.json, has.

    ``info`` is what ``docker info`` shows. ``parent`` is the PID of the shim or conmon, which lives
    where the engine reads its files.
    """
    listed = {_clean(mount.get("destination")) for mount in (config or {}).get("mounts") or []}
    devices = ((config or {}).get("linux") or {}).get("devices") or []
    listed.update(_clean(device.get("path")) for device in devices)
    return tuple(
        edit
        for directory in dict.fromkeys(directories(inspect, info))
        for edit in _in_directory(directory, parent)
        if edit.target in listed
    )


def directories(inspect: Json, info: Json) -> Iterator[str]:
    """Where the engine looks for CDI files: as Docker says, or podman's command line, or CDI."""
    found = list(map(str, info.get("CDISpecDirs") or ()))  # moby v25 and later
    arguments = list(map(str, (inspect.get("Config") or {}).get("CreateCommand") or ()))
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == _OPTION:
            found.append(value if equals else "".join(arguments[number + 1 : number + 2]))
    yield from (path for path in found or _DIRECTORIES if path.startswith("/"))


def _in_directory(directory: str, parent: int) -> Iterator[CdiEdit]:
    for place in (f"/proc/{parent}/root{directory}", directory) if parent > 1 else (directory,):
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        known = [name for name in names if name.endswith((*_JSON, *_YAML))]
        for name in known[:_MOST_FILES]:
            yield from edits(posixpath.join(directory, name), _document(f"{place}/{name}"))
        return


def _document(path: str) -> Any:
    """What the file ``path`` holds; None where it cannot be read or is not what it says."""
    with suppress(OSError, ValueError, RecursionError):
        with open(os.open(path, _FILE), "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            return None
        return json.loads(content) if path.endswith(_JSON) else _yaml(content)
    return None


def _yaml(content: bytes) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - takes long, and few machines have CDI files
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ="safe", pure=True).load(content)
    except YAMLError:
        return None


def edits(file: str, document: Any) -> Iterator[CdiEdit]:
    """The mounts and device nodes that ``document``, the content of ``file``, adds: those of one
    device (``vendor.com/class=name``), and those that come with any of its devices.
    """
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        return
    yield from _edits_of(file, kind, document)
    for device in _dictionaries(document.get("devices")):
        yield from _edits_of(file, f"{kind}={device.get('name')}", device)


def _edits_of(file: str, device: str, owner: Mapping[str, Any]) -> Iterator[CdiEdit]:
    for added in _dictionaries([owner.get("containerEdits")]):
        for mount in _dictionaries(added.get("mounts")):
            source = str(mount.get("hostPath") or "")
            yield CdiEdit(file, device, _clean(mount.get("containerPath")), source)
        for node in _dictionaries(added.get("deviceNodes")):
            yield CdiEdit(file, device, _clean(node.get("path")))


def _dictionaries(items: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _clean(path: Any) -> str:
    return posixpath.normpath("/" + str(path or "").lstrip("/"))
