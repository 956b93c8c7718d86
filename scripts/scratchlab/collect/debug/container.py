"""A debug container: beside the one that is examined, and gone afterwards whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from scratchlab.collect.debug import image
from scratchlab.collect.debug.stream import Connection
from scratchlab.collect.engines.faults import mended
from scratchlab.experiments.names import LABEL
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

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
        name = image.load(client)
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
            image.unload(client, name)


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
            image.load(client)  # another run ended just now, and took it along
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
