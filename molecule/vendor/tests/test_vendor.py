"""Docker's own packages: by the key's fingerprint, at one version, never beside another engine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from tests.machines.causes import check
from tests.machines.scenario import Machine

SITE = "molecule/vendor/site.yml"
BASE = "/srv/vendor/linux/debian"
URL = "http://127.0.0.1:8081/linux/debian"
PACKAGES = {"docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin",
            "docker-compose-plugin"}  # fmt: skip


@pytest.fixture
def vendor(machine: Machine) -> dict[str, object]:
    """Variables for the repository of this machine."""
    return {
        "docker_host_source": "docker",
        "docker_host_repository": URL,
        "docker_host_key_fingerprint": machine.output(f"cat {BASE}/gpg.fingerprint"),
        "docker_host_version": "5:26.1.5",
        "docker_host_plugins": ["buildx", "compose"],
        "docker_host_proxy": {"https-proxy": "http://proxy.example:3128", "no-proxy": "localhost"},
        "docker_host_service_enabled": False,
    }


def play(machine: Machine, variables: dict[str, object], *arguments: str) -> tuple[int, str]:
    """Run the role; returns the exit status and what was printed, in one line."""
    done = machine.play(SITE, "-e", json.dumps(variables), *arguments)
    assert "Traceback" not in done.stdout, done.stdout
    return done.returncode, " ".join(done.stdout.split())


def refused(machine: Machine, variables: dict[str, object]) -> str:
    """What the role says where it stops; it has changed nothing by then."""
    state = "dpkg-query -W; find /etc/apt /etc/docker /etc/systemd -type f 2>&1 | xargs sha256sum"
    before = machine.host.run(state).stdout
    status, said = play(machine, variables)
    assert status == 2, said
    assert machine.host.run(state).stdout == before
    return said


def changes(said: str) -> int:
    return sum(map(int, re.findall(r"changed=(\d+)", said)))


def test_check_asks_the_repository(machine: Machine, vendor: dict[str, object]) -> None:
    answers = check(machine, "-e", json.dumps(vendor))
    assert answers["state"] == "done", answers["reason"]
    seen = {one["id"]: one["observed"] for one in answers["readiness"]}
    assert f"{URL}/dists/trixie/InRelease answers" in seen["mirror"]
    gone = vendor | {"docker_host_repository": f"{URL}/gone"}
    assert "InRelease does not answer" in check(machine, "-e", json.dumps(gone))["reason"]


def test_key_with_another_fingerprint_is_refused(
    machine: Machine, vendor: dict[str, object]
) -> None:
    other = machine.output(f"cat {BASE}/other.fingerprint")
    said = refused(machine, vendor | {"docker_host_key": f"{URL}/other"})
    assert (
        f"{URL}/other has the key {other}, and not {vendor['docker_host_key_fingerprint']}" in said
    )
    assert "nothing was changed" in said
    assert "is not an OpenPGP key" in refused(
        machine, vendor | {"docker_host_key": f"{URL}/gpg.fingerprint"}
    )


def test_check_mode_shows_the_files_and_writes_none(
    machine: Machine, vendor: dict[str, object]
) -> None:
    before = machine.output("sh -c 'find /etc/apt -type f | xargs sha256sum'")
    status, said = play(machine, vendor, "--check", "--diff")
    assert status == 0, said
    assert f"+URIs: {URL} +Suites: trixie" in said
    assert machine.output("sh -c 'find /etc/apt -type f | xargs sha256sum'") == before


def test_key_that_did_not_sign_the_repository_is_refused_by_apt(
    machine: Machine, vendor: dict[str, object]
) -> None:
    other = {
        "docker_host_key": f"{URL}/other",
        "docker_host_key_fingerprint": machine.output(f"cat {BASE}/other.fingerprint"),
    }
    status, said = play(machine, vendor | other)
    assert status == 2, said
    assert "is not signed" in said or "NO_PUBKEY" in said or "Missing key" in said
    assert not machine.host.package("docker-ce").is_installed


def test_packages_come_at_the_version_that_is_set(
    machine: Machine,
    vendor: dict[str, object],
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    status, said = play(machine, vendor)
    assert status == 0, said
    listing = machine.output("dpkg-query -W -f '${Package} ${Version}\n'")
    installed = dict(line.split(" ") for line in listing.splitlines())
    assert set(installed) >= PACKAGES
    assert "docker.io" not in installed
    assert installed["docker-ce"] == "5:26.1.5-1~debian.13~trixie"
    apt = (
        "sh -c 'lists=$(mktemp -d); mkdir $lists/partial; chmod -R 755 $lists; "
        "apt-get update -q -o Dir::State::lists=$lists >/dev/null; "
        "apt-cache policy -o Dir::State::lists=$lists docker-ce; rm -r $lists'"
    )
    policy = machine.output(apt)
    assert "Candidate: 5:26.1.5-1" in policy, policy
    assert "5:26.1.6-1" in policy
    version = machine.output("docker version --format '{{.Server.Version}}'")
    record_testsuite_property("engine", f"docker {version} under the names of docker-ce")
    machine.output("docker buildx version")
    machine.output("docker compose version")


def test_proxy_and_start_at_boot_are_as_set(machine: Machine, vendor: dict[str, object]) -> None:
    info = json.loads(machine.output("docker info --format '{{json .}}'"))
    assert info["HttpsProxy"] == "http://proxy.example:3128"
    assert info["NoProxy"] == "localhost"
    for unit in ("docker.service", "docker.socket"):
        assert machine.host.run(f"systemctl is-enabled {unit}").stdout.strip() == "disabled"
    assert machine.host.file("/usr/local/lib/scratchlab/engine.env").mode == 0o600
    del vendor


def test_second_run_changes_nothing(machine: Machine, vendor: dict[str, object]) -> None:
    status, said = play(machine, vendor)
    assert status == 0, said
    assert changes(said) == 0


def test_variables_that_change_are_followed(machine: Machine, vendor: dict[str, object]) -> None:
    status, said = play(
        machine, vendor | {"docker_host_proxy": {}, "docker_host_service_enabled": True}
    )
    assert status == 0, said
    info = json.loads(machine.output("docker info --format '{{json .}}'"))
    assert info.get("HttpsProxy", "") == ""
    assert machine.output("systemctl is-enabled docker.service") == "enabled"


def test_other_source_and_other_version_are_refused(
    machine: Machine, vendor: dict[str, object]
) -> None:
    said = refused(machine, {})
    assert "docker_host_source is distribution" in said
    assert "docker-ce, which the lab installed" in said
    assert "run ansible-playbook scratchlab.lab.destroy" in said
    said = refused(machine, vendor | {"docker_host_version": "5:26.1.6"})
    assert "docker-ce on vendor is 5:26.1.5-1~debian.13~trixie" in said


def test_source_stays_with_an_engine_that_stays(machine: Machine) -> None:
    machine.output("docker volume create theirs")
    machine.play("playbooks/destroy.yml")
    assert machine.host.package("docker-ce").is_installed
    assert machine.host.file("/etc/apt/sources.list.d/scratchlab-docker.sources").is_file
    machine.output("docker volume rm theirs")


def test_destroy_takes_all_of_it(machine: Machine) -> None:
    done = machine.play("playbooks/destroy.yml")
    assert done.returncode == 0, done.stdout
    names = machine.output("dpkg-query -W -f '${Package}\n'").split()
    assert not PACKAGES & set(names)
    assert machine.output("find /etc/apt -name 'scratchlab*'") == ""


def test_repository_that_the_machine_has_is_used_as_it_is(
    machine: Machine, vendor: dict[str, object]
) -> None:
    own = "/etc/apt/sources.list.d/own.list"
    line = f"deb [signed-by=/etc/apt/keyrings/own.asc] {URL} trixie stable"
    machine.output(f"cp {BASE}/gpg /etc/apt/keyrings/own.asc")
    machine.output(f"sh -c \"echo '{line}' >{own}\"")
    try:
        status, said = play(machine, vendor | {"docker_host_version": ""}, "--check", "--diff")
        assert status == 0, said
        assert "scratchlab-docker" not in said
    finally:
        machine.output(f"rm {own} /etc/apt/keyrings/own.asc")


def test_engine_of_the_distribution_is_not_replaced(
    machine: Machine, vendor: dict[str, object]
) -> None:
    status, said = play(machine, {"docker_host_plugins": ["buildx", "compose"]})
    assert status == 0, said
    machine.output("docker compose version")
    said = refused(machine, vendor)
    assert "docker_host_source is docker" in said
    assert "docker.io, which the lab installed" in said
    done = machine.play("playbooks/destroy.yml")
    assert done.returncode == 0, done.stdout
