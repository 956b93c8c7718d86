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


def test_sources_of_podmans_command_line_are_looked_at() -> None:
    """Its inspect has them as config.json has them."""
    command = [
        "podman",
        "run",
        "-v",
        "/a:/in:ro",
        "--volume=/b:/in",
        "--mount",
        "type=bind,src=/c",
        "--mount=type=bind,source=/d,dst=/in",
        "-v",
        "name:/x",
        "-w",
        "/w",
        "image",
        "/bin/e",
    ]
    inspect = {"Config": {"CreateCommand": command}}
    found = set(source_candidates(inspect, None, Engine("podman")))
    assert {"/a", "/b", "/c", "/d"} <= found
    assert not {"/w", "/bin/e", "image", "name"} & found


def test_words_of_the_containers_own_command_name_no_source() -> None:
    config = {"CreateCommand": ["podman", "run", "image", "-v", "/a:/b"], "Cmd": ["-v", "/a:/b"]}
    assert "/a" not in set(source_candidates({"Config": config}, None, Engine("podman")))
