"""podman: the Docker API of its service, and its own (libpod) where that says more."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import quote, urlsplit

import docker

from scratchlab.collect.engines import sdk
from scratchlab.collect.engines.reach import mended, reach, stop, tunnel
from scratchlab.collect.engines.sdk import SdkEngine
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

SOCKET = "/run/podman/podman.sock"
ENGINE = "Podman Engine"  # podman 3.0 to 5.8, pkg/api/handlers/compat/version.go
_TIMEOUT = 30.0  # seconds until a service that we started must answer


class PodmanEngine(SdkEngine):
    """A podman service."""

    name: ClassVar[str] = "podman"

    def facts(self) -> Engine:
        """The engine's own facts; raises LabError when it does not answer."""
        info, version = self._once("libpod-info", lambda: self._libpod("info")), self.version()
        security = info["host"].get("security", {})
        options = (key for key, value in sorted(security.items()) if value is True)
        return Engine(
            name=self.name,
            version=version.get("Version", ""),
            api_version=version.get("ApiVersion", ""),
            storage_driver=info["store"].get("graphDriverName", ""),
            root_dir=info["store"].get("graphRoot", ""),
            security_options=tuple(options),
            rootless=bool(security.get("rootless")),
        )

    def runtime(self, inspect: Json, *, here: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes."""
        info = self._once("libpod-info", lambda: self._libpod("info"))
        default = info["host"].get("ociRuntime", {})
        named = inspect.get("OCIRuntime") or default.get("name", "")
        if named == default.get("name"):
            return Runtime(named, sdk.parse_version(default.get("version", "")))
        return sdk.ask_version(named) if here else Runtime(os.path.basename(named))

    def _inspect(self, ref: str) -> Json:
        # What `podman inspect` prints; the Docker form of it lacks OCIConfigPath and OCIRuntime.
        self.client.api.inspect_container(ref)
        return self._libpod(f"containers/{quote(ref, safe='')}/json")

    def _libpod(self, path: str) -> Json:
        oldest = self.components()[ENGINE]["Details"].get("MinAPIVersion", "4.0.0")
        api = self.client.api
        response = api.get(f"{api.base_url}/v{oldest}/libpod/{path}", timeout=api.timeout)
        response.raise_for_status()
        answer: Json = response.json()
        return answer


def connect(url: str | None) -> PodmanEngine:
    """Connect to podman at ``url``, else CONTAINER_HOST, else the machine's service.

    Where no service listens and podman is installed, one is started for as long as the connection
    is open. Raises LabError when that is impossible.
    """
    cleanup: Callable[[], None] | None = None
    url = url or os.environ.get("CONTAINER_HOST") or _own_socket()
    target = url
    if url is None:
        target, cleanup = _serve()
        url = "podman system service"
    elif url.startswith("ssh://"):
        target, cleanup = tunnel(url, SOCKET)
    elif url.startswith("unix://"):
        reach(urlsplit(url).path or SOCKET, "podman")
    try:
        with mended(url, "podman"):
            return PodmanEngine(docker.DockerClient(base_url=target, version="auto"), url, cleanup)
    except BaseException:
        if cleanup is not None:
            cleanup()
        raise


def _own_socket() -> str | None:
    """The URL of the service's usual socket of this user, None when nothing listens there."""
    runtime_dir = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    path = SOCKET if os.geteuid() == 0 else os.path.join(runtime_dir, "podman/podman.sock")
    with contextlib.suppress(LabError):
        reach(path, "podman")
        return f"unix://{path}"
    return None


def _serve() -> tuple[str, Callable[[], None]]:
    """Start ``podman system service`` on a private socket: its URL, and the act that ends it."""
    program = shutil.which("podman")
    if program is None:
        remedy = "start its service (`systemctl start podman.socket`), or install podman"
        raise LabError(f"no podman engine at unix://{SOCKET}, and no podman here", remedy)
    directory = tempfile.mkdtemp(prefix="scratchlab-podman-")
    path = os.path.join(directory, "podman.sock")
    child = subprocess.Popen(
        [program, "system", "service", "--time=0", f"unix://{path}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Ctrl-C is for us to handle: we end the service after the last answer.
        start_new_session=True,
    )

    def end() -> None:
        stop(child)
        shutil.rmtree(directory, ignore_errors=True)

    try:
        _wait(child, path)
    except BaseException:
        end()
        raise
    return f"unix://{path}", end


def _wait(child: subprocess.Popen[bytes], path: str) -> None:
    limit = time.monotonic() + _TIMEOUT
    while True:
        with contextlib.suppress(LabError):
            return reach(path, "podman")
        if child.poll() is not None:
            said = child.stderr.read().decode(errors="replace").strip() if child.stderr else ""
            raise LabError(f"podman's service did not start: {said}", "try: podman info")
        if time.monotonic() > limit:
            raise LabError(f"podman's service did not answer within {_TIMEOUT:.0f} s")
        time.sleep(0.02)
