"""Docker: the engine whose API the SDK speaks."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlsplit

import docker.errors
from docker.context import ContextAPI
from docker.utils import kwargs_from_env

from scratchlab.collect.engines import sdk
from scratchlab.collect.engines.reach import mended, reach, tunnel
from scratchlab.collect.engines.sdk import Client, SdkEngine
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

SOCKET = "/var/run/docker.sock"
# moby 23.0 to 29, daemon/containerd/service.go Status(): the sign of the containerd image store.
_CONTAINERD_STORE = ["driver-type", "io.containerd.snapshotter.v1"]


class DockerEngine(SdkEngine):
    """A Docker daemon."""

    name: ClassVar[str] = "docker"

    def facts(self) -> Engine:
        """The engine's own facts; raises LabError when it does not answer."""
        info, version = self.info(), self.version()
        options = tuple(sorted(info.get("SecurityOptions") or []))
        return Engine(
            name=self.name,
            version=version.get("Version", ""),
            api_version=version.get("ApiVersion", ""),
            storage_driver=info.get("Driver", ""),
            containerd_store=_CONTAINERD_STORE in (info.get("DriverStatus") or []),
            containerd_version=self.components().get("containerd", {}).get("Version", ""),
            root_dir=info.get("DockerRootDir", ""),
            security_options=options,
            rootless=any(option.split(",")[0] == "name=rootless" for option in options),
        )

    def runtime(self, inspect: Json, *, here: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes.

        HostConfig.Runtime names an entry of ``docker info`` Runtimes; `docker version` knows the
        version of the one that dockerd calls runc, any other is asked with ``--version`` if it is
        ``here``, on this machine.
        """
        info = self.info()
        named = inspect.get("HostConfig", {}).get("Runtime") or info.get("DefaultRuntime", "")
        path = (info.get("Runtimes") or {}).get(named, {}).get("path") or named
        program = os.path.basename(path)
        # containerd's own names of its runc shim ("io.containerd.runc.v2").
        if program.startswith("io.containerd.runc."):
            program = path = "runc"
        known = self.components().get(program, {}).get("Version", "")
        return Runtime(program, known) if known or not here else sdk.ask_version(path)


def connect(url: str | None) -> DockerEngine:
    """Connect to Docker at ``url``, else where DOCKER_HOST or the current context points.

    Raises LabError when no engine answers, or this user may not ask it.
    """
    try:
        arguments, url = _where(url)
    except docker.errors.DockerException as error:
        raise LabError(f"Docker's settings in the environment are wrong: {error}") from error
    cleanup: Callable[[], None] | None = None
    target = arguments.get("base_url", "")
    if target.startswith("ssh://"):
        arguments["base_url"], cleanup = tunnel(target, SOCKET)
    elif target.startswith("unix://"):
        reach(urlsplit(target).path or SOCKET, "docker")
    try:
        with mended(url, "docker"):
            return DockerEngine(Client(version="auto", **arguments), url, cleanup)
    except BaseException:
        if cleanup is not None:
            cleanup()
        raise


def _where(url: str | None) -> tuple[dict[str, Any], str]:
    """The SDK's arguments for ``url`` or the environment's choice, and the URL to show."""
    arguments: dict[str, Any] = {**kwargs_from_env()}
    if url:
        arguments["base_url"] = url
    elif "base_url" not in arguments:
        # As the docker command does: DOCKER_CONTEXT, then ~/.docker/config.json.
        for key, value in ContextAPI.kwargs_from_context().items():
            arguments.setdefault(key, value)
    target = arguments.get("base_url") or f"unix://{SOCKET}"
    if target.startswith("http+unix://"):  # the SDK's own spelling, in its default context
        target = target.removeprefix("http+")
    arguments["base_url"] = target
    return arguments, target
