"""A mount over the last mask of a runtime, which no other mask follows."""

from __future__ import annotations

from tests.unit.judge.handmade import INSIDE, MASK, causes, origin
from tests.unit.judge.test_masks_and_devices import in_lines


def test_mount_over_the_last_mask_is_not_said_to_stand_after_a_later_one() -> None:
    found = in_lines("/proc/bus", "/proc/acpi", "/sys/power", "/sys/power")
    assert [origin(found, number) for number in (12, 13)] == [MASK, INSIDE]
    told = [proof.detail for proof in causes(found)[13].evidence]
    assert not any("that the runtime mounts later" in detail for detail in told)
