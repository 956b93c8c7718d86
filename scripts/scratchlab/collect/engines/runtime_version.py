"""The version of an OCI runtime, by its own word."""

from __future__ import annotations

import os
import re
import subprocess

from scratchlab.model import Runtime

# runc 1.1.5 "runc version 1.1.5+ds1", crun 1.8.1 "crun version 1.8.1", gVisor "runsc version
# release-20240415.0".
_VERSION = re.compile(r"^(\S+) version (\S+)", re.MULTILINE)
_TIMEOUT = 10  # seconds


def parse(text: str) -> str:
    """The version in what ``RUNTIME --version`` printed, empty when there is none."""
    match = _VERSION.search(text)
    return match[2] if match else ""


def ask(path: str) -> Runtime:
    """Run ``path --version``: the runtime's name and version (empty when it cannot tell).

    ``path`` comes from the engine's own configuration: the program the engine runs as root.
    """
    name = os.path.basename(path)
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return Runtime(name, "")
    return Runtime(name, parse(done.stdout))
