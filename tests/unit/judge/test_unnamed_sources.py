"""Binds and volumes whose source inspect does not name."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import (
    DEV,
    bind,
    bound,
    config,
    facts,
    listed,
    mount,
    origin,
    source,
)

from scratchlab.model import Origin


def test_filesystem_in_the_place_of_a_volume_is_not_the_users() -> None:
    """Docker's HostConfig has a volume without a name as it was asked for: without a source."""
    inspect = {"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/data"}]}}
    asked = bind("/data", "/v/_data")
    sources = (source("/v/_data", 9),)
    volume = facts(
        bound(9, "/data", root="/v/_data"), config=config(asked), inspect=inspect, sources=sources
    )
    assert origin(volume, 9)[0] is Origin.USER_MOUNT
    other = facts(mount(9, "/data"), config=config(listed("/data")), inspect=inspect)
    assert origin(other, 9)[0] is Origin.UNEXPLAINED


@pytest.mark.parametrize(
    ("vantage", "expected"), [("debug", Origin.ENGINE_MOUNT), ("host", Origin.UNEXPLAINED)]
)
def test_top_of_a_filesystem_proves_no_bind_where_the_hosts_files_are_known(
    vantage: str, expected: Origin
) -> None:
    """Each new filesystem shows its top. From a debug container no more can be seen."""
    found = facts(
        DEV, mount(9, "/dev/shm", parent=DEV.id), vantage=vantage, sources=(source("/src", 77),),
        inspect={"HostConfig": {"IpcMode": "shareable"}},
    )  # fmt: skip
    assert origin(found, 9)[0] is expected
