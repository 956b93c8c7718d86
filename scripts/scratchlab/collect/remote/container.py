"""Run a debug container: make its image, start the agent in it, and remove both afterwards.

The image is FROM scratch, with the agent as its only file, made by the engine's API alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from scratchlab.collect.engines.connection import engine_errors
from scratchlab.collect.remote import agent, sources
from scratchlab.collect.remote.protocol import Connection
from scratchlab.deadlines import allowed
from scratchlab.errors import LabError
from scratchlab.labels import IMAGE_LABEL, LABEL
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

_PROGRAM = "/agent"
# Only the capabilities that reading another process's root takes. proc_pid_root(5): ptrace access;
# capabilities(7): files and attributes that only their owner can read. Without CAP_SYS_ADMIN
# attributes trusted.* are not even listed; with CAP_FOWNER reading a file keeps its access time.
# They also keep the examined container, which sees the agent's process, from reading its memory:
# ptrace(2) requires all capabilities of the target.
_CAPABILITIES = ("SYS_PTRACE", "DAC_READ_SEARCH", "SYS_ADMIN", "FOWNER")
_MEMORY = 512 << 20  # bytes: pending names of a hostile tree, never contents
_REMOVAL_TIMEOUT = 20.0  # seconds
_PROCESSES = 64  # Go's threads


def load_agent_image(client: EngineClient) -> str:
    """Load the image with the agent into the engine; returns its name.

    The name depends on the agent only, so a leftover of an interrupted run is used and removed by
    the next one. Raises LabError when there is no agent for the engine's processor, or the engine
    refuses the image.
    """
    architecture = str(client.version().get("Arch") or "")
    program = agent.binary(architecture)
    name = f"scratchlab-agent:{hashlib.sha256(program).hexdigest()[:16]}"
    api = client.client.api
    archive = _image_archive(program, architecture, name)
    messages = api.load_image(archive)  # type: ignore[no-untyped-call]
    for message in messages or ():
        if message.get("error"):
            raise LabError(f"{client.name} refused the agent's image: {message['error']}")
    return name


def remove_agent_image(client: EngineClient, name: str) -> None:
    """Remove the image ``name``, unless another run still uses it."""
    with contextlib.suppress(docker.errors.APIError, requests.RequestException):
        client.client.api.remove_image(name)


def _image_archive(program: bytes, architecture: str, name: str) -> bytes:
    """An image archive in the format of ``docker save``: one layer with one file."""
    layer = _tar({_PROGRAM.strip("/"): program})
    diff_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Entrypoint": [_PROGRAM], "Labels": {IMAGE_LABEL: "1"}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "scratchlab"}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{diff_id}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]
    return _tar(
        {config_name: config, layer_name: layer, "manifest.json": json.dumps(manifest).encode()}
    )


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


@contextlib.contextmanager
def run_agent(
    client: EngineClient, inspect: Json, arguments: Sequence[str], pid_mode: str
) -> Iterator[Connection]:
    """Run the agent with ``arguments`` beside the container that ``inspect`` describes (empty: any
    place will do), with the sources of its mounts mounted once more where the engine can do that.

    ``pid_mode`` is the PID namespace that the agent runs in, as ``docker run --pid`` has it.

    Yields the connection to it. If this program dies, the engine closes the agent's input, so the
    agent ends and the engine removes its container. Raises LabError.
    """
    api = client.client.api
    with engine_errors(client.url, client.name):
        name = load_agent_image(client)
        try:
            container, attached = _started(client, inspect, name, arguments, pid_mode)
            tried = False
            try:
                with attached as connection:
                    yield connection
            except LabError as error:
                tried = True
                if _remove(api, container):
                    raise
                raise _stuck(client.name, container, error) from error
            finally:
                if not tried:
                    _remove(api, container)
        finally:
            remove_agent_image(client, name)


def _started(
    client: EngineClient, inspect: Json, image: str, arguments: Sequence[str], pid_mode: str
) -> tuple[str, Connection]:
    """A running debug container and the connection to it. A source that is gone by now, or that
    the engine refuses, leaves it without any of them.
    """
    settings = _host_config(client, inspect, pid_mode)
    mounts = sources.mounted(sources.source_paths(inspect))
    if mounts:
        with contextlib.suppress(docker.errors.APIError):
            return _start(client, image, arguments, {**settings, "mounts": mounts})
    return _start(client, image, arguments, settings)


def _start(
    client: EngineClient, image: str, arguments: Sequence[str], settings: Json
) -> tuple[str, Connection]:
    api = client.client.api
    container = _create(client, image, arguments, settings)
    with contextlib.ExitStack() as undo:
        undo.callback(_remove, api, container)
        # Attached before the start, so that no output is missed.
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        connection = undo.enter_context(Connection(api.attach_socket(container, params=params)))
        api.start(container)
        undo.pop_all()
    return container, connection


def _create(client: EngineClient, image: str, arguments: Sequence[str], settings: Json) -> str:
    api = client.client.api
    for attempt in (1, 2):
        try:
            created = api.create_container(
                image,
                command=list(arguments),
                user="0:0",
                labels={LABEL: "1"},
                stdin_open=True,
                host_config=api.create_host_config(**settings),
            )
            return str(created["Id"])
        except docker.errors.ImageNotFound:
            if attempt == 2:
                raise
            load_agent_image(client)  # another run just ended and removed it
    raise AssertionError


def _remove(api: Any, container: str) -> bool:
    """Remove the container, unless it is already gone, and wait for the end of the removal.

    Returns whether it is gone.
    """
    errors = (docker.errors.APIError, requests.RequestException)
    with contextlib.suppress(*errors):
        api.remove_container(container, force=True, v=True)
    with contextlib.suppress(*errors):
        api.wait(container, timeout=allowed(_REMOVAL_TIMEOUT), condition="removed")
    try:
        api.inspect_container(container)
    except docker.errors.NotFound:
        return True
    except errors:
        pass
    return False


def _stuck(engine: str, container: str, error: LabError) -> LabError:
    """The error for a debug container that no signal ends, because it waits for a filesystem."""
    short = container[:12]
    return LabError(
        f"{error.what}; the debug container {short} cannot be removed: its process ends when the"
        " filesystem answers",
        f"then remove it: {engine} rm -f {short}",
    )


def _host_config(client: EngineClient, inspect: Json, pid_mode: str) -> Json:
    info = client.info()
    config: Json = {
        "pid_mode": pid_mode or None,
        "network_mode": "none",
        "read_only": True,
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "cap_add": list(_CAPABILITIES),
        "security_opt": ["no-new-privileges", *_unconfined(info)],
        "log_config": {"Type": "none"},
    }
    if "name=userns" in (info.get("SecurityOptions") or []):
        # With userns-remap only the host's user namespace shows all owners and trusted.*.
        config["userns_mode"] = "host"
    # The examined container's limits are possible. Podman's default, the machine's maximum, takes a
    # capability that not every root has.
    if limits := (inspect.get("HostConfig") or {}).get("Ulimits"):
        config["ulimits"] = [
            {**limit, "Name": str(limit["Name"]).lower().removeprefix("rlimit_")}
            for limit in limits
        ]
    # Without these controllers an engine refuses or warns, depending on its version.
    if info.get("MemoryLimit"):
        config["mem_limit"] = _MEMORY
    if info.get("PidsLimit"):
        config["pids_limit"] = _PROCESSES
    return config


def _unconfined(info: Json) -> list[str]:
    """Options that lift AppArmor's and SELinux's separation of containers from each other."""
    options = " ".join(info.get("SecurityOptions") or [])
    unconfined = []
    if "name=apparmor" in options:
        unconfined.append("apparmor=unconfined")
    if "name=selinux" in options:
        unconfined.append("label=disable")
    return unconfined
