"""The archive of the collection serves a playbook that is not the lab's, without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.e2e.lab_command import ROOT
from tests.machines.scenario import PROGRAM, Machine

SITE = Path(__file__).parents[1] / "foreign" / "site.yml"
# The program reaches machines through `docker exec`, which is no network.
WITHOUT_NETWORK = ["unshare", "--net"]


def run(command: list[str | Path], directory: Path, **variables: str) -> str:
    """Output and errors of a command that succeeds, in the environment of a new user."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class Elsewhere:
    """A directory of someone who has Ansible, an inventory, a playbook and the collection."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bin = directory / "environment" / "bin"
        run([sys.executable, "-m", "venv", "environment"], directory)
        core = f"ansible-core=={version('ansible-core')}"
        pip = {key: value for key, value in os.environ.items() if "PIP" in key or "PROXY" in key}
        run([self.bin / "python", "-m", "pip", "install", "--quiet", core], directory, **pip)
        made = run([sys.executable, ROOT / "scripts/collection.py", "--output", directory], ROOT)
        self.archive = Path(made.strip().splitlines()[-1])
        shutil.copy(SITE, directory / "site.yml")

    def ansible(self, program: str, *arguments: str | Path) -> str:
        """Run a program of Ansible's there, without a network; returns what it printed."""
        return run(
            [*WITHOUT_NETWORK, self.bin / program, *arguments],
            self.directory,
            ANSIBLE_COLLECTIONS_PATH=str(self.directory / "collections"),
            ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
            ANSIBLE_REMOTE_TMP="/tmp/elsewhere",
            PYTHONDONTWRITEBYTECODE="1",
        )

    def play(self, machine: Machine, playbook: str, *arguments: str) -> str:
        """Run a playbook on the machine."""
        inventory = f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/inventory"
        # What is only for the lab's own tests does not hold in a playbook of someone else's.
        default = "rootfs_verification_reports={{ playbook_dir }}/reports"
        return self.ansible(
            "ansible-playbook", "-i", inventory, "-l", machine.name, "-e", default, playbook,
            *arguments,
        )  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return Elsewhere(tmp_path_factory.mktemp("elsewhere"))


def changed(said: str) -> int:
    """How many tasks changed something, by Ansible's recap."""
    return sum(map(int, re.findall(r"changed=(\d+)", said)))


def test_archive_installs_and_knows_its_roles(elsewhere: Elsewhere) -> None:
    elsewhere.ansible(
        "ansible-galaxy", "collection", "install", "--offline", elsewhere.archive, "-p",
        "collections",
    )  # fmt: skip
    said = elsewhere.ansible("ansible-doc", "--type", "role", "--list", "scratchlab.lab")
    for role in ("docker_host", "golang", "scratch_images", "rootfs_verification"):
        assert f"scratchlab.lab.{role}" in said


def test_foreign_playbook_gets_a_proved_container(
    elsewhere: Elsewhere,
    machine: Machine,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    said = elsewhere.play(machine, "site.yml")
    assert "15 of 15 checks passed" in said
    assert (elsewhere.directory / "reports" / machine.name / "index.html").is_file()
    assert "student" in machine.output("getent group docker")
    assert machine.host.file(PROGRAM).is_file
    engine = machine.output("docker version --format '{{.Server.Version}}'")
    record_testsuite_property("engine", f"docker {engine}")


def test_second_run_changes_nothing(elsewhere: Elsewhere, machine: Machine) -> None:
    assert changed(elsewhere.play(machine, "site.yml")) == 0


def test_collection_is_as_it_was_installed(elsewhere: Elsewhere) -> None:
    place = elsewhere.directory / "collections/ansible_collections/scratchlab/lab"
    assert not (place / "build").exists()
    assert not list(place.glob("reports"))
    elsewhere.ansible(
        "ansible-galaxy", "collection", "verify", "--offline", "scratchlab.lab", "-p", "collections"
    )


def test_playbook_of_the_collection_undoes_it(elsewhere: Elsewhere, machine: Machine) -> None:
    said = elsewhere.play(machine, "scratchlab.lab.destroy")
    assert "stays:" not in said
    assert changed(said) > 0
    assert not machine.host.file(PROGRAM).exists
