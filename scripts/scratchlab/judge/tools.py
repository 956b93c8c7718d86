"""What edits a runtime's configuration beside the engine: CDI files, hooks, and NVIDIA's runtime.

A file that names the very path proves it; NVIDIA's runtime keeps no such file, and proves it where
a variable asks it for devices. A CDI file adds a mount or a node for a device that
is asked for (cncf-tags/container-device-interface SPEC.md), and so the runtime's config.json has it
and inspect does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scratchlab.devices import CdiEdit
from scratchlab.judge.cause import Cause
from scratchlab.judge.places import RequestedMount
from scratchlab.model import Evidence, Facts, Mount, Origin
from scratchlab.podman_command import command_line

# The qualified name of a device: SPEC.md, "Device naming".
_NAME = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w-]*=[A-Za-z0-9][\w.:-]*")
_ANNOTATION = "cdi.k8s.io/"  # pkg/cdi/annotations.go AnnotationPrefix
# It edits config.json and then calls runc (NVIDIA/nvidia-container-toolkit v1.17
# internal/runtime/runtime_factory.go); .cdi and .legacy are other names of the same program.
_WRAPPER = "nvidia-container-runtime"
_WRAPPERS_DEVICES = "NVIDIA_VISIBLE_DEVICES"
_NO_DEVICES = ("", "void")  # internal/config/image/cuda_image.go


class DeviceFiles:
    """The devices of one container that a CDI file or a plugin of the engine makes, and what those
    files add. ``asked`` are their names as far as they are shown.
    """

    def __init__(self, facts: Facts) -> None:
        self.asked = frozenset(asked_by_name(facts))
        self._read = facts.container.oci_config is not None
        self._edits = [edit for edit in facts.cdi if self._is_asked(edit)]

    def _is_asked(self, edit: CdiEdit) -> bool:
        if not self.asked:
            return True  # podman shows it on its command line alone: a file that fits is enough
        return any(name == edit.device or name.startswith(f"{edit.device}=") for name in self.asked)

    def mount(self, request: RequestedMount) -> Evidence | None:
        """The evidence that a CDI file adds the mount ``request``."""
        fits = (
            edit
            for edit in self._edits
            if edit.source and (edit.target, edit.source) == (request.target, request.source)
        )
        return _named(next(fits, None))

    def node(
        self, path: str, number: tuple[int, int] | None, resolve: Callable[[str], str]
    ) -> tuple[Evidence, ...]:
        """The evidence, if there is any, that a CDI file adds the device ``path`` of that number.
        ``resolve`` returns where a path leads in the container.
        """
        fits = (
            edit
            for edit in self._edits
            if not edit.source and resolve(edit.target) == path
            and (number is None or edit.number in (None, number))
        )  # fmt: skip
        named = _named(next(fits, None))
        return (named,) if named is not None else ()

    def unnamed(self) -> str:
        """A sentence for what somebody added and no CDI file names; empty where no device is asked
        for that such a file makes.
        """
        names = ", ".join(sorted(self.asked))
        return f"no CDI file of {names} names it" if names else ""

    def unknown(self) -> tuple[Evidence, ...]:
        """Why it cannot be told what such a device adds, where config.json cannot be read."""
        if self._read or not self.asked:
            return ()
        names = ", ".join(sorted(self.asked))
        return (
            Evidence("inspect", f"{names} is asked for; what that adds is not known from here"),
        )


def _named(edit: CdiEdit | None) -> Evidence | None:
    return Evidence("host", f"{edit.file} adds it for {edit.device}") if edit is not None else None


def asked_of_files(facts: Facts) -> tuple[list[CdiEdit], bool]:
    """What CDI files add for the devices that inspect names, and whether that is all that such
    devices add. Of a device that several files have, or none, nothing is known.
    """
    found: list[CdiEdit] = []
    whole = True
    for name in _named_in_inspect(facts.container.inspect):
        files = {edit.file for edit in facts.cdi if edit.device == name}
        whole = whole and len(files) == 1
        if len(files) == 1:
            of_all = name.partition("=")[0]
            mine = (edit for edit in facts.cdi if edit.file in files)
            found += (edit for edit in mine if edit.device in (of_all, name) and edit not in found)
    return found, whole


def asked_by_name(facts: Facts) -> Iterator[str]:
    """The names of the devices that are not paths of the host's: as inspect shows them, and as the
    configuration's annotations do.
    """
    yield from _named_in_inspect(facts.container.inspect)
    for key, value in ((facts.container.oci_config or {}).get("annotations") or {}).items():
        if str(key).startswith(_ANNOTATION):
            yield from filter(_NAME.fullmatch, str(value).split(","))


def _named_in_inspect(inspect: Mapping[str, Any]) -> Iterator[str]:
    """The same, as Docker's inspect lists them, and as podman's command line has them."""
    for request in (inspect.get("HostConfig") or {}).get("DeviceRequests") or []:
        # Without a name it is a plugin's: --gpus (moby v25.0 daemon/devices.go).
        driver = str(request.get("Driver") or "a device of a plugin")
        yield from map(str, request.get("DeviceIDs") or (driver,))
    yield from filter(_NAME.fullmatch, command_line(inspect, "--device"))
    # podman v5.8 pkg/specgenutil/specgen.go FillOutSpecGen().
    yield from (f"nvidia.com/gpu={name}" for name in command_line(inspect, "--gpus"))


def wrapper(facts: Facts) -> Evidence | None:
    """The evidence that NVIDIA's runtime edited the configuration: inspect names it, and a variable
    asks it for devices.
    """
    if facts.runtime.name.partition(".")[0] != _WRAPPER:
        return None
    for variable in (facts.container.inspect.get("Config") or {}).get("Env") or ():
        name, _, value = str(variable).partition("=")
        if name == _WRAPPERS_DEVICES and value not in _NO_DEVICES:
            detail = (
                f"the runtime {facts.runtime.name} adds to config.json what {variable} asks for"
            )
            return Evidence("inspect", detail)
    return None


def by_hook(config: Mapping[str, Any], mount: Mount, line: Evidence) -> Cause | None:
    """A hook of the runtime's configuration whose own arguments name the path."""
    for stage, hooks in (config.get("hooks") or {}).items():
        for hook in hooks or []:
            arguments = [str(hook.get("path")), *map(str, hook.get("args") or [])]
            if any(mount.target in argument.split("=") for argument in arguments):
                evidence = Evidence("oci-config", f"{stage} hook: {' '.join(arguments)}")
                return Cause(Origin.HOOK_OR_TOOL, None, (evidence, line))
    return None
