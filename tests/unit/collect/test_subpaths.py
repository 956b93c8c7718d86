"""Paths below a volume's or image's directory that are mounted instead of the whole."""

from __future__ import annotations

from scratchlab.collect.runtime_config import source_candidates, subpaths_by_target
from scratchlab.model import Engine

VOLUME = {"Type": "volume", "Source": "/v/_data", "Destination": "/data"}


def test_docker_names_them_in_the_options_of_the_mount() -> None:
    for key in ("VolumeOptions", "ImageOptions"):
        mount = {"Target": "/data", key: {"Subpath": "a/b"}}
        assert subpaths_by_target({"HostConfig": {"Mounts": [mount]}}) == {"/data": "a/b"}
    assert subpaths_by_target({"HostConfig": {"Mounts": [{"Target": "/data"}]}}) == {}


def test_podman_names_them_with_the_mount() -> None:
    inspect = {"Mounts": [{**VOLUME, "SubPath": "/a/b"}, VOLUME]}
    assert subpaths_by_target(inspect) == {"/data": "a/b"}
    candidates = [*source_candidates(inspect, None, Engine("podman"))]
    assert candidates[:2] == ["/v/_data", "/v/_data/a/b"]
