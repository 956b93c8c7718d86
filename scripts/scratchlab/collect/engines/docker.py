"""Docker, through the Docker SDK."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlsplit

import docker.errors
from docker.context import ContextAPI
from docker.utils import kwargs_from_env

from scratchlab.collect.engines import sdk
from scratchlab.collect.engines.connection import check_socket, engine_errors, open_ssh_tunnel
from scratchlab.collect.engines.sdk import PatientClient, SdkEngine
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

SOCKET = "/var/run/docker.sock"
# In DriverStatus of an engine with the containerd image store: moby 23.0 to 29,
# daemon/containerd/service.go Status().
_CONTAINERD_STORE = ["driver-type", "io.containerd.snapshotter.v1"]


class DockerEngine(SdkEngine):
    """A Docker daemon."""

    name: ClassVar[str] = "docker"

    def facts(self) -> Engine:
        """The facts of the engine. Raises LabError when it does not answer."""
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

    def runtime(self, inspect: Json, *, local: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes.

        HostConfig.Runtime is an entry of Runtimes in ``docker info``. ``docker version`` has the
        version of the one that dockerd calls runc; any other is run with ``--version`` if it is
        ``local``.
        """
        info = self.info()
        name = inspect.get("HostConfig", {}).get("Runtime") or info.get("DefaultRuntime", "")
        path = (info.get("Runtimes") or {}).get(name, {}).get("path") or name
        program = os.path.basename(path)
        # containerd's name of its runc shim: "io.containerd.runc.v2".
        if program.startswith("io.containerd.runc."):
            program = path = "runc"
        version = self.components().get(program, {}).get("Version", "")
        return (
            Runtime(program, version) if version or not local else sdk.query_runtime_version(path)
        )


def connect(url: str | None) -> DockerEngine:
    """Connect to Docker at ``url``, otherwise at DOCKER_HOST or the current Docker context.

    Raises LabError when no engine answers, or this user has no permission to use it.
    """
    try:
        arguments, url = _sdk_arguments(url)
    except docker.errors.TLSParameterError as error:
        directory = os.environ.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")
        raise LabError(
            f"DOCKER_TLS_VERIFY is set, and {directory} does not hold all of ca.pem, cert.pem and"
            " key.pem",
            "set DOCKER_CERT_PATH to the directory that does",
        ) from error
    except docker.errors.DockerException as error:
        raise LabError(f"Docker's environment variables are wrong: {error}") from error
    cleanup: Callable[[], None] | None = None
    target = arguments.get("base_url", "")
    if target.startswith("ssh://"):
        arguments["base_url"], cleanup = open_ssh_tunnel(target, SOCKET)
    elif target.startswith("unix://"):
        check_socket(urlsplit(target).path or SOCKET, "docker")
    try:
        with engine_errors(url, "docker"):
            return DockerEngine(PatientClient(version="auto", **arguments), url, cleanup)
    except BaseException:
        if cleanup is not None:
            cleanup()
        raise


def _sdk_arguments(url: str | None) -> tuple[dict[str, Any], str]:
    """The SDK's arguments for ``url`` (None: as the environment has it), and the URL to show."""
    arguments: dict[str, Any] = {**kwargs_from_env()}
    if url:
        arguments["base_url"] = url
    elif "base_url" not in arguments:
        # Like the docker command: DOCKER_CONTEXT, then ~/.docker/config.json.
        for key, value in ContextAPI.kwargs_from_context().items():
            arguments.setdefault(key, value)
    target = arguments.get("base_url") or f"unix://{SOCKET}"
    if target.startswith("http+unix://"):  # the SDK's own spelling, in its default context
        target = target.removeprefix("http+")
    arguments["base_url"] = target
    return arguments, target
