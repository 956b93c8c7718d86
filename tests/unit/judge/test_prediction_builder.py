"""What the predictions for both engines have in common: /dev, binds that hold more, and links."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import CRUN, PODMAN, directory, facts, link

from scratchlab.devices import CdiEdit
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger

ENGINES: tuple[dict[str, Any], ...] = ({}, {"engine": PODMAN, "runtime": CRUN})
engines = pytest.mark.parametrize("engine", ENGINES, ids=["docker", "podman"])


@engines
def test_dev_has_its_own_mode_or_that_of_the_images(engine: dict[str, Any]) -> None:
    """Which of the two, the runtime's version decides."""
    for own, modes in ((0o700, (0o755, 0o700)), (0o777, (0o755, 0o777))):
        found = predict(facts(**engine), Ledger([directory("/dev", mode=own)]))
        assert found.by_path["/dev"].mode == modes


def test_what_a_directory_of_the_hosts_holds_is_not_known() -> None:
    """So that it is not known either whether a mount below it needs directories made."""
    asked = {"HostConfig": {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["v.com/c=one"]}]}}
    edits = (
        CdiEdit("/etc/cdi/v.json", "v.com/c=one", "/opt/v", "/host/v"),
        CdiEdit("/etc/cdi/v.json", "v.com/c=one", "/opt/v/lib/v.so", "/host/v.so"),
    )
    found = predict(facts(cdi=edits, inspect=asked), Ledger())
    below = [path for path in found.by_path if path.startswith("/opt")]
    assert sorted(below) == ["/opt", "/opt/v", "/opt/v/lib/v.so"]


@engines
def test_with_the_users_cgroups_none_are_mounted_where_a_link_of_the_images_leads(
    engine: dict[str, Any],
) -> None:
    """They lie on the user's /sys, where that link is hidden."""
    targets = ("/sys", "/sys/fs/cgroup", "/opt/tool")
    wishes = [{"Type": "bind", "Source": f"/h{at}", "Destination": at} for at in targets]
    image = Ledger([link("/sys/fs/cgroup", "/opt")])
    found = predict(facts(inspect={"Mounts": wishes}, **engine), image)
    assert found.by_path["/opt/tool"].has_entry
    assert found.by_path["/opt"].kind == "directory"


@engines
def test_the_mounts_of_another_container_are_predicted_as_the_users(engine: dict[str, Any]) -> None:
    lent = {"Type": "volume", "Name": "v", "Source": "/v/_data", "Destination": "/srv/data"}
    found = predict(facts(lent=(lent,), **engine), Ledger())
    name = facts(**engine).engine.name
    assert found.by_path["/srv/data"].rule == f"{name}-user-mount"
    assert found.by_path["/srv"].rule == "runtime-mountpoint"
