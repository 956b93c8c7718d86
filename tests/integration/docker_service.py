"""A Docker daemon of its own for the tests: own storage, own containerd, no network."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scratchlab.collect.engines import EngineClient, connect
from scratchlab.errors import LabError


@contextmanager
def serve(*options: str) -> Iterator[EngineClient]:
    """Run ``dockerd OPTIONS`` on a private socket; what it holds is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="sl-test-"))
    # A daemon told --bridge=none deletes docker0, another engine's or not (moby v20.10
    # daemon/daemon_unix.go removeDefaultBridgeInterface): it gets a network namespace of its own.
    command = ["unshare", "--net", "dockerd"]
    command += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    command += ["--pidfile", f"{folder}/pid", "--host", f"unix://{folder}/docker.sock"]
    command += ["--bridge=none", "--iptables=false", "--ip6tables=false", *options]
    with open(folder / "log", "wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        with _connected(daemon, folder) as engine:
            try:
                yield engine
            finally:
                for container in engine.client.containers.list(all=True):
                    container.remove(force=True, v=True)
    finally:
        daemon.terminate()
        daemon.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _connected(daemon: subprocess.Popen[bytes], folder: Path) -> EngineClient:
    for _ in range(600):
        if daemon.poll() is not None:
            break
        try:
            return connect("docker", f"unix://{folder}/docker.sock")
        except LabError:
            time.sleep(0.05)
    raise AssertionError(f"dockerd did not start:\n{(folder / 'log').read_text()[-2000:]}")
