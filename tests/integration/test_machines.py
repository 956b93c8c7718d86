"""./lab machines on the engine of this machine: made, reached, interrupted, removed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from machines.place import Place

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "scripts" / "machines"

pytestmark = [pytest.mark.engine, pytest.mark.root]
Lab = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machines") / "machines.yml"


@pytest.fixture(scope="module")
def lab(inventory: Path) -> Iterator[Lab]:
    """./lab machines with a state of its own, and the base systems of this checkout."""
    state = Place().cache / "integration"

    def run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PROGRAM), f"--state={state}", f"--inventory={inventory}"]
        return subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, timeout=600, **more
        )

    yield run
    assert run("down").returncode == 0
    assert not state.exists()
    assert not inventory.exists()


def containers(state: str = "integration") -> list[str]:
    """Containers of this test's machines, also stopped ones."""
    digest = Place(state=Place().cache / state).digest
    command = ["docker", "ps", "--all", "--format", "{{.Names}}"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return sorted(name for name in names if name.endswith(digest))


def test_made_and_reached_by_ansible_with_a_known_key(lab: Lab, inventory: Path) -> None:
    done = lab("up", "2", "--kind", "container", "--memory", "700", "--cpus", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "made: fresh1, fresh2\n"
    assert "can become root here" in done.stderr
    ping = subprocess.run(
        [str(Path(sys.executable).with_name("ansible")), "all", "-i", str(inventory), "-b",
         "-m", "ansible.builtin.command", "-a", "id -u"],
        capture_output=True, text=True, check=False, timeout=120, cwd=ROOT,
    )  # fmt: skip
    assert ping.returncode == 0, ping.stdout + ping.stderr
    assert ping.stdout.count("rc=0") == 2, ping.stdout


def test_again_changes_nothing(lab: Lab) -> None:
    before = containers()
    start = time.monotonic()
    done = lab("up", "2", "--kind", "container", "--memory", "700", "--cpus", "1")
    assert done.stdout == "there: fresh1, fresh2\n"
    assert time.monotonic() - start < 10
    assert containers() == before


def test_limits_are_in_force(lab: Lab) -> None:
    name = containers()[0]
    inspect = ["docker", "inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}"]
    done = subprocess.run([*inspect, name], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(700 * 2**20), str(10**9)]
    assert "700 MiB of memory, 1 processors" in lab("list").stdout


def test_another_machine_under_the_same_name_is_refused(lab: Lab) -> None:
    done = lab("up", "2", "--kind", "container")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "fresh1 is there already" in done.stderr


def test_a_command_gets_its_words_as_they_are(lab: Lab) -> None:
    done = lab("ssh", "fresh1", "echo one; echo two")  # one word is a line for the shell
    assert done.stdout == "one\ntwo\n"
    done = lab("ssh", "fresh1", "printf", "%s|", "a b", "$HOME", "it's")
    assert done.stdout == "a b|$HOME|it's|"


def test_another_host_key_is_refused(lab: Lab) -> None:
    name = containers()[0]
    key = "/etc/ssh/ssh_host_ed25519_key"
    script = f"cp {key} /root/kept; rm {key}; ssh-keygen -q -t ed25519 -N '' -f {key}"
    subprocess.run(["docker", "exec", name, "sh", "-c", script], check=True)
    done = lab("ssh", "fresh1", "true")
    back = f"mv /root/kept {key}"
    subprocess.run(["docker", "exec", name, "sh", "-c", back], check=True)
    assert done.returncode == 255
    assert lab("ssh", "fresh1", "true").returncode == 0


def test_stopped_starts_again_with_its_files(lab: Lab) -> None:
    lab("ssh", "fresh1", "touch", "kept")
    assert lab("stop", "fresh1").returncode == 0
    assert lab("list").stdout.splitlines()[0].split()[:2] == ["fresh1", "stopped"]
    done = lab("up", "2", "--kind", "container", "--memory", "700", "--cpus", "1")
    assert done.stdout == "started: fresh1\nthere: fresh2\n"
    assert lab("ssh", "fresh1", "test", "-e", "kept").returncode == 0


def test_reset_takes_it_back(lab: Lab) -> None:
    done = lab("reset", "fresh1")
    assert done.returncode == 0, done.stderr
    assert lab("ssh", "fresh1", "test", "-e", "kept").returncode == 1
    assert lab("ssh", "fresh1", "true").returncode == 0


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0, 4.0])
def test_killed_at_any_time_the_next_run_converges(seconds: float, inventory: Path) -> None:
    state = Place().cache / "killed"
    command = [sys.executable, str(PROGRAM), f"--state={state}", "--inventory=-"]
    up = [*command, "up", "1", "--kind", "container"]
    process = subprocess.Popen(up, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    try:
        again = subprocess.run(up, capture_output=True, text=True, check=False, timeout=300)
        assert again.returncode == 0, again.stderr
        answer = subprocess.run([*command, "list", "--json"], capture_output=True, check=True)
        assert [one["state"] for one in json.loads(answer.stdout)] == ["running"]
        assert len(containers("killed")) == 1
    finally:
        subprocess.run([*command, "down"], capture_output=True, check=True)
    assert not state.exists()
    assert containers("killed") == []


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.5])
def test_killed_while_it_removes_the_next_run_converges(seconds: float) -> None:
    state = Place().cache / "removed"
    command = [sys.executable, str(PROGRAM), f"--state={state}", "--inventory=-"]
    up = [*command, "up", "1", "--kind", "container"]
    subprocess.run(up, capture_output=True, check=True, timeout=300)
    process = subprocess.Popen([*command, "down"], stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    process.wait()
    again = subprocess.run([*command, "down"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert not state.exists()
    assert containers("removed") == []


def test_machine_that_does_not_boot_is_shown_with_its_last_lines(lab: Lab) -> None:
    """Its limit of memory is below what systemd needs."""
    done = lab("up", "--name", "small", "--kind", "container", "--memory", "6", "--seconds", "20")
    assert done.returncode == 2
    assert "console ends with" in done.stderr or "memory" in done.stderr
    listed = lab("list").stdout
    assert any(line.split()[:2] == ["small", "unfinished"] for line in listed.splitlines())
    assert lab("down", "small").returncode == 0
