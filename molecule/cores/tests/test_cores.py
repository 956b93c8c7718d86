"""`ansible-playbook lab.yml` with the oldest and the newest ansible-core, on its own machine."""

from __future__ import annotations

import io
import json
import platform
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.lab_command import ROOT
from tests.machines.scenario import Machine

from machines.docker_engine import docker

HOME = "/root/elsewhere"
LAB = f"{HOME}/lab"
LIMIT = 1800  # seconds
# Wheels for these versions of glibc run on Debian 12 (glibc 2.36).
GLIBC = ("2_34", "2_28", "2_17", "2014")


def wheels(directory: Path, python: str, core: str) -> None:
    """Fetch Ansible for a Python, and what the program is built from, as wheels."""
    # The tag of glibc 2.17 also has an older name.
    tags = [f"manylinux{'' if one == '2014' else '_'}{one}_{platform.machine()}" for one in GLIBC]
    common = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(directory)]
    only = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    only += [f"--platform={tag}" for tag in tags]
    lock = str(ROOT / "requirements/scratchlab.txt")
    for wanted in ([f"ansible-core{core}"], ["--no-deps", "--require-hashes", "-r", lock]):
        subprocess.run([*common, *only, *wanted], check=True, timeout=LIMIT)


def checkout() -> bytes:
    """A tar archive of the files in this repository, as they are now."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.split("\0")  # fmt: skip
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in filter(None, names):
            if (ROOT / name).is_symlink() or (ROOT / name).is_file():
                archive.add(ROOT / name, f"lab/{name}", recursive=False)
    return packed.getvalue()


class Core:
    """One machine with an Ansible and a checkout of its own."""

    def __init__(self, machine: Machine, work: Path) -> None:
        self.machine = machine
        variables = machine.host.ansible.get_variables()
        self.name = str(variables["ansible_host"])  # of the container
        python = machine.output("python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'")
        suite = machine.output("sh -c '. /etc/os-release; echo $VERSION_CODENAME'")
        wheels(work / "wheels", python, "==2.17.*" if suite == "bookworm" else ">=2.17")
        machine.output(f"mkdir -p {HOME}")
        docker("cp", str(work / "wheels"), f"{self.name}:{HOME}/")
        docker("cp", "-", f"{self.name}:{HOME}", stdin=checkout())
        self.run(f"python3 -m venv {HOME}/core && {HOME}/core/bin/pip install --quiet ansible-core")
        version = self.run(f"{HOME}/core/bin/ansible --version")
        self.version = str(re.findall(r"core (\S+)\]", version)[0])

    def run(self, command: str) -> str:
        """What a command prints that succeeds there; no index of packages can be reached."""
        done = subprocess.run(
            ["docker", "exec", "--env", "PIP_NO_INDEX=1", "--env", f"PIP_FIND_LINKS={HOME}/wheels",
             "--env", "LC_ALL=C.UTF-8", self.name, "sh", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def play(self, playbook: str) -> str:
        """Run a playbook of the checkout on the machine itself."""
        said = self.run(f"cd {LAB} && {HOME}/core/bin/ansible-playbook {playbook}")
        assert "Traceback" not in said, said
        assert "[DEPRECATION WARNING]" not in said, said
        return said


@pytest.fixture(scope="module")
def core(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    yield Core(machine, tmp_path_factory.mktemp("core"))
    machine.output(f"rm -rf {HOME} /root/.ansible")


def changed(said: str) -> int:
    return sum(map(int, re.findall(r"changed=(\d+)", said)))


def test_lab_runs_and_is_proved(
    core: Core, record_testsuite_property: Callable[[str, object], None]
) -> None:
    said = core.play("lab.yml")
    assert "15 of 15 checks passed" in said
    report = json.loads(core.run(f"cat {LAB}/reports/localhost/report.json"))
    engine = report["engine"]["version"].partition("+")[0]
    record_testsuite_property("engine", f"docker {engine} by ansible-core {core.version}")
    assert (core.version.startswith("2.17.")) == (core.machine.name == "debian12")


def test_second_run_changes_nothing(core: Core) -> None:
    assert changed(core.play("lab.yml")) == 0


def test_reset_and_destroy(core: Core) -> None:
    core.play("playbooks/reset.yml")
    said = core.play("playbooks/destroy.yml")
    assert "stays:" not in said
    assert changed(core.play("playbooks/destroy.yml")) == 0
