"""What keeps apt from installing is foretold, and named with the command that fixes it."""

from __future__ import annotations

import pytest
from tests.machines.causes import (
    SOURCES,
    check,
    foretold_and_named,
    named_by_the_lab,
    observed,
    provision,
    state,
)
from tests.machines.scenario import Machine

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PIN = "printf 'Package: {}\\nPin: release *\\nPin-Priority: -1\\n' >/etc/apt/preferences.d/pin"
UNPIN = "rm /etc/apt/preferences.d/pin"
# (what brings the machine into the state, what the lab says, the command that fixes it)
STATES = {
    "podman-docker": (
        "apt-get install --yes --no-install-recommends podman-docker",
        ("podman-docker is installed", "apt-get remove podman-docker"),
        "apt-get purge --yes podman-docker; apt-get autoremove --purge --yes",
    ),
    "containerd.io": (
        "/root/make-package containerd.io 'Provides: containerd, runc' "
        "'Conflicts: containerd, runc' 'Replaces: containerd, runc'",
        ("containerd.io is installed", "apt-get remove containerd.io", "apt-get install docker-ce"),
        "apt-get remove --yes containerd.io",
    ),
    "docker-ce-cli": (
        "FILE=usr/bin/docker /root/make-package docker-ce-cli 'Conflicts: docker.io'",
        ("docker-ce-cli is installed", "apt-get remove docker-ce-cli"),
        "apt-get remove --yes docker-ce-cli",
    ),
    "pinned": (
        PIN.format("docker.io"),
        ("docker.io is pinned", "grep -r docker.io /etc/apt/preferences"),
        UNPIN,
    ),
    "pinned dependency": (
        PIN.format("runc"),
        ("runc is pinned", "grep -r runc /etc/apt/preferences"),
        UNPIN,
    ),
    "held": (
        "apt-mark hold docker.io",
        ("docker.io is held", "apt-mark unhold docker.io"),
        "apt-mark unhold docker.io",
    ),
    "broken dependency of someone else": (
        "/root/make-package vendor-needy 'Depends: libnothing'",
        ("vendor-needy is installed without libnothing", "apt-get --fix-broken install"),
        "apt-get remove --yes vendor-needy",
    ),
    "half-installed package of someone else": (
        "/root/make-package vendor-thing && sed -i "
        "'/^Package: vendor-thing$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' "
        "/var/lib/dpkg/status",
        ("vendor-thing is half installed", "dpkg --remove --force-remove-reinstreq vendor-thing"),
        "dpkg --remove --force-remove-reinstreq vendor-thing",
    ),
    "half-installed engine of another vendor": (
        "POSTINST='exit 1' /root/make-package docker-ce",
        ("docker-ce", "is half installed (dpkg: iF)", "dpkg --configure -a"),
        "dpkg --purge --force-all docker-ce",
    ),
    "two keys for one source": (
        f"cp {KEYRING} /usr/share/keyrings/other.gpg; for key in {KEYRING} "
        '/usr/share/keyrings/other.gpg; do sed "s#^deb #deb [signed-by=$key] #" '
        f"/etc/apt/sources.list; done >{SOURCES}/two.list; mv /etc/apt/sources.list /root/",
        ("is configured twice, with different Signed-By", "grep -r -e /usr/share/keyrings/"),
        f"rm {SOURCES}/two.list /usr/share/keyrings/other.gpg; mv /root/sources.list /etc/apt/",
    ),
    "malformed source": (
        f"echo deb http://example.org >{SOURCES}/vendor.list",
        (f"{SOURCES}/vendor.list is not a list of sources", "correct or remove"),
        f"rm {SOURCES}/vendor.list",
    ),
    "dead source of the release": (
        "sed -i.bak 's#http://[^/]*/#http://dead.example.org/#' /etc/apt/sources.list",
        ("http://dead.example.org/debian/dists/bookworm/InRelease", "dead.example.org", "proxy"),
        "mv /etc/apt/sources.list.bak /etc/apt/sources.list",
    ),
}


@pytest.mark.parametrize(("make", "words", "undo"), STATES.values(), ids=STATES)
def test_state_is_foretold_and_named_with_the_command(
    machine: Machine, make: str, words: tuple[str, ...], undo: str
) -> None:
    with state(machine, make, undo):
        foretold_and_named(machine, *words)


def test_file_of_another_package_is_foretold_and_named(machine: Machine) -> None:
    make = "FILE=usr/bin/docker /root/make-package my-docker"
    with state(machine, make, "dpkg --purge --force-depends my-docker"):
        foretold_and_named(
            machine, "/usr/bin/docker belongs to the package my-docker", "apt-get remove my-docker"
        )


def test_failure_of_a_package_that_the_lab_does_not_need_is_a_warning(machine: Machine) -> None:
    """Here the lab installs for the first time: half of it came in the test before."""
    make = (
        "POSTINST='echo no licence key >&2; exit 3' /root/make-package vendor-agent; "
        f"echo deb http://dead.example.org/apt stable main >{SOURCES}/vendor.list"
    )
    undo = f"dpkg --purge --force-all vendor-agent; rm {SOURCES}/vendor.list"
    with state(machine, make, undo):
        assert "half installed, and apt tries to finish: " in observed(machine, "packages")
        assert "vendor-agent (iF)" in observed(machine, "packages")
        assert "http://dead.example.org" in observed(machine, "mirror")
        status, output = provision(machine)
        assert status == 0, output
        assert "the packages that the lab needs are installed, but" in output
        assert "vendor-agent: its post-installation script says: no licence key" in output
        again, output = provision(machine)
        assert again == 0, output
        assert "changed=0" in output
    assert machine.output("docker version --format '{{.Server.Os}}'") == "linux"


def test_files_are_readable_whatever_mask_sudo_keeps(machine: Machine) -> None:
    paths = "/etc/ansible/facts.d /var/lib/scratchlab /var/lib/scratchlab/receipts"
    modes = machine.output(f"stat --format %a {paths}").split()
    assert modes == ["755"] * 3


def dpkg_state(machine: Machine, words: str) -> None:
    """Change what dpkg has on record of docker.io."""
    machine.output(
        f"sed -i '/^Package: docker.io$/,/^$/s/^Status: .*/Status: {words}/' /var/lib/dpkg/status"
    )


def test_engine_that_dpkg_left_unpacked_is_finished_by_the_lab(machine: Machine) -> None:
    dpkg_state(machine, "install ok unpacked")
    assert "apt tries to finish: docker.io (iU)" in observed(machine, "packages")
    status, output = provision(machine)
    assert status == 0, output
    assert machine.output("dpkg-query -W -f '${db:Status-Abbrev}' docker.io").strip() == "ii"


def test_engine_that_must_be_unpacked_again_is_named(machine: Machine) -> None:
    dpkg_state(machine, "install reinstreq half-installed")
    reinstall = "apt-get update && apt-get install --reinstall docker.io"
    reason = check(machine)["reason"]
    assert "docker.io is half installed (dpkg: iHR)" in reason
    assert reinstall in reason
    named_by_the_lab(machine, "docker.io is half installed (dpkg: iHR)", reinstall)
    machine.output(f"sh -c 'exec >/dev/null 2>&1; {reinstall} --yes'")
    status, output = provision(machine)
    assert status == 0, output
