"""podman mounts a path below a volume: inspect names it, config.json only a temporary path."""

from __future__ import annotations

from tests.unit.judge.handmade import PODMAN, bind, bound, config, facts, origin, source

from scratchlab.model import Origin

DATA = bound(20, "/data")
ASKED = config(bind("/data", "/run/userdata/subpath1"))
VOLUME = {"Type": "volume", "Source": "/v/_data", "Destination": "/data", "SubPath": "/a"}


def of(path: str) -> Origin:
    inspect = {"Mounts": [VOLUME]}
    sources = (source(path, 20),)
    return origin(facts(DATA, config=ASKED, inspect=inspect, sources=sources, engine=PODMAN), 20)[0]


def test_path_below_the_volume_is_the_users_mount() -> None:
    assert of("/v/_data/a") is Origin.USER_MOUNT
    assert of("/v/_data/b") is not Origin.USER_MOUNT
