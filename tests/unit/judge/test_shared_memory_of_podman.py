"""What lies in the shared memory of podman's containers, whose inspect calls each "shareable"."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import (
    DEV,
    PODMAN,
    bind,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    listed,
    mount,
    source,
)

from scratchlab.model import Origin


@pytest.mark.parametrize(
    ("option", "expected"),
    [("private", Origin.WRITTEN_LATER), ("container:other", Origin.USER_DATA)],
)
def test_command_line_tells_whose_it_is(option: str, expected: Origin) -> None:
    path = "/var/lib/containers/storage/overlay-containers/c0ffee/userdata/shm"
    found = facts(
        DEV, mount(9, "/dev/shm", parent=DEV.id, super_options=("rw", "mode=1777")),
        config=config(listed("/dev"), bind("/dev/shm", path)), engine=PODMAN,
        sources=(source(path, 9),),
        inspect={
            "HostConfig": {"IpcMode": "shareable"},
            "Config": {"CreateCommand": ["podman", "run", "--ipc", option, "image"]},
        },
    )  # fmt: skip
    live = [directory("/dev", DEV.id), directory("/dev/shm", 9, mode=0o1777), file("/dev/shm/f", 9)]
    assert finding(judged(found, *live), "/dev/shm/f").origin is expected
