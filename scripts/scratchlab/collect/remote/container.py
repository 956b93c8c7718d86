"""The image of a debug container: FROM scratch, one file, made by the engine's API alone."""

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

from scratchlab.collect.engines.reach import mended
from scratchlab.collect.remote.agent import binary
from scratchlab.collect.remote.reading import Connection
from scratchlab.errors import LabError
from scratchlab.labels import IMAGE_LABEL, LABEL
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


PROGRAM = "/agent"


def load(client: EngineClient) -> str:
    """Put the image with the agent into the engine; gives its name.

    The same agent has the same name everywhere: what a run left that was killed, the next one
    uses and removes. Raises LabError when there is no agent for the engine's processor, or the
    engine refuses.
    """
    architecture = str(client.version().get("Arch") or "")
    program = binary(architecture)
    name = f"scratchlab-agent:{hashlib.sha256(program).hexdigest()[:16]}"
    api = client.client.api
    answer = api.load_image(archive(program, architecture, name))  # type: ignore[no-untyped-call]
    for line in answer or ():
        if line.get("error"):
            raise LabError(f"{client.name} did not take the agent's image: {line['error']}")
    return name


def unload(client: EngineClient, name: str) -> None:
    """Remove the image, unless another run still uses it."""
    with contextlib.suppress(docker.errors.APIError, requests.RequestException):
        client.client.api.remove_image(name)


def archive(program: bytes, architecture: str, name: str) -> bytes:
    """An image archive as ``docker save`` writes it: one layer, one file."""
    layer = _tar({PROGRAM.strip("/"): program})
    diff_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Entrypoint": [PROGRAM], "Labels": {IMAGE_LABEL: "1"}},
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


# A debug container: beside the one that is examined, and gone afterwards whatever happens.


# What reading another's root takes, and not one more. proc_pid_root(5): ptrace access; files and
# attributes that are for their owner only: capabilities(7). An attribute trusted.* is not even
# listed without CAP_SYS_ADMIN, and reading a file leaves its access time alone with CAP_FOWNER.
# They also keep the examined container, which sees the agent's process, from looking into it:
# ptrace(2) asks for every capability of the one that is looked into.
_CAPABILITIES = ("SYS_PTRACE", "DAC_READ_SEARCH", "SYS_ADMIN", "FOWNER")
_MEMORY = 512 << 20  # bytes: pending names of a hostile tree, never contents
_PATIENCE = 20.0  # seconds that the engine has to remove it
_PROCESSES = 64  # Go's threads


@contextlib.contextmanager
def running(client: EngineClient, inspect: Json, words: Sequence[str]) -> Iterator[Connection]:
    """Run the agent with ``words`` beside the container that ``inspect`` describes.

    Gives the connection to it. Where this program dies, the engine closes the agent's input, on
    which the agent ends, and removes the container. Raises LabError.
    """
    api = client.client.api
    with mended(client.url, client.name):
        name = load(client)
        try:
            made = _create(client, inspect, name, words)
            try:
                # Attached before it starts: not a byte is missed.
                wish = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                with Connection(api.attach_socket(made, params=wish)) as connection:
                    api.start(made)
                    yield connection
            finally:
                _remove(api, made)
        finally:
            unload(client, name)


def _create(client: EngineClient, inspect: Json, name: str, words: Sequence[str]) -> str:
    api = client.client.api
    for attempt in (1, 2):
        try:
            made = api.create_container(
                name,
                command=list(words),
                user="0:0",
                labels={LABEL: "1"},
                stdin_open=True,
                host_config=api.create_host_config(**_host_config(client, inspect)),
            )
            return str(made["Id"])
        except docker.errors.ImageNotFound:
            if attempt == 2:
                raise
            load(client)  # another run ended just now, and took it along
    raise AssertionError


def _remove(api: Any, container: str) -> None:
    """Remove it and wait until it is gone: it may be going by itself, or gone already."""
    failed = (docker.errors.APIError, requests.RequestException)
    with contextlib.suppress(*failed):
        api.remove_container(container, force=True, v=True)
    with contextlib.suppress(*failed):
        api.wait(container, timeout=_PATIENCE, condition="removed")


def _host_config(client: EngineClient, inspect: Json) -> dict[str, Any]:
    info = client.info()
    config: dict[str, Any] = {
        "pid_mode": f"container:{inspect['Id']}",
        "network_mode": "none",
        "read_only": True,
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "cap_add": list(_CAPABILITIES),
        "security_opt": ["no-new-privileges", *_unconfined(info)],
        "log_config": {"Type": "none"},
    }
    if "name=userns" in (info.get("SecurityOptions") or []):
        # With userns-remap only the host's own namespace shows every owner, and trusted.*.
        config["userns_mode"] = "host"
    # The engine may set what it set there; podman's own choice, the machine's maximum, takes a
    # capability that not every root has.
    if limits := (inspect.get("HostConfig") or {}).get("Ulimits"):
        config["ulimits"] = [
            {**limit, "Name": str(limit["Name"]).lower().removeprefix("rlimit_")}
            for limit in limits
        ]
    # An engine without these controllers refuses or warns, by version.
    if info.get("MemoryLimit"):
        config["mem_limit"] = _MEMORY
    if info.get("PidsLimit"):
        config["pids_limit"] = _PROCESSES
    return config


def _unconfined(info: Json) -> list[str]:
    """AppArmor's and SELinux's policies part containers from each other."""
    options = " ".join(info.get("SecurityOptions") or [])
    found = []
    if "name=apparmor" in options:
        found.append("apparmor=unconfined")
    if "name=selinux" in options:
        found.append("label=disable")
    return found
