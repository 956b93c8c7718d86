"""What masks the examined container and the debug container alike, wherever it lies."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import mount

from scratchlab.collect.remote.sources import bind_sources
from scratchlab.model import BindSource

NULL, EMPTY = "/null", "/crun/.empty-directory"


@pytest.mark.parametrize("below", ["/proc", "/sys"])
@pytest.mark.parametrize(("root", "path"), [(NULL, "/dev/null"), (EMPTY, EMPTY)])
def test_a_mask_on_either_filesystem_of_the_kernels_is_known(
    below: str, root: str, path: str
) -> None:
    own = [mount(90, f"{below}/masked", device=(0, 6), root=root)]
    mounts = [mount(9, "/proc/other", device=(0, 6), root=root)]
    assert bind_sources([], own, mounts) == (BindSource(path, (0, 6), 0, 9, root),)
