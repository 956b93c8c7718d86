"""All facts of one container: what the engine, its runtime, the kernel and the host say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scratchlab.collect import layers, oci_config, sources
from scratchlab.collect.host import host
from scratchlab.collect.process import Process
from scratchlab.collect.state import parent_pid
from scratchlab.model import Container, Engine, Facts, Image, Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


def gather(
    client: EngineClient, engine: Engine, inspect: Json, process: Process, image: Image
) -> Facts:
    """The facts of the container that ``inspect`` describes and ``process`` (held) runs in.

    What cannot be had is left empty, and ``problems`` says why; the rest still holds.
    """
    config = oci_config.find(inspect, engine, client.info(), parent_pid(process))
    parts, hindrance = layers.find(
        inspect, engine, image.diff_ids, process.mounts, process.root_mount
    )
    named = sources.candidates(inspect, config.data, engine)
    return Facts(
        host=host(),
        engine=engine,
        runtime=client.runtime(inspect),
        image=image,
        container=Container(
            id=inspect["Id"],
            name=str(inspect.get("Name", "")).lstrip("/"),
            pid=process.pid,
            start_time=process.start_time,
            vantage="host",
            inspect=inspect,
            oci_config=config.data,
            oci_config_path=config.path,
            namespaces=process.namespaces,
            uid_map=process.uid_map,
        ),
        mounts=process.mounts,
        layers=parts,
        sources=sources.find(process.root_fd, process.mounts, process.root_mount, named),
        host_namespaces=_host_namespaces(),
        problems=tuple(problem for problem in (config.problem, hindrance) if problem),
    )


def _host_namespaces() -> Mapping[str, str]:
    """Those of the machine's first process, else (no permission) our own."""
    for folder in ("/proc/1/ns", "/proc/self/ns"):
        try:
            return {name: os.readlink(f"{folder}/{name}") for name in sorted(os.listdir(folder))}
        except OSError:
            continue
    return {}
