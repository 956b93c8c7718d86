"""The lab was made without a network, from the bundle alone."""

from __future__ import annotations

import json

from tests.machines.scenario import Machine


def test_machine_has_no_network(machine: Machine) -> None:
    assert machine.output("ls /sys/class/net | grep -v -e '^docker' -e '^veth'") == "lo"
    assert machine.output("ip route show default; ip -6 route show default") == ""


def test_bundle_was_the_only_source_of_apt(machine: Machine) -> None:
    lists = machine.output("ls /var/lib/scratchlab/apt/lists").split()
    assert [name for name in lists if name.endswith("Packages")] == [
        "_var_lib_scratchlab_bundle_._Packages"
    ]


def test_every_added_package_is_in_the_bundle(machine: Machine) -> None:
    receipt = machine.output("cat /var/lib/scratchlab/receipts/packages.json")
    added = {name.partition(":")[0] for name in json.loads(receipt)}
    index = machine.output("cat /var/lib/scratchlab/bundle/Packages").splitlines()
    available = {line.removeprefix("Package: ") for line in index if line.startswith("Package: ")}
    assert "docker.io" in added
    assert added <= available


def test_ansible_came_from_the_wheels(machine: Machine) -> None:
    if machine.name == "alone":
        program = "from ansible.release import __version__; print(__version__)"
        assert machine.output("~student/lab/.venv/bin/python -c %s", program).startswith("2.")


def test_files_are_readable_although_the_user_hides_new_ones(machine: Machine) -> None:
    modes = machine.output("stat --format %a /etc/ansible/facts.d /var/lib/scratchlab").split()
    assert modes == ["755", "755"]
