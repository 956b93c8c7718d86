"""A device that a runtime binds, as in a user namespace, where it cannot make a node."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import DEV, facts, mount, origin, source
from tests.unit.judge.test_asked_devices import LISTED, NAMED, NOBODYS, NUMBER

from scratchlab.devices import HostDevice
from scratchlab.model import Origin


@pytest.mark.parametrize(("number", "expected"), [(NUMBER, NAMED), ((10, 1), NOBODYS)])
def test_node_has_the_number_of_the_device_that_was_asked_for(
    number: tuple[int, int], expected: tuple[Origin, str | None]
) -> None:
    """Somebody may have put another number into config.json."""
    fuse = mount(9, "/dev/fuse", "devtmpfs", parent=DEV.id, root="/fuse")
    found = facts(
        DEV, fuse, config=LISTED, devices=(HostDevice("/dev/fuse", number),),
        sources=(source("/dev/fuse", 9),),
    )  # fmt: skip
    assert origin(found, 9) == expected
