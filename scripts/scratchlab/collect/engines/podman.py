"""podman, through the Docker API of its service, and its own API (libpod) where that has more."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import quote, urlsplit

from scratchlab.collect.engines import sdk
from scratchlab.collect.engines.connection import (
    check_socket,
    engine_errors,
    open_ssh_tunnel,
    provide_socket,
)
from scratchlab.collect.engines.sdk import SdkEngine
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

SOCKET = "/run/podman/podman.sock"
ENGINE = "Podman Engine"  # podman 3.0 to 5.8, pkg/api/handlers/compat/version.go


class PodmanEngine(SdkEngine):
    """A podman service."""

    name: ClassVar[str] = "podman"

    def facts(self) -> Engine:
        """The facts of the engine. Raises LabError when it does not answer."""
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

    def runtime(self, inspect: Json, *, local: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes.

        podman reports the version of its default runtime; any other is run with ``--version`` if
        it is ``local``.
        """
        info = self._once("libpod-info", lambda: self._libpod("info"))
        default = info["host"].get("ociRuntime", {})
        name = inspect.get("OCIRuntime") or default.get("name", "")
        if name == default.get("name"):
            return Runtime(name, sdk.parse_runtime_version(default.get("version", "")))
        return sdk.query_runtime_version(name) if local else Runtime(os.path.basename(name))

    def _inspect(self, ref: str) -> Json:
        # As `podman inspect`: the Docker API's answer lacks OCIConfigPath and OCIRuntime.
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
    """Connect to podman at ``url``, otherwise at CONTAINER_HOST or the machine's service.

    Where no service listens and podman is installed, one is started that ends with the connection.
    Raises LabError when that is impossible.
    """
    cleanup: Callable[[], None] | None = None
    url = url or os.environ.get("CONTAINER_HOST") or _listening_socket()
    target = url
    if url is None:
        target, cleanup = _start_service()
        url = "podman system service"
    elif url.startswith("ssh://"):
        target, cleanup = open_ssh_tunnel(url, SOCKET)
    elif url.startswith("unix://"):
        check_socket(urlsplit(url).path or SOCKET, "podman")
    try:
        with engine_errors(url, "podman"):
            return PodmanEngine(sdk.PatientClient(base_url=target, version="auto"), url, cleanup)
    except BaseException:
        if cleanup is not None:
            cleanup()
        raise


def _listening_socket() -> str | None:
    """The URL of this user's default socket of the service; None where nothing listens on it."""
    runtime_dir = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    path = SOCKET if os.geteuid() == 0 else os.path.join(runtime_dir, "podman/podman.sock")
    with contextlib.suppress(LabError):
        check_socket(path, "podman")
        return f"unix://{path}"
    return None


def _start_service() -> tuple[str, Callable[[], None]]:
    """Start ``podman system service`` on a private socket.

    Returns its URL and the function that ends it.
    """
    program = shutil.which("podman")
    if program is None:
        remedy = "start its service (`systemctl start podman.socket`), or install podman"
        raise LabError(f"no podman engine at unix://{SOCKET}, and podman is not installed", remedy)
    return provide_socket(
        lambda path: [program, "system", "service", "--time=0", f"unix://{path}"],
        prefix="scratchlab-podman-",
        ready=_answers,
        failed="podman's service did not start",
        late="podman's service did not answer",
        remedy="try: podman info",
        own_session=True,  # it is ended after the last answer, not by Ctrl-C
    )


def _answers(path: str) -> bool:
    with contextlib.suppress(LabError):
        check_socket(path, "podman")
        return True
    return False
