"""``./lab`` and the environment of its user: what reaches Ansible, and what is refused at once.

Runs the real script in a copy whose .venv holds an ansible-playbook that only records how it was
called.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
RECORD = """
import json, os, sys, time
from pathlib import Path
here = Path(__file__).resolve().parents[2]
with open(here / "calls.jsonl", "a") as file:
    file.write(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ)}) + "\\n")
time.sleep(float(os.environ.get("LINGER", 0)))
sys.exit(int(os.environ.get("STATUS", 0)))
"""
# Names that Ansible reads and that nobody sets for Ansible alone.
COMMON = {"EDITOR", "PAGER", "NO_COLOR"}
# A setting of such a type is a list of directories or of files.
PATHS = {"pathspec", "pathlist"}


class Lab:
    """A copy of the checkout with just what ``./lab`` needs to start its Ansible."""

    def __init__(self, here: Path) -> None:
        self.here = here
        shutil.copy(ROOT / "lab", here)
        for name in ("requirements", "inventory"):
            shutil.copytree(ROOT / name, here / name)
        venv = here / ".venv" / "bin"
        venv.mkdir(parents=True)
        (venv / "python").symlink_to(sys.executable)
        (venv / "ansible-playbook").write_text(f"#!{sys.executable}\n{RECORD}")
        (venv / "ansible-playbook").chmod(0o755)
        (here / "scripts").mkdir()
        (here / "scripts" / "show_reports.py").write_text("")
        digest = hashlib.sha256((sys.version + str(here)).encode())
        for lock in ("uv", "lab"):
            digest.update((here / "requirements" / f"{lock}.txt").read_bytes())
        (here / ".venv" / "stamp").write_text(digest.hexdigest() + "\n")

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start ``./lab``; its output and errors are one text."""
        plain = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.here), "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            ["sh", str(self.here / "lab"), *arguments],
            cwd=options.pop("cwd", self.here),
            env=plain | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any
    ) -> tuple[int, str]:
        """Run ``./lab``; returns its exit status and what it printed."""
        process = self.start(*arguments, environment=environment, **options)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def calls(self) -> list[dict[str, Any]]:
        """How ansible-playbook was called, the earliest first."""
        file = self.here / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def passed(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Those of the variables in ``environment`` that reach ansible-playbook."""
        status, output = self.run("check", environment=environment)
        assert self.calls(), (status, output)
        arrived = self.calls()[-1]["environment"]
        return {name: arrived[name] for name in environment if name in arrived}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@cache
def settings() -> dict[str, set[str]]:
    """The types of every setting of the installed Ansible and its plugins, by variable."""
    done = subprocess.run(
        [BIN / "ansible-config", "list", "--type", "all", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
    )
    found: dict[str, set[str]] = {}

    def collect(part: Any) -> None:
        if isinstance(part, dict):
            for variable in part.get("env") or () if isinstance(part.get("env"), list) else ():
                if isinstance(variable, dict):
                    found.setdefault(variable["name"], set()).add(str(part.get("type")))
            for value in part.values():
                collect(value)
        elif isinstance(part, list):
            for value in part:
                collect(value)

    collect(json.loads(done.stdout))
    return found


@pytest.fixture(scope="module")
def passing(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every variable of Ansible's that reaches ansible-playbook."""
    # The script sets this one itself, whatever its user's value.
    everything = dict.fromkeys(set(settings()) - {"ANSIBLE_CONFIG"}, "1")
    return set(Lab(tmp_path_factory.mktemp("lab")).passed(everything))


def test_no_path_of_plugins_roles_or_inventories_passes(passing: set[str]) -> None:
    paths = {name for name, types in settings().items() if types & PATHS}
    assert {"ANSIBLE_INVENTORY", "ANSIBLE_LIBRARY", "ANSIBLE_BECOME_PLUGINS"} <= paths
    assert not paths & passing


def test_no_variable_with_a_directory_of_code_passes(passing: set[str]) -> None:
    """Also a variable that a later Ansible types otherwise."""
    suspicious = ("PLUGIN", "LIBRARY", "ROLES", "COLLECTIONS", "MODULE", "INVENTORY", "CALLBACK")
    assert not [name for name in passing if any(part in name for part in suspicious)]


@pytest.mark.parametrize(
    "name",
    [
        "ANSIBLE_INVENTORY", "ANSIBLE_INVENTORY_ENABLED", "ANSIBLE_TRANSPORT", "ANSIBLE_RUN_TAGS",
        "ANSIBLE_SKIP_TAGS", "ANSIBLE_ROLES_PATH", "ANSIBLE_LIBRARY", "ANSIBLE_COLLECTIONS_PATH",
        "ANSIBLE_STRATEGY", "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_CALLBACKS_ENABLED",
        "ANSIBLE_CALLBACK_RESULT_FORMAT", "ANSIBLE_HOME", "ANSIBLE_REMOTE_TMP",
        "ANSIBLE_PYTHON_INTERPRETER", "ANSIBLE_JINJA2_EXTENSIONS", "ANSIBLE_HASH_BEHAVIOUR",
    ],
)  # fmt: skip
def test_variable_that_redirects_the_lab_is_dropped(name: str, passing: set[str]) -> None:
    assert name in settings()
    assert name not in passing


@pytest.mark.parametrize(
    "name",
    [
        "ANSIBLE_SSH_ARGS", "ANSIBLE_SSH_COMMON_ARGS", "ANSIBLE_HOST_KEY_CHECKING",
        "ANSIBLE_PRIVATE_KEY_FILE", "ANSIBLE_REMOTE_USER", "ANSIBLE_REMOTE_PORT",
        "ANSIBLE_BECOME_METHOD", "ANSIBLE_BECOME_PASSWORD_FILE", "ANSIBLE_SUDO_FLAGS",
        "ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_ASK_PASS", "ANSIBLE_FORKS", "ANSIBLE_TIMEOUT",
    ],
)  # fmt: skip
def test_variable_of_connection_become_and_vault_passes(name: str, passing: set[str]) -> None:
    assert name in settings()
    assert name in passing


def test_every_variable_of_ansible_is_one_that_the_script_knows_to_be_ansibles(
    passing: set[str],
) -> None:
    """A setting that is read from a variable without the prefix would pass unseen."""
    core = {name for name in settings() if not name.startswith(("ANSIBLE_", "_ANSIBLE_"))}
    assert {name for name in core & passing if settings()[name] & PATHS} == set()
    assert core >= COMMON


@pytest.mark.parametrize("owner", ["DOCKER_", "BUILDX_", "BUILDKIT_", "CONTAINER_", "DPKG_"])
def test_variable_that_chooses_another_engine_or_database_is_dropped(lab: Lab, owner: str) -> None:
    kept = {"DOCKER_CERT_PATH": "/certs"}
    assert lab.passed(kept | {f"{owner}HOST": "/x", "APT_CONFIG": "/x"}) == kept


def test_configuration_is_the_labs_own(lab: Lab) -> None:
    assert lab.passed({"ANSIBLE_CONFIG": "/etc/other.cfg"}) == {
        "ANSIBLE_CONFIG": str(lab.here / "ansible.cfg")
    }


def test_dropped_variables_are_named_in_one_line(lab: Lab) -> None:
    _, output = lab.run(
        "check",
        environment={
            "ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_INVENTORY": "/root/hosts",
            "PYTHONPATH": "/opt", "PIP_TARGET": "/x", "ANSIBLE_SSH_ARGS": "-4",
        },
    )  # fmt: skip
    (line,) = [line for line in output.splitlines() if line.startswith("lab: ignored")]
    assert "ANSIBLE_INVENTORY, ANSIBLE_STRATEGY, PIP_TARGET, PYTHONPATH (" in line


def test_nothing_is_said_about_an_environment_that_passes(lab: Lab) -> None:
    _, output = lab.run("check", environment={"ANSIBLE_SSH_ARGS": "-4", "PIP_NO_CACHE_DIR": "1"})
    assert "ignored" not in output


def test_value_that_looks_like_a_variable_is_not_named(lab: Lab) -> None:
    _, output = lab.run("check", environment={"NOTE": "a\nANSIBLE_INVENTORY=/root/hosts"})
    assert "ignored" not in output


def test_other_code_of_python_is_dropped(lab: Lab) -> None:
    names = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONSAFEPATH")
    assert lab.passed(dict.fromkeys(names, "/nonexistent")) == {}


def test_place_of_packages_is_dropped_and_their_source_passes(lab: Lab) -> None:
    source = {"PIP_INDEX_URL": "https://example.org", "PIP_CERT": "/a", "UV_INDEX_URL": "x"}
    place = {"PIP_USER": "1", "PIP_TARGET": "/x", "PIP_PREFIX": "/x", "UV_SYSTEM_PYTHON": "1"}
    network = {"HTTPS_PROXY": "http://127.0.0.1:9", "no_proxy": "localhost"}
    assert lab.passed(source | place | network) == source | network


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "xx_XX.UTF-8", "LC_ALL": ""},
        {"LC_ALL": "xx_XX.UTF-8"},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX"},
        {"LANG": "C.UTF-8", "LC_CTYPE": "xx_XX.UTF-8", "LC_ALL": ""},
    ],
    ids=str,
)
def test_locale_that_ansible_refuses_is_replaced(lab: Lab, environment: dict[str, str]) -> None:
    lab.run("check", environment=environment)
    arrived = lab.calls()[-1]["environment"]
    done = subprocess.run(
        [BIN / "ansible-playbook", "--version"],
        env={**arrived, "PATH": os.environ["PATH"], "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_locale_that_works_stays(lab: Lab) -> None:
    arrived = lab.passed({"LC_ALL": "C.UTF-8", "LANG": "C"})
    assert arrived == {"LC_ALL": "C.UTF-8", "LANG": "C"}


@pytest.mark.parametrize("option", [("-i",), ("--inventory",), ("-i{}",), ("--inventory={}",)])
def test_inventory_that_does_not_exist_is_refused_with_the_command(
    lab: Lab, option: tuple[str, ...]
) -> None:
    name = "inventory/classroom.yml"
    words = [option[0].format(name)] if "{}" in option[0] else [option[0], name]
    status, output = lab.run("check", *words)
    assert (status, lab.calls()) == (2, [])
    (line,) = output.splitlines()
    assert line.startswith(f"lab: there is no inventory {name}")
    assert "classroom.example.yml" in line


@pytest.mark.parametrize("inventory", ["desk01,", "inventory/classroom.example.yml"])
def test_inventory_of_names_or_of_a_file_is_taken(lab: Lab, inventory: str) -> None:
    lab.run("check", "-i", inventory)
    assert inventory in lab.calls()[-1]["arguments"]


def test_machine_without_a_new_python_ends_in_one_line(lab: Lab, tmp_path: Path) -> None:
    """As on Debian 11, where the script went on after the function had ended."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "sed", "sort", "id", "dirname", "readlink", "mkdir", "flock"):
        program = shutil.which(name)
        assert program
        (programs / name).symlink_to(program)
    old = programs / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    script = (lab.here / "lab").read_text().replace("/usr/bin/python3", "/nonexistent/python3")
    (lab.here / "lab").write_text(script)
    for words in (["check"], ["--offline", "/nonexistent"], ["test"], ["bundle"]):
        status, output = lab.run(*words, environment={"PATH": str(programs)})
        assert status == 2
        assert output.splitlines() == [
            "lab: needs Python 3.11 or newer; on Debian 12 or Ubuntu 24.04 and later: "
            "apt-get install python3 python3-venv"
        ]


def test_a_run_in_a_locale_that_works_asks_python_once(lab: Lab, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python3"
    python.write_text(f'#!/bin/sh\necho >>"{tmp_path}/starts"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    lab.run("check", environment={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert len(lab.calls()) == 1
    assert (tmp_path / "starts").read_text() == "\n"


def test_checkout_without_its_locks_is_refused(lab: Lab) -> None:
    (lab.here / "requirements" / "lab.txt").unlink()
    status, output = lab.run("check")
    assert (status, lab.calls()) == (2, [])
    assert output == "lab: cannot read requirements/; is this checkout complete?\n"


def test_die_in_a_command_substitution_ends_the_script(lab: Lab) -> None:
    script = (
        (lab.here / "lab").read_text().replace("find_python() {", "find_python() {\n: $(die x)\n")
    )
    (lab.here / "lab").write_text(script)
    status, output = lab.run("check")
    assert (status, output, lab.calls()) == (2, "lab: x\n", [])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to run as another user")
@pytest.mark.parametrize("owned", ["", ".cache", ".cache/started", "reports/run.json", ".venv"])
def test_checkout_of_root_is_named_with_the_command(owned: str) -> None:
    nobody = pwd.getpwnam("nobody")
    here = Path(f"/tmp/lab-of-root-{os.getpid()}")  # pytest's own directories are not for others
    here.mkdir()
    try:
        lab = Lab(here)
        for path in (".cache/started", "reports/run.json", "build/scratchlab"):
            (here / path).parent.mkdir(exist_ok=True)
            (here / path).write_text("")
        if owned:
            for file in (here, *here.rglob("*")):
                if file != here / owned:
                    os.chown(file, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        status, output = lab.run(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        assert (status, lab.calls()) == (2, [])
        (line,) = output.splitlines()
        assert line.startswith("lab: nobody cannot write ")
        assert line.endswith(f"run as root: chown -R nobody {here}")
    finally:
        shutil.rmtree(here)


@pytest.fixture
def first(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """A run that takes three seconds and has just started its Ansible."""
    process = lab.start("check", environment={"LINGER": "3"})
    end = time.monotonic() + 30
    while not lab.calls() and time.monotonic() < end:
        time.sleep(0.05)
    yield process
    process.communicate()


def test_second_run_says_that_it_waits(lab: Lab, first: subprocess.Popen[str]) -> None:
    _, output = lab.run("check")
    assert output.startswith(f"lab: another ./lab runs in {lab.here}; waiting until it ends")
    assert first.poll() is not None, "the second did not wait"


def test_process_that_ansible_leaves_does_not_hold_the_lock(lab: Lab) -> None:
    """As ssh does for a minute (ControlPersist)."""
    program = lab.here / ".venv" / "bin" / "ansible-playbook"
    program.write_text(
        f"import subprocess\nsubprocess.Popen(['sleep', '20'], close_fds=False)\n{RECORD}"
    )
    lab.start("check").wait(timeout=60)
    start = time.monotonic()
    lab.start("check").wait(timeout=60)
    assert time.monotonic() - start < 10
