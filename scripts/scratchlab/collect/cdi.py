"""The CDI files of a machine: what they add to a container for a device that is asked for.

CDI is the Container Device Interface (cncf-tags/container-device-interface SPEC.md): JSON or YAML
in directories that the engine reads. They are root's or the engine's user's; a container cannot
choose what is read.
"""

from __future__ import annotations

import json
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from scratchlab.devices import CdiEdit
from scratchlab.model import Json
from scratchlab.podman_command import words

# cncf-tags/container-device-interface pkg/cdi/spec-dirs.go DefaultSpecDirs.
_DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
_OPTION = "--cdi-spec-dir"  # podman 5.0 and later: cmd/podman/root.go
_JSON, _YAML = (".json",), (".yaml", ".yml")
_MOST_FILES = 100  # of a directory
_MOST_BYTES = 1 << 20  # of a file
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_Number = tuple[int, int] | None


def cdi_edits(
    inspect: Json, config: Mapping[str, Any] | None, info: Json, parent: int
) -> tuple[CdiEdit, ...]:
    """What CDI files add at the paths that ``config``, the runtime's config.json, has, and all that
    the classes of devices add that ``inspect`` names.

    ``info`` is what ``docker info`` shows. ``parent`` is the PID of the shim or conmon, which lives
    where the engine reads its files.
    """
    listed = {_clean(mount.get("destination")) for mount in (config or {}).get("mounts") or []}
    devices = ((config or {}).get("linux") or {}).get("devices") or []
    listed.update(_clean(device.get("path")) for device in devices)
    names = list(_names(inspect))
    return tuple(
        edit
        for directory in dict.fromkeys(directories(inspect, info))
        for edit in _in_directory(directory, parent)
        if edit.target in listed or any(_is_of_class(name, edit.device) for name in names)
    )


def _names(inspect: Json) -> Iterator[str]:
    """All words of ``inspect`` that may name a device."""
    for request in (inspect.get("HostConfig") or {}).get("DeviceRequests") or ():
        yield from map(str, request.get("DeviceIDs") or ())
    yield from words(inspect)


def _is_of_class(name: str, device: str) -> bool:
    """Whether ``name``, or the value of an option, is a device of the class of ``device``."""
    return name.removeprefix("--device=").startswith(f"{device.partition('=')[0]}=")


def directories(inspect: Json, info: Json) -> Iterator[str]:
    """Where the engine looks for CDI files: as Docker says, or podman's command line, or CDI."""
    found = list(map(str, info.get("CDISpecDirs") or ()))  # moby v25 and later
    arguments = words(inspect)
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
        root = place.removesuffix(directory)
        for name in known[:_MOST_FILES]:
            file, document = posixpath.join(directory, name), _document(f"{place}/{name}")
            yield from edits(file, document, lambda path: _number_of(root + path))  # noqa: B023
        return


def _number_of(path: str) -> _Number:
    """The number of the device node ``path``; None where none is there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    is_node = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
    return (os.major(status.st_rdev), os.minor(status.st_rdev)) if is_node else None


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


def edits(
    file: str, document: Any, number: Callable[[str], _Number] = lambda _: None
) -> Iterator[CdiEdit]:
    """The mounts and device nodes that ``document``, the content of ``file``, adds: those of one
    device (``vendor.com/class=name``), and those that come with any of its devices. ``number``
    returns that of a device node of the host.
    """
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        return
    yield from _edits_of(file, kind, document, number)
    for device in _dictionaries(document.get("devices")):
        yield from _edits_of(file, f"{kind}={device.get('name')}", device, number)


def _edits_of(
    file: str, device: str, owner: Mapping[str, Any], number: Callable[[str], _Number]
) -> Iterator[CdiEdit]:
    for added in _dictionaries([owner.get("containerEdits")]):
        for mount in _dictionaries(added.get("mounts")):
            source, options = str(mount.get("hostPath") or ""), mount.get("options")
            named = tuple(map(str, options)) if isinstance(options, list) else ()
            yield CdiEdit(file, device, _clean(mount.get("containerPath")), source, named)
        for node in _dictionaries(added.get("deviceNodes")):
            found = _own_number(node)
            if found is None:
                found = number(str(node.get("hostPath") or node.get("path") or ""))
            yield CdiEdit(file, device, _clean(node.get("path")), number=found)


def _own_number(node: Mapping[str, Any]) -> _Number:
    """The number that ``node`` of a file gives (pkg/cdi/container-edits_unix.go
    fillMissingInfo()); None where the host's node has to tell it.
    """
    major, minor = node.get("major"), node.get("minor") or 0
    if not node.get("type") or not isinstance(major, int) or not isinstance(minor, int):
        return None
    return (major, minor) if major else None


def _dictionaries(items: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _clean(path: Any) -> str:
    return posixpath.normpath("/" + str(path or "").lstrip("/"))
