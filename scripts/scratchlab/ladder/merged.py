"""A container's layers as one folder, copied while the container does not run.

Not ``docker export``: since Docker 25 it never lets go of the layers of a container that does not
run, and they stay when the container is removed (moby#48516; measured on 26.1.5).
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from scratchlab.collect import layers
from scratchlab.errors import LabError
from scratchlab.ladder import tools
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


def copy(client: EngineClient, inspect: Json, folder: str) -> None:
    """Copy what the layers of the container that ``inspect`` describes add up to to ``folder``.

    ``folder`` must not exist. Raises LabError where the storage driver's layers cannot be read.
    """
    data = (inspect.get("GraphDriver") or {}).get("Data") or {}
    if data.get("LowerDir") and data.get("UpperDir"):
        _overlay(f"{data['UpperDir']}:{data['LowerDir']}", folder)
        return
    engine = client.facts()
    diff_ids = client.inspect_image(inspect["Image"])["RootFS"].get("Layers") or ()
    found, problem = layers.find(inspect, engine, diff_ids, (), 0)
    if found.driver != "vfs" or found.upper is None:
        what = problem or f"layers of the storage driver {found.driver} cannot be put together here"
        raise LabError(what)
    _copied(found.upper, folder)


def _overlay(lower: str, folder: str) -> None:
    """The layers joined by the kernel, read-only and in a mount namespace that ends with cp."""
    at = f"{folder}.merged"
    os.mkdir(at, mode=0o700)
    options = shlex.quote(f"ro,lowerdir={lower}")
    # mount of util-linux 2.39 and later uses fsconfig(2), which takes 255 bytes of an option.
    mount = f"LIBMOUNT_FORCE_MOUNT2=always mount -t overlay -o {options} overlay {shlex.quote(at)}"
    copied = shlex.join(_copying(at, folder))
    tools.run(["unshare", "--mount", "sh", "-c", f"{mount} && exec {copied}"])
    os.rmdir(at)


def _copied(source: str, folder: str) -> None:
    tools.run(_copying(source, folder))


def _copying(source: str, folder: str) -> list[str]:
    return ["cp", "--archive", "--no-target-directory", source, folder]
