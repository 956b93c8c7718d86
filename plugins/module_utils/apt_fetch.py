"""Fetches a URL by the proxy that apt uses on this machine."""

from __future__ import annotations

import subprocess
import urllib.request
from typing import Any

from ansible_collections.scratchlab.lab.plugins.module_utils.patience import allowed

SECONDS = 15  # for a server to answer


def opener(scheme: str) -> urllib.request.OpenerDirector:
    """Return an opener with apt's proxy for ``http`` or ``https``, else that of the environment."""
    command = ["apt-config", "dump", "--format", "%f %v%n", f"Acquire::{scheme}::Proxy"]
    try:
        dump = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=allowed(60)
        )
        lines = dump.stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        lines = []
    proxies = [line.split(None, 1)[1].strip() for line in lines if " " in line.strip()]
    proxy = {scheme: proxies[0]} if proxies and proxies[0] != "DIRECT" else None
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxy))


def read(url: str, limit: int) -> bytes:
    """Return what ``url`` has, at most ``limit`` bytes. Raises OSError, ValueError."""
    with opener(url.partition(":")[0]).open(url, timeout=allowed(SECONDS)) as answer:
        content: Any = answer.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return bytes(content)
