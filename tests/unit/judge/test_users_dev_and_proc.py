"""A /dev or /proc of the user's takes the place of the runtime's; what lies elsewhere stays."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import CRUN, PODMAN, RUNTIME, SYS, bound, facts, origin, source

from scratchlab.judge.places import requests
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Host


def test_with_the_users_dev_the_other_filesystems_are_the_runtimes() -> None:
    wish = {"Type": "bind", "Source": "/src", "Destination": "/dev"}
    asked = facts(bound(10, "/dev", root="/src"), SYS, inspect={"Mounts": [wish]},
                  sources=(source("/src", 10),), vantage="debug")  # fmt: skip
    assert {item.target for item in requests(asked)} == {"/dev", "/proc", "/sys", "/sys/fs/cgroup"}
    assert origin(asked, SYS.id) == (RUNTIME, "oci-filesystem")


@pytest.mark.parametrize("target", ["/proc", "/srv"])
def test_only_mountinfo_shows_a_mask(target: str) -> None:
    """Wherever it lies: what it shows is nobody's data."""
    inspect = {"Mounts": [{"Type": "bind", "Source": "/src", "Destination": target}],
               "HostConfig": {"MaskedPaths": ["/proc/acpi"]}}  # fmt: skip
    host = Host(existing=frozenset({"/proc/acpi"}))
    for found in (
        predict(facts(inspect=inspect, host=host), Ledger()),
        predict(facts(inspect=inspect, host=host, engine=PODMAN, runtime=CRUN), Ledger()),
    ):
        mask = found.by_path["/proc/acpi"]
        assert (mask.rule, mask.has_entry) == ("masked-path", False)
