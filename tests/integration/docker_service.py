"""A private Docker daemon for the tests: own storage, own containerd, no network."""

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

# For userns-remap, mounted for this daemon only: the machine's own files stay as they are.
_SUBORDINATES = "nobody:100000:65536\n"
_MOUNT_SUBORDINATES = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"'


@contextmanager
def serve(*options: str, remapped: bool = False) -> Iterator[EngineClient]:
    """Run ``dockerd OPTIONS`` on a private socket; its objects are removed after the block.

    ``remapped``: with --userns-remap, and 100000 as the id of root.
    """
    directory = Path(tempfile.mkdtemp(prefix="sl-test-"))
    # With --bridge=none a daemon deletes docker0, another engine's or not (moby v20.10
    # daemon/daemon_unix.go removeDefaultBridgeInterface): it gets its own network namespace.
    command = ["unshare", "--net", "dockerd"]
    if remapped:
        directory.chmod(0o711)  # the remapped root must reach its data
        subordinates = directory / "subordinates"
        subordinates.write_text(_SUBORDINATES)
        command[2:] = ["--mount", "sh", "-c", _MOUNT_SUBORDINATES, str(subordinates), "dockerd"]
        command += ["--userns-remap", "nobody:nogroup"]
    command += ["--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec"]
    command += ["--pidfile", f"{directory}/pid", "--host", f"unix://{directory}/docker.sock"]
    command += ["--bridge=none", "--iptables=false", "--ip6tables=false", *options]
    with open(directory / "log", "wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        with _connected(daemon, directory) as engine:
            try:
                yield engine
            finally:
                for container in engine.client.containers.list(all=True, ignore_removed=True):
                    container.remove(force=True, v=True)
    finally:
        daemon.terminate()
        daemon.wait(60)
        shutil.rmtree(directory, ignore_errors=True)


def _connected(daemon: subprocess.Popen[bytes], directory: Path) -> EngineClient:
    for _ in range(600):
        if daemon.poll() is not None:
            break
        try:
            return connect("docker", f"unix://{directory}/docker.sock")
        except LabError:
            time.sleep(0.05)
    raise AssertionError(f"dockerd did not start:\n{(directory / 'log').read_text()[-2000:]}")
