"""The mounts that another container lent are the user's where config.json cannot be read, too."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import CRUN, DOCKER, PODMAN, RUNC, VOLUME, bound, facts, origin

from scratchlab.judge.places import requests
from scratchlab.model import Engine, Origin, Runtime


@pytest.mark.parametrize(("engine", "runtime"), [(DOCKER, RUNC), (PODMAN, CRUN)])
def test_a_volume_of_another_container_is_asked_for(engine: Engine, runtime: Runtime) -> None:
    lent = facts(bound(10, "/data", root="/v/_data"), lent=(VOLUME,), vantage="debug",
                 engine=engine, runtime=runtime)  # fmt: skip
    (found,) = (item for item in requests(lent) if item.target == "/data")
    assert (found.type, found.source) == ("bind", "/v/_data")
    assert origin(lent, 10) == (Origin.USER_MOUNT, f"{engine.name}-user-mount")
