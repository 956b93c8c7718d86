"""The first plays stop a run that has no machine, or whose options mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.scratchlab.lab.plugins.module_utils import patience
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = ROOT / "playbooks" / "controller.yml"


def play(home: Path, *arguments: str) -> tuple[int, str]:
    """Run the plays from another directory; returns the exit status and what was printed."""
    environment = ansible_environment.environment(home)
    environment.pop("ANSIBLE_CONFIG", None)
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), PLAYBOOK, *arguments],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [(), ("-i", "/nonexistent")], ids=str)
def test_run_without_machines_fails_and_says_how_to_name_them(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, output = play(tmp_path, *arguments)
    assert status == 2
    assert f"For this machine, add: -i {ROOT}/inventory/localhost.yml" in output


def test_machines_and_their_number_are_as_before(tmp_path: Path) -> None:
    # Molecule skips tags of its own.
    status, output = play(tmp_path, "-i", "desk01,desk02,", "--skip-tags", "molecule-notest")
    assert status == 0, output
    recap = output.partition("PLAY RECAP")[2]
    assert "desk01" in recap
    assert "localhost" not in recap


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--tags=e07", "no stage or experiment is called e07; did you mean --tags E07"),
        ("--tags=E01,E99", "no stage or experiment is called E99. Experiments: E01 to E15"),
    ],
)
def test_tag_that_means_nothing_is_refused(tmp_path: Path, option: str, words: str) -> None:
    status, output = play(tmp_path, "-i", "desk01,", option)
    assert status == 2
    assert words in output


def test_every_tag_of_the_lab_is_known() -> None:
    _, controller = yaml.safe_load(PLAYBOOK.read_text())
    known = {
        *controller["vars"]["controller_stages"],
        *controller["vars"]["controller_experiments"],
    }
    used = {tag for part in yaml.safe_load((ROOT / "lab.yml").read_text()) for tag in part["tags"]}
    assert used - {"always"} == known


@pytest.mark.parametrize("path", sorted(PLAYBOOK.parent.glob("*.yml")), ids=lambda path: path.stem)
def test_every_play_that_works_on_machines_waits_as_long_as_the_user_wants(path: Path) -> None:
    for play in yaml.safe_load(path.read_text()):
        if "roles" in play or "import_role" in json.dumps(play):
            variable = play["environment"][patience.VARIABLE]
            assert variable == "{{ lab_patience | default(1) }}", play["name"]


WRONG: dict[str, tuple[object, str]] = {
    "docker_host_users": ("alice,ben", "is a text (alice,ben), and must be a list"),
    "docker_host_packages_also": ({"a": 1}, "is a dictionary ({'a': 1}), and must be a list"),
    "docker_host_packages": ([{"a": 1}], "has a dictionary ({'a': 1}) in it"),
    "docker_host_daemon_options": ("debug", "is a text (debug), and must be a dictionary"),
    "lab_check_disk_mib": ("much", "is a text (much), and must be a whole number"),
    "lab_machine_record": ("maybe", "is a text (maybe), and must be true or false"),
    "golang_minimum_version": (1.2, "is a number (1.2), and must be a text"),
    "golang_method": ("rpm", "is 'rpm', and must be one of distribution, tarball"),
    "sleep_container_name": (None, "is empty, and must be a text"),
    "sleep_container_image": ("{{ nowhere }}", "cannot be evaluated"),
    "lab_patience": ("long", "is a text (long), and must be a whole number"),
    "lab_destroy_data": ("perhaps", "is a text (perhaps), and must be true or false"),
}
RIGHT: dict[str, object] = {
    "docker_host_users": ["alice"],
    "docker_host_daemon_options": {"debug": True},
    "lab_check_disk_mib": "4096",
    "lab_machine_record": "no",
    "docker_host_packages": "{{ ['docker.io'] + ['iptables'] }}",
    "golang_method": "tarball",
    "lab_patience": "4",
}


def test_variables_of_wrong_types_are_named_before_anything_is_done(tmp_path: Path) -> None:
    values = {name: value for name, (value, _) in WRONG.items()}
    status, output = play(tmp_path, "-i", "desk01,", "-e", json.dumps(values))
    assert status == 2
    for name, (_, words) in WRONG.items():
        assert f"{name} {words}" in output, output
    assert 'docker_host_users\\": [\\"alice\\", \\"ben\\"]' in output


def test_variables_of_the_right_types_pass(tmp_path: Path) -> None:
    status, output = play(tmp_path, "-i", "desk01,", "-e", json.dumps(RIGHT))
    assert status == 0, output


def test_lines_are_printed_as_they_are(tmp_path: Path) -> None:
    lines = ['E01  pass  it\'s: "quoted"', "  " + "wide " * 60, "", "15 of 15 checks passed"]
    task = {"name": "Show", "scratchlab.lab.show_lines": {"lines": lines}}
    book = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
    (tmp_path / "show.yml").write_text(json.dumps(book))
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "desk01,", "show.yml"],
        cwd=tmp_path,
        env=ansible_environment.environment(tmp_path) | ansible_environment.PLUGINS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "\n".join(lines) in done.stdout, done.stdout + done.stderr


STAGES = ("provision", "build", "run", "verify", "report")


@pytest.mark.parametrize("name", STAGES)
def test_a_machine_whose_engine_is_elsewhere_is_left_out_with_any_tags(name: str) -> None:
    """Roles have tasks that run whatever the tags are, so the play has to end before them."""
    (play,) = yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text())
    first = play["tasks"][0]
    assert first["ansible.builtin.meta"] == "end_host"
    assert first["when"] == "lab_engine_url is defined"
    assert first["tags"] == ["always"]
