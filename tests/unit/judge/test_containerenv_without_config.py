"""podman's /run/.containerenv lies beside its other files, which inspect names."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import CRUN, ID, PODMAN, bound, facts, origin

from scratchlab.judge.places import requests
from scratchlab.model import Origin

RUN = f"/run/containers/{ID}/userdata"
PATH = "/run/.containerenv"


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (f"{RUN}/.containerenv", (Origin.ENGINE_MOUNT, "podman-files")),
        (f"{RUN}/hosts", (Origin.UNEXPLAINED, None)),
        ("/srv/.containerenv", (Origin.UNEXPLAINED, None)),
    ],
)
def test_the_file_beside_the_others_is_the_engines(
    root: str, expected: tuple[Origin, str | None]
) -> None:
    found = facts(bound(10, PATH, root=root), engine=PODMAN, runtime=CRUN, vantage="debug",
                  inspect={"HostsPath": f"{RUN}/hosts"})  # fmt: skip
    (asked,) = (item for item in requests(found) if item.target == PATH)
    assert (asked.type, asked.source, asked.options) == ("bind", f"{RUN}/.containerenv", ())
    assert origin(found, 10) == expected
