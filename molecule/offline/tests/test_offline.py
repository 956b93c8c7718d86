"""The lab was made without a network, from the bundle and nothing else."""

from __future__ import annotations

import json

from tests.machines.scenario import Machine


def test_there_is_no_way_out(machine: Machine) -> None:
    assert machine.output("ls /sys/class/net | grep -v -e '^docker' -e '^veth'") == "lo"
    assert machine.output("ip route show default; ip -6 route show default") == ""


def test_apt_knew_the_bundle_and_no_other_source(machine: Machine) -> None:
    lists = machine.output("ls /var/lib/scratchlab/apt/lists").split()
    assert [name for name in lists if name.endswith("Packages")] == [
        "_var_lib_scratchlab_bundle_._Packages"
    ]


def test_every_package_that_was_added_is_one_of_the_bundle(machine: Machine) -> None:
    receipt = machine.output("cat /var/lib/scratchlab/receipts/packages.json")
    added = {name.partition(":")[0] for name in json.loads(receipt)}
    index = machine.output("cat /var/lib/scratchlab/bundle/Packages").splitlines()
    carried = {line.removeprefix("Package: ") for line in index if line.startswith("Package: ")}
    assert "docker.io" in added
    assert added <= carried


def test_python_of_the_door_came_from_the_wheels(machine: Machine) -> None:
    if machine.name == "alone":
        asked = "from ansible.release import __version__; print(__version__)"
        assert machine.output("~student/lab/.venv/bin/python -c %s", asked).startswith("2.")
