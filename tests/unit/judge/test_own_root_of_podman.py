"""A bind of the host's root shows the container's own root again, that podman was given."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import DEV, USERS, mount, origin
from tests.unit.judge.test_own_root_again import bound_root


@pytest.mark.parametrize("given", ["/srv/BOX", "/srv/BOX/"])
def test_directory_of_any_name_is_the_root(given: str) -> None:
    again = mount(30, "/host/srv/BOX/dev", device=DEV.device, parent=20)
    assert origin(bound_root(again, merged=given), 30) == USERS
