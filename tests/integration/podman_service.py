"""A private podman for the tests: own storage, own service; the machine's own is not touched.

Every podman of the integration tests has the files of ``configuration`` (conftest.py sets it), the
ones that the program starts by itself too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker.errors
from docker.models.containers import Container
from docker.models.images import Image
from docker.types import Ulimit

from scratchlab.collect.engines import EngineClient, connect

# podman asks for the machine's maximum, which root without CAP_SYS_RESOURCE must not set.
ULIMITS = [Ulimit(name="nofile", soft=1024, hard=1024), Ulimit(name="nproc", soft=1024, hard=1024)]
BRIDGE = f"sl-test{os.getpid()}"  # at most 15 characters


@contextmanager
def configuration() -> Iterator[dict[str, str]]:
    """Environment variables that give each podman a storage, a state and a network of its own;
    all of it is removed after the block."""
    directory = Path(tempfile.mkdtemp(prefix="sl-podman-"))  # podman wants a short path
    # The default one keeps its addresses in /var/lib/cni and its rules in the machine's firewall.
    addresses = {
        "type": "host-local",
        "dataDir": f"{directory}/addresses",
        "ranges": [[{"subnet": "10.88.0.0/16"}]],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "ipam": addresses}
    network = {"cniVersion": "0.4.0", "name": "podman", "plugins": [bridge]}
    (directory / "networks").mkdir()
    (directory / "networks" / "podman.conflist").write_text(json.dumps(network))
    limits = ", ".join(f'"{limit.name}={limit.soft}:{limit.hard}"' for limit in ULIMITS)
    containers = directory / "containers.conf"
    containers.write_text(
        f"[containers]\ndefault_ulimits = [{limits}]\n"
        f'[engine]\ntmp_dir = "{directory}/tmp"\n'
        f'[network]\nnetwork_config_dir = "{directory}/networks"\n'
    )
    storage = directory / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\n'
        f'graphroot = "{directory}/root"\nrunroot = "{directory}/run"\n'
    )
    try:
        yield {"CONTAINERS_CONF": str(containers), "CONTAINERS_STORAGE_CONF": str(storage)}
    finally:
        try:
            _clean_up(directory)
        finally:
            subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)


class Podman:
    """A podman service on a private socket, and the containers that were started with it."""

    def __init__(self, directory: Path, driver: str) -> None:
        self.url = f"unix://{directory}/podman.sock"
        # runc: crun 1.8 refuses machines with both cgroup versions (hybrid).
        self.command = ["podman", "--root", f"{directory}/root", "--runroot", f"{directory}/run"]
        self.command += ["--tmpdir", f"{directory}/tmp", "--storage-driver", driver]
        self.command += ["--runtime", "runc", "--cgroup-manager", "cgroupfs"]

    def run(self, engine: EngineClient, image: Image) -> Container:
        """Start a container without a network of ``image``, which is copied from Docker."""
        archive = b"".join(image.save(named=True))
        loaded = engine.client.images.load(archive)[0]
        container = engine.client.containers.create(
            loaded, network_mode="none", ulimits=ULIMITS, name=f"sl-test-{time.monotonic_ns()}"
        )
        container.start()
        container.reload()
        return container

    def cli(self, *arguments: str) -> str:
        """The output of ``podman ARGUMENTS``."""
        command = [*self.command, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def serve(directory: Path, driver: str) -> Iterator[tuple[Podman, EngineClient]]:
    """Serve podman from ``directory`` (a short path: it holds a socket) during the block."""
    podman = Podman(directory, driver)
    service = subprocess.Popen(
        [*podman.command, "system", "service", "--time=0", podman.url],
        cwd=directory,  # conmon writes a file "oom" into its working directory
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(500):
            if (directory / "podman.sock").exists():
                break
            time.sleep(0.02)
        with connect("podman", podman.url) as engine:
            try:
                yield podman, engine
            finally:
                for container in engine.client.containers.list(all=True, ignore_removed=True):
                    with suppress(docker.errors.NotFound):
                        container.remove(force=True)
    finally:
        service.terminate()
        service.wait(30)
        _clean_up(directory)


def _clean_up(directory: Path) -> None:
    """Remove what outlives the service: processes first, then the mount and the directory.

    The conmon of an ``exec`` by the API waits 300 seconds (``--exit-delay``) and then starts a
    ``podman container cleanup``, which would create the directory and mount the storage again.
    """
    while left := _processes(directory):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    target = f"{directory}/root/overlay"
    # A directory bound over itself has its parent's device: only mountinfo shows the mount.
    while f" {target} " in Path("/proc/self/mountinfo").read_text():
        subprocess.run(["umount", "--lazy", target], capture_output=True, check=True)
    shutil.rmtree(directory)


def _processes(directory: Path) -> list[int]:
    """The remaining processes of this podman: those with the directory in their arguments."""
    mark = f"{directory}/".encode()
    pids = []
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = arguments.read_bytes()
            if mark in command and command.split(b"\0")[0].endswith((b"conmon", b"podman")):
                pids.append(int(arguments.parent.name))
    return pids
