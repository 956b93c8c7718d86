"""podman's masks where only its version tells them: then their order is not known."""

from __future__ import annotations

from itertools import permutations

import pytest
from tests.unit.judge.handmade import MASK, PODMAN, PROC, SYS, facts, mount, origin

from scratchlab.model import Host

PATHS = ("/proc/acpi", "/proc/keys", "/sys/firmware")


@pytest.mark.parametrize("paths", [*permutations(PATHS)])
def test_none_is_taken_for_one_that_was_made_again(paths: tuple[str, ...]) -> None:
    lines = [mount(number, path, options=("ro",)) for number, path in enumerate(paths, 10)]
    found = facts(PROC, SYS, *lines, engine=PODMAN, host=Host(existing=frozenset(PATHS)))
    assert [origin(found, line.id) for line in lines] == [MASK] * 3
