"""Whose a mount is that the runtime's config.json lists and no user asked for.

config.json shows what the runtime did, not who wanted it: something else has to name the mount, or
it is unexplained. The engine's own are known by their source (its directory of the container, the
host's own filesystem at the same path) or by the program that the container begins with.
"""

from __future__ import annotations

import re

from scratchlab.judge.cause import Cause
from scratchlab.judge.paths import upwards
from scratchlab.judge.places import (
    NETWORK_FILES,
    RequestedMount,
    clean,
    ipc_modes,
)
from scratchlab.judge.podman_masks import has_security_option
from scratchlab.judge.rules.docker import DEFAULT_FILESYSTEMS
from scratchlab.judge.rules.docker import INIT_PROGRAM as DOCKER_INIT
from scratchlab.judge.rules.podman import FIPS_POLICIES, SYSTEMD_DIRECTORIES, WRITABLE_DIRECTORIES
from scratchlab.judge.rules.podman import INIT_PROGRAM as PODMAN_INIT
from scratchlab.judge.rules.runtime import SPEC_FILESYSTEMS
from scratchlab.judge.tools import DeviceFiles, wrapper
from scratchlab.model import Evidence, Facts, Origin
from scratchlab.podman_command import command_line, device_paths

CGROUP = "/sys/fs/cgroup"
_SHM = "/dev/shm"  # noqa: S108 - a container's path
_SECRETS = "/run/secrets"
# Filesystems of the host's that an engine binds at the same path, where the container shares the
# namespace or root is mapped (podman v4.3 pkg/specgen/generate/oci_linux.go).
_BOUND = frozenset({"/proc", "/sys", "/dev/mqueue"})
_NESTED = ("label=nested",)  # podman v4.6 and later binds the host's /sys/fs/selinux
# Of any container: moby v20.10.24 container/container_unix.go ShmResourcePath(), podman v4.3
# libpod/container_internal.go.
_SHM_OF_ANOTHER = re.compile(r"/[0-9a-f]{64}/(mounts|userdata)/shm")


class UnaskedMounts:
    """The owners of such mounts of one container."""

    def __init__(self, facts: Facts, device_files: DeviceFiles) -> None:
        self._engine = facts.engine.name or "docker"
        self._runtime = facts.runtime.name
        self._container = facts.container
        self._host_config = facts.container.inspect.get("HostConfig") or {}
        self._config = facts.container.inspect.get("Config") or {}
        self._device_files = device_files
        self._wrapper = wrapper(facts)

    def cause(self, target: str, request: RequestedMount) -> Cause:
        """Who asked for ``request``, which landed on ``target``; the evidence is what names it."""
        if (named := self._device_files.mount(request)) is not None:
            return Cause(Origin.HOOK_OR_TOOL, "cdi-edits", (named,))
        if request.is_bind and (rule := self._engines_bind(target, request)):
            return Cause(Origin.ENGINE_MOUNT, f"{self._engine}-{rule}", ())
        if self._is_usual_filesystem(target, request):
            rule = "oci-filesystem" if target in SPEC_FILESYSTEMS else "engine-filesystem"
            return Cause(Origin.RUNTIME_FILESYSTEM, rule, ())
        if (device := self._device(request)) is not None:
            return Cause(Origin.RUNTIME_DEVICE, "configured-device", (device,))
        if self._wrapper is not None:
            return Cause(Origin.HOOK_OR_TOOL, None, (self._wrapper,))
        return Cause(Origin.UNEXPLAINED, None, (), self._nobody())

    def _nobody(self) -> str:
        if unnamed := self._device_files.unnamed():
            return unnamed
        runtime = f"{self._runtime}, or a program in its place," if self._runtime else "a program"
        return (
            "config.json alone lists it: neither inspect nor a CDI file names it, and the engine "
            f"adds none such; {runtime} may have edited config.json"
        )

    def _engines_bind(self, target: str, request: RequestedMount) -> str:
        """The name of the rule, without the engine's, of a bind that the engine adds; else
        empty.
        """
        source = request.source
        own = self._is_own(source)
        if request.target in (DOCKER_INIT, PODMAN_INIT):
            return "init-program" if self._begins_with(request) else ""
        if target == _SHM:
            return "shm" if own or self._is_shared_memory(request) else ""
        if own and (_within(target, _SECRETS) or "/mounts/secrets" in source):
            return "secrets"
        if own or source in {self._container.inspect.get(name) for name in NETWORK_FILES}:
            return "network-files" if self._engine == "docker" else "files"
        policy = FIPS_POLICIES.get(request.target) if self._engine == "podman" else None
        return "secrets" if policy and source.endswith(policy) else ""

    def _is_own(self, source: str) -> bool:
        """Whether the file lies in the engine's directory of this container."""
        return bool(self._container.id) and f"/{self._container.id}/" in source

    def _begins_with(self, request: RequestedMount) -> bool:
        """Whether the container begins with the init program: the engine puts it before the
        container's own command (moby v20.10.24 daemon/oci_linux.go WithCommonOptions(), podman
        v4.3 pkg/specgen/generate/oci_linux.go makeCommand()).
        """
        if request.listed_in == "inspect":
            return True
        process = (self._container.oci_config or {}).get("process") or {}
        return [request.target] == list(process.get("args") or ())[:1]

    def _is_shared_memory(self, request: RequestedMount) -> bool:
        """Whether it is the host's or another container's, as --ipc asks."""
        if request.listed_in == "inspect":
            return True
        modes = ipc_modes(self._container.inspect)
        if "host" in modes:
            return request.source == _SHM
        another = any(mode.startswith("container:") for mode in modes)
        return another and bool(_SHM_OF_ANOTHER.search(request.source))

    def _is_usual_filesystem(self, target: str, request: RequestedMount) -> bool:
        """Whether engines mount it in every container, or with an option that inspect shows."""
        if request.is_bind:
            labels = has_security_option(self._container.inspect, _NESTED)
            nested = labels and target == "/sys/fs/selinux"
            same = request.source == request.target and (target in _BOUND or nested)
            return same or (_within(target, CGROUP) and _within(request.source, CGROUP))
        if target in DEFAULT_FILESYSTEMS or _within(target, CGROUP):
            return True
        systemd = self._config.get("SystemdMode") and request.target in SYSTEMD_DIRECTORIES
        writable = (
            self._host_config.get("ReadonlyRootfs") and request.target in WRITABLE_DIRECTORIES
        )
        return bool(systemd or writable)

    def _device(self, request: RequestedMount) -> Evidence | None:
        """The evidence that a node of the host is bound because a device is asked for: a podman
        without root makes no nodes (podman v4.3 pkg/specgen/generate/config_linux.go addDevice(),
        pkg/util/utils_linux.go AddPrivilegedDevices()).
        """
        same = request.source == request.target
        if same and self._host_config.get("Privileged") and _within(request.target, "/dev"):
            return Evidence("inspect", "it is privileged: it gets the host's devices")
        for argument in command_line(self._container.inspect, "--device"):
            host, inside = device_paths(argument)
            below = request.source.removeprefix(host)
            landed = clean((inside or host) + below)
            if _within(request.source, host) and landed == request.target:
                return Evidence("inspect", f"its command line has --device {argument}")
        return None


def _within(path: str, directory: str) -> bool:
    return directory in upwards(path)
