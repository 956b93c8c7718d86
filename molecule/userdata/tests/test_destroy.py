"""Destroy leaves what is the user's, says so, and takes it along only when it is told to.

The tests build on one another: they are the life of one machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e import lab_command
from tests.machines.scenario import PROGRAM, Machine

SCRIPT = Path(__file__).parents[1] / "theirs.sh"
RECEIPTS = "/var/lib/scratchlab/receipts"
DESTROY = "playbooks/destroy.yml"
DATA = ("-e", "lab_destroy_data=true")
FILES = (
    "/usr/local/go/bin/go",
    "/usr/local/lib/scratchlab/tool",
    "/var/cache/scratchlab/kept",
    "/var/lib/scratchlab/build/mine/Dockerfile",
    "/var/lib/scratchlab/build/sleep/notes.txt",
    "/var/lib/scratchlab/notes.txt",
)


def destroyed(machine: Machine, *options: str) -> str:
    """Run destroy, which succeeds; return what it said, with every run of blanks as one."""
    done = machine.play(DESTROY, *options)
    assert done.returncode == 0, done.stdout
    return " ".join(done.stdout.split())


def changes(said: str) -> int:
    """The number of changed tasks."""
    return sum(map(int, re.findall(r"\bchanged=(\d+)", said)))


def last_words(said: str) -> str:
    """What destroy says stays, and how to remove it."""
    return said.rpartition("TASK [Say what stays, and how to remove it]")[2]


def theirs(machine: Machine) -> dict[str, str]:
    """Everything that is the user's, read back."""
    shell = "docker run --rm --volume data:/data mine/shell:1 cat /data/work"
    web = "docker inspect --format '{{.State.Pid}} {{.State.StartedAt}} {{.Image}}' web"
    return {
        "volume": machine.output(shell),
        "container": machine.output(web),
        "images": machine.output(
            "docker image ls --format '{{.Repository}} {{.ID}}' | grep -e mine -e none | sort"
        ),
        "network": machine.output("docker network inspect --format '{{.Id}}' backend"),
        "namespace": machine.output("ctr namespaces list --quiet | grep mine"),
        "package": machine.output("dpkg-query --show mytool"),
        "group": machine.output("su student --command 'docker ps --quiet --filter name=web'"),
        "units": machine.output("systemctl is-active docker.socket docker.service"),
        **{file: machine.output("cat %s", file) for file in FILES},
    }


@pytest.fixture(scope="module")
def kept(machine: Machine) -> dict[str, str]:
    """What the user made on the provisioned machine."""
    machine.output("sh -c %s", SCRIPT.read_text())
    return theirs(machine)


def assert_engine_stays(machine: Machine, kept: dict[str, str], said: str) -> None:
    """Everything of the user's is there and named, and nothing of the lab's is left around it."""
    assert theirs(machine) == kept
    words = last_words(said)
    for name in ("container web", "image mine/derived", "image mine/own", "image mine/shell:1",
                 "volume data", "network backend", "containerd namespace mine",
                 "mytool needs docker.io", "(without a name)"):  # fmt: skip
        assert name in words, words
    for file in FILES[1:]:
        assert file.removesuffix("/Dockerfile") in words, words
    assert "ansible-playbook scratchlab.lab.destroy -e lab_destroy_data=true" in words
    assert "apt-get purge mytool, then ansible-playbook scratchlab.lab.destroy" in words
    assert machine.labelled("container") == []
    images = machine.output("docker image ls --format '{{.Repository}}'").split()
    assert not {"sleep", "scratchtest", "scratchlab-debug", "scratchlab-limits"} & set(images)
    assert not machine.host.file(PROGRAM).exists
    assert not machine.host.package("golang-go").is_installed
    assert not machine.host.file("/var/lib/scratchlab/build/sleep/sleep").exists


