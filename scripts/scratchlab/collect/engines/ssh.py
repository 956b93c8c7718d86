"""Engines behind ssh: OpenSSH forwards their socket to a private one here.

The docker SDK itself needs paramiko even to run the ssh program (docker-py 7.2
transport/sshconn.py), and cannot speak to podman through it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from scratchlab.errors import LabError

_TIMEOUT = 30.0  # seconds until a remote machine must have let us in


def tunnel(url: str, default_socket: str) -> tuple[str, Callable[[], None]]:
    """Forward the engine's socket at ``ssh://[user@]host[:port][/socket]`` to this machine.

    Gives the local ``unix://`` URL and the act that ends the tunnel; raises LabError when ssh
    cannot connect (it never asks for a password).
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname.startswith("-"):
        raise LabError(f"not an ssh URL: {url}", "write it as ssh://user@host")
    folder = tempfile.mkdtemp(prefix="scratchlab-ssh-")
    local = os.path.join(folder, "engine.sock")
    command = ["ssh", "-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]
    command += ["-o", "ControlPath=none", "-L", f"{local}:{parts.path or default_socket}"]
    command += ["-p", str(parts.port)] if parts.port else []
    command += ["-l", parts.username] if parts.username else []
    command += ["--", parts.hostname]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise LabError(f"cannot run ssh for {url}", "apt-get install openssh-client") from error

    def end() -> None:
        stop(child)
        shutil.rmtree(folder, ignore_errors=True)

    try:
        _wait(child, local, url)
    except BaseException:
        end()
        raise
    return f"unix://{local}", end


def _wait(child: subprocess.Popen[bytes], local: str, url: str) -> None:
    limit = time.monotonic() + _TIMEOUT
    while not os.path.exists(local):
        if child.poll() is not None:
            said = child.stderr.read().decode(errors="replace").strip() if child.stderr else ""
            raise LabError(f"ssh cannot reach {url}: {said}", f"try it by hand: ssh {url} true")
        if time.monotonic() > limit:
            raise LabError(f"ssh to {url} did not connect within {_TIMEOUT:.0f} s")
        time.sleep(0.02)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a child that this program started, and wait for it."""
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    if child.poll() is None:
        child.kill()
        child.wait()
    if child.stderr:
        child.stderr.close()
