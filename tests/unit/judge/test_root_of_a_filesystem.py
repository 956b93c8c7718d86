"""The root of a filesystem is in no directory of the engine's, whatever names ``/``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.judge.handmade import ROOT, causes, config, facts

from scratchlab.model import Origin


@pytest.mark.parametrize(
    ("root", "expected"),
    [("/srv/tree", Origin.STORAGE_DRIVER), ("/", Origin.UNEXPLAINED)],
)
def test_new_filesystem_is_not_the_hosts_root_that_podman_was_given(
    root: str, expected: Origin
) -> None:
    """As with podman's --rootfs: each tmpfs shows its own top, as the host's disk does."""
    own = replace(ROOT, fstype="tmpfs", root=root)
    listed = {**config(), "root": {"path": root}}
    found = replace(facts(host_mounts=(), config=listed), mounts=(own,))
    assert causes(found)[ROOT.id].origin is expected
