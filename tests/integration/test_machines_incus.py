"""./lab machines --on incus, for real: Incus in a system container with Debian 13."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from machines.incus import NETWORK, POOL
from tests import ansible_environment
from tests.machines.fresh import Fresh
from tests.machines.incus_server import IncusServer

SERVER = "server"

pytestmark = [pytest.mark.engine, pytest.mark.root]


class Server(IncusServer):
    """It is also reached by Ansible."""

    def __init__(self, container: str, variables: dict[str, object]) -> None:
        super().__init__(container)
        self.variables = variables  # Ansible's


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    machines = Fresh("incus-server")
    machines.up({SERVER: "trixie"})
    try:
        made = Server(machines.instance(SERVER), machines.variables(SERVER))
        made.put(["scripts/machines"])
        yield made
    finally:
        machines.down()


def test_made_from_packages_with_limits_and_without_privileges(server: Server) -> None:
    done = server.lab("up", "2", "--on", "incus", "--memory", "700", "--cpus", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "made: fresh1, fresh2\n"
    assert "root on this server" not in done.stderr
    for instance in server.instances():
        config = instance["config"]
        assert isinstance(config, dict)
        assert config["limits.memory"] == "700MiB"
        assert config["limits.cpu"] == "1"
        assert config["security.nesting"] == "true"
        assert "security.privileged" not in config
    mapped = server.lab("ssh", "fresh1", "cat", "/proc/self/uid_map").stdout.split()
    assert mapped[:2] == ["0", "1000000"]


def test_each_has_its_name_an_address_and_a_root_of_its_own(server: Server) -> None:
    for name in ("fresh1", "fresh2"):
        assert server.lab("ssh", name, "uname", "-n").stdout.strip() == name
        assert server.lab("ssh", name, "sudo", "id", "-u").stdout.strip() == "0"
    ends = time.monotonic() + 60
    while "eth0" not in server.lab("ssh", "fresh1", "ip", "-4", "-brief", "address").stdout:
        assert time.monotonic() < ends
        time.sleep(1)
    mirror = server.lab("ssh", "fresh1", "getent", "hosts", "deb.debian.org")
    assert mirror.returncode == 0


def test_again_changes_nothing(server: Server) -> None:
    done = server.lab("up", "2", "--on", "incus", "--memory", "700", "--cpus", "1")
    assert done.stdout == "there: fresh1, fresh2\n"


def test_reset_restores_the_snapshot(server: Server) -> None:
    server.lab("ssh", "fresh1", "sudo", "sh", "-c", "touch /etc/left; rm /etc/hostname")
    done = server.lab("reset", "fresh1")
    assert done.returncode == 0, done.stderr
    assert server.lab("ssh", "fresh1", "test", "-e", "/etc/left").returncode == 1
    assert server.lab("ssh", "fresh1", "uname", "-n").stdout.strip() == "fresh1"


def test_stopped_and_started_again(server: Server) -> None:
    assert server.lab("stop", "fresh2").returncode == 0
    assert "fresh2       stopped" in server.lab("list").stdout
    done = server.lab("up", "2", "--on", "incus", "--memory", "700", "--cpus", "1")
    assert done.stdout == "started: fresh2\nthere: fresh1\n", done.stderr
    assert server.lab("ssh", "fresh2", "true").returncode == 0


def test_privileged_only_by_an_option_that_says_what_it_means(server: Server) -> None:
    done = server.lab("up", "--name", "root", "--on", "incus", "--privileged")
    assert done.returncode == 0, done.stderr
    assert "a student who is root on one is root on this server" in done.stderr
    mapped = server.lab("ssh", "root", "cat", "/proc/self/uid_map").stdout.split()
    assert mapped[:2] == ["0", "0"]


def test_instance_that_a_person_removed_is_made_again(server: Server) -> None:
    (name,) = (str(one["name"]) for one in server.instances() if "-root-" in str(one["name"]))
    server.run("incus", "delete", "--force", name)
    assert "root         missing" in server.lab("list").stdout
    done = server.lab("up", "--name", "root", "--on", "incus", "--privileged")
    assert done.stdout == "made: root\n", done.stderr


def test_down_leaves_nothing_on_the_server(server: Server) -> None:
    done = server.lab("down")
    assert done.returncode == 0, done.stderr
    assert server.instances() == []
    for what, name in (("storage", POOL), ("network", NETWORK)):
        assert name not in server.run("incus", what, "list", "--format=csv").stdout
    assert server.run("incus", "image", "list", "--format=csv").stdout.strip() == ""
    assert server.run("test", "-e", "/opt/lab/machines.yml").returncode == 1


ROLE = """
- hosts: server
  become: true
  gather_facts: false
  roles:
    - role: scratchlab.lab.fresh_machines
      fresh_machines_backend: incus
      fresh_machines_names: [desk01]
      fresh_machines_memory_mib: 600
      fresh_machines_directory: /opt/lab/.cache/machines
"""


def test_role_does_it_from_another_machine(server: Server, tmp_path: Path) -> None:
    """The controller reaches the server by ssh, and each machine through it."""
    (tmp_path / "play.yml").write_text(ROLE)
    hosts = {"all": {"hosts": {"server": server.variables}}}
    (tmp_path / "server.json").write_text(json.dumps(hosts))

    def ansible(program: str, *words: str) -> str:
        environment = ansible_environment.environment(tmp_path) | ansible_environment.PLUGINS
        done = subprocess.run(
            [str(Path(sys.executable).with_name(program)), *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        return done.stdout

    def play(*words: str) -> str:
        return ansible("ansible-playbook", "play.yml", "-i", "server.json", *words)

    assert "changed=0 " not in play("--check")
    assert server.instances() == []
    play()
    assert [str(one["status"]) for one in server.instances()] == ["Running"]
    assert "changed=0 " in play()
    name = ("-m", "ansible.builtin.command", "-a", "uname -n")
    assert "desk01" in ansible("ansible", "all", "-i", "machines.yml", "-b", *name).splitlines()
    play("-e", "fresh_machines_state=absent")
    assert server.instances() == []
    assert sorted(path.name for path in tmp_path.glob("machines*")) == []
    assert server.run("test", "-e", "/opt/lab/.cache/machines").returncode == 1
