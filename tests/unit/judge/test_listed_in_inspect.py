"""The requested mounts where config.json cannot be read: podman's, and those of the user's."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import DOCKER, PODMAN, facts
from tests.unit.judge.test_places import by_inspect

from scratchlab.judge.places import placed_requests
from scratchlab.ledger import Ledger
from scratchlab.model import Engine


@pytest.mark.parametrize(
    ("command", "shm"),
    [
        ((), ("bind", "")), (("--ipc=private",), ("bind", "")), (("--ipc", "none"), None),
        (("--ipc", "host"), ("bind", "")), (("--ipc=host", "--ipc=none"), None),
    ],
)  # fmt: skip
def test_podmans_command_line_tells_the_ipc_mode(
    command: tuple[str, ...], shm: tuple[str, str] | None
) -> None:
    """Its inspect calls each mode "shareable"."""
    inspect = {
        "HostConfig": {"IpcMode": "shareable"}, "Config": {"CreateCommand": ["run", *command]},
    }  # fmt: skip
    assert by_inspect(PODMAN, **inspect).get("/dev/shm") == shm


@pytest.mark.parametrize("engine", [DOCKER, PODMAN])
def test_a_users_mount_takes_the_place_of_the_engines_file(engine: Engine) -> None:
    targets = ("/sbin/docker-init", "/run/.containerenv", "/etc/hosts")
    asked = facts(engine=engine, inspect={
        "Mounts": [{"Destination": target, "Source": "/mine"} for target in targets],
        "HostConfig": {"Init": True}, "HostsPath": "/r/hosts",
    })  # fmt: skip
    _, placed = placed_requests(asked, Ledger())
    for target in targets:
        assert [request.source for request in placed[target]] == ["/mine"]
