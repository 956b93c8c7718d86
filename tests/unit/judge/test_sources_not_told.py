"""A volume of which inspect does not tell where it lies: a driver may keep that to itself."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import USERS, bound, facts, origin

from scratchlab.judge.places import requests

VOLUME = {"Type": "volume", "Name": "v", "Destination": "/data"}


@pytest.mark.parametrize("wish", [VOLUME, {**VOLUME, "Source": ""}, {**VOLUME, "Source": None}])
@pytest.mark.parametrize("vantage", ["host", "debug"])
def test_what_is_mounted_there_is_the_users(wish: dict[str, str | None], vantage: str) -> None:
    asked = facts(bound(10, "/data"), inspect={"Mounts": [wish]}, vantage=vantage)
    assert [item.source for item in requests(asked) if item.target == "/data"] == [""]
    assert origin(asked, 10) == USERS