def test_damaged_receipt_is_named_before_anything_is_removed(
    machine: Machine, kept: dict[str, str]
) -> None:
    before = machine.now()
    for name, damage in (
        ("packages.json", "head --bytes=-20 {0} >{0}.x && mv {0}.x {0}"),
        ("images.json", "echo '[]' >{0}"),
        ("before.json", "rm {0}"),
        ("file-etc-docker-daemon.json.json", ": >{0}"),
    ):
        path = f"{RECEIPTS}/{name}"
        if not machine.host.file(path).exists:
            continue
        machine.output(f"cp {path} /root/{name}")
        machine.output(damage.format(path))
        try:
            done = machine.play(DESTROY)
            assert done.returncode == 2, done.stdout
            said = " ".join(done.stdout.split())
            assert f"{path} is {'gone' if damage.startswith('rm') else 'damaged'}" in said
            assert "put it back from a backup, or run: echo" in said
            assert "Traceback" not in said
            assert changes(said) == 0, said
        finally:
            machine.output(f"mv /root/{name} {path}")
    assert machine.now() == before
    assert theirs(machine) == kept


def test_check_mode_names_what_would_stay(machine: Machine, kept: dict[str, str]) -> None:
    before = machine.now()
    said = destroyed(machine, "--check", "--diff")
    assert "+the engine stays +its data stays" in said
    assert "volume data" in last_words(said)
    assert machine.now() == before
    assert theirs(machine) == kept


def test_destroy_leaves_what_is_theirs(
    machine: Machine,
    kept: dict[str, str],
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    version = machine.output("docker version --format '{{.Server.Version}}'")
    record_testsuite_property("engine", f"docker {version}")
    assert_engine_stays(machine, kept, destroyed(machine))


def test_destroy_again_says_the_same(machine: Machine, kept: dict[str, str]) -> None:
    said = destroyed(machine)
    assert changes(said) == 0, said
    assert_engine_stays(machine, kept, said)


def test_engine_that_cannot_be_asked_stays(machine: Machine, kept: dict[str, str]) -> None:
    machine.output("systemctl stop docker.socket docker.service")
    words = last_words(destroyed(machine))
    assert "it cannot be asked what it holds" in words
    assert "systemctl restart docker, then ansible-playbook scratchlab.lab.destroy" in words
    machine.output("systemctl start docker.socket docker.service")
    web = machine.output("docker inspect --format '{{.State.Running}} {{.Image}}' web")
    kept["container"] = machine.output(
        "docker inspect --format '{{.State.Pid}} {{.State.StartedAt}} {{.Image}}' web"
    )
    assert web.startswith("true")
    assert theirs(machine) == kept


def test_lab_works_after_a_partial_destroy(machine: Machine, kept: dict[str, str]) -> None:
    done = machine.lab()
    assert done.returncode == 0, done.stdout
    assert machine.unproved() == {}
    assert theirs(machine) == kept
    assert_engine_stays(machine, kept, destroyed(machine))


def test_destroy_of_data_keeps_the_engine_that_a_package_needs(
    machine: Machine, kept: dict[str, str]
) -> None:
    assert kept["volume"] == "work"
    said = destroyed(machine, *DATA)
    assert "mytool needs docker.io" in last_words(said)
    assert "lab_destroy_data" not in last_words(said)
    units = machine.output("systemctl is-active docker.socket docker.service")
    assert units == "active\nactive"
    assert machine.output("docker image ls --quiet; docker volume ls --quiet; docker ps -aq") == ""
    assert machine.output("su student --command 'docker network ls --quiet'")
    assert not machine.host.file(FILES[1]).exists


def test_nothing_is_left_once_nothing_needs_the_engine(machine: Machine) -> None:
    machine.output("dpkg --purge mytool")
    said = destroyed(machine)
    assert "Say what stays, and how to remove it" not in said or "skipping" in last_words(said)
    assert machine.output("cat %s", FILES[0]) == "work"
    machine.output("rm -rf /usr/local/go /root/.docker")
    assert lab_command.differences(machine.before(), machine.now()) == []


def test_destroy_after_that_changes_nothing(machine: Machine) -> None:
    assert changes(destroyed(machine)) == 0
