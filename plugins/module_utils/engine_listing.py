"""Asks an engine what it holds, all of it or nothing. Changes nothing.

Needs only the standard library.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.scratchlab.lab.plugins.module_utils.engine_ownership import (
    IMAGE_LABEL,
    Listing,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH, SOCKET
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    _UnixConnection as UnixConnection,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.patience import allowed, late

# containerd's own, and the one that dockerd starts where there is none (daemon/containerd).
CONTAINERD = ("/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock")
ENGINE_DATA = "/var/lib/docker"
# What engines and containerd make at the top of their data (moby 20.10 to 29, containerd 1.4 to
# 2.1), what a file system makes, and what the lab does while it empties one.
MADE = {
    ENGINE_DATA: re.compile(
        r"aufs|btrfs|builder|buildkit|containerd|containers|devicemapper|engine-id|fuse-overlayfs"
        r"|image|key\.json|network|nri|overlay2?|plugins|rootfs|runtimes|swarm|tmp|tmp-old|trust|vfs"
        r"|volumes|zfs|[0-9]+\.[0-9]+|lost\+found|\.scratchlab-going"
    ),
    "/var/lib/containerd": re.compile(
        r"io\.containerd\..*|opt|tmpmounts|lost\+found|\.scratchlab-going"
    ),
}
SECONDS = 30
CTR_SECONDS = 20
SIZES_SECONDS = 120  # /system/df adds up the sizes of everything


class Unanswered(Exception):  # noqa: N818 - it is an answer, and the lab goes on with it
    """The engine cannot be asked; the text says why."""


def answer(resource: str, seconds: int = SECONDS, path: str = SOCKET) -> Any:
    """Return the engine's answer to ``GET resource``. Raises Unanswered."""
    connection = UnixConnection(path)
    connection.timeout = allowed(seconds)
    try:
        connection.request("GET", resource)
        response = connection.getresponse()
        body = response.read()
        document = json.loads(body)
    except TimeoutError as error:
        raise Unanswered(f"the engine does not answer {late(seconds)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unanswered(f"no engine answers at {path} ({error})") from error
    finally:
        connection.close()
    if response.status == 404:  # an older engine, or an object that is gone by now
        return {}
    if response.status != 200:
        said = document.get("message") if isinstance(document, dict) else document
        raise Unanswered(f"the engine refuses GET {resource}: {said}")
    return document


def objects(ask: Callable[[str], Any] = answer) -> Listing:
    """Return what the lab itself makes on an engine. Raises what ``ask`` raises."""
    images = ask("/images/json?all=true") or []
    labelled = [one["Id"] for one in images if IMAGE_LABEL in (one.get("Labels") or {})]
    return Listing(
        images=images,
        containers=ask("/containers/json?all=true") or [],
        volumes=ask("/volumes").get("Volumes") or [],
        networks=ask("/networks") or [],
        layers={image_id: _layers(ask, image_id) for image_id in labelled},
    )


def everything(
    containerd: bool, data: str = ENGINE_DATA, emptied: Iterable[str] = tuple(MADE)
) -> Listing:
    """Return all that the engine holds; with ``containerd`` its namespaces too.

    ``emptied``: directories whose content goes with the engine, so that no one else's may be there.

    Raises Unanswered.
    """
    info = answer("/info")
    return replace(
        objects(),
        plugins=answer("/plugins") or [],
        cache=answer("/system/df?type=build-cache", SIZES_SECONDS).get("BuildCache") or [],
        info=info,
        namespaces=namespaces() if containerd else (),
        stores=[
            *stores(data, info.get("Driver", ""), info.get("DockerRootDir", data)),
            *strangers(path for path in emptied if path in MADE),
        ],
    )


def _layers(ask: Callable[[str], Any], image_id: str) -> list[str]:
    layers: list[str] = (ask(f"/images/{image_id}/json").get("RootFS") or {}).get("Layers") or []
    return layers


def namespaces(sockets: Iterable[str] = CONTAINERD) -> list[str]:
    """Return the namespaces of every containerd of this machine. Raises Unanswered."""
    found: set[str] = set()
    for socket in sockets:
        if not os.path.exists(socket):
            continue
        program = shutil.which("ctr", path=SEARCH)
        if program is None:
            raise Unanswered("containerd cannot be asked for its namespaces without ctr")
        command = [
            program,
            "--address",
            socket,
            "--timeout",
            f"{allowed(CTR_SECONDS):.0f}s",
            "namespaces",
            "list",
            "--quiet",
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=allowed(SECONDS), check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Unanswered(f"containerd at {socket} does not answer {late(SECONDS)}") from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["without a reason"])[-1]
            raise Unanswered(f"containerd does not answer at {socket} ({reason})")
        found.update(done.stdout.split())
    return sorted(found)


def strangers(places: Iterable[str]) -> list[str]:
    """Return what is in the directories ``places`` (keys of MADE) and no engine made."""
    return [
        entry.path
        for place in places
        for entry in sorted(_entries(place), key=lambda entry: entry.name)
        if not MADE[place].fullmatch(entry.name)
    ]


def stores(data: str, driver: str, root: str) -> list[str]:
    """Return the stores below ``data`` that hold images or volumes, and that the engine with this
    storage ``driver`` and ``root`` does not show: those of another driver or user mapping.
    """
    found = []
    # With userns-remap, an engine keeps everything in a directory UID.GID (dockerd(8)).
    roots = [data]
    roots += [entry.path for entry in _entries(data) if entry.name.replace(".", "").isdigit()]
    for place in roots:
        # An engine names its root without links.
        shown = os.path.realpath(place) == os.path.realpath(root)
        for entry in _entries(os.path.join(place, "image")):
            kept = os.path.join(entry.path, "imagedb", "content", "sha256")
            if _entries(kept) and not (shown and entry.name == driver):
                found.append(f"images of storage driver {entry.name} in {place}")
        volumes = [entry for entry in _entries(os.path.join(place, "volumes")) if entry.is_dir()]
        if volumes and not shown:
            found.append(f"volumes in {place}")
    return sorted(found)


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []
