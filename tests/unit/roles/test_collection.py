"""This repository is the collection scratchlab.lab, by a link to itself that no tool follows."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
LINKS = {
    "collections/ansible_collections/scratchlab/lab": "../../..",
    "playbooks/collections": "../collections",
    # Ansible loads what lies there beside a playbook, whatever ANSIBLE_CALLBACKS_ENABLED says.
    "callback_plugins": "plugins/callback",
    "playbooks/callback_plugins": "../plugins/callback",
}
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def plain_environment(home: Path) -> dict[str, str]:
    """The environment of a user who has set nothing for Ansible."""
    mine = ansible_environment.environment(home)
    return {name: value for name, value in mine.items() if name != "ANSIBLE_CONFIG"}


@pytest.mark.parametrize(("link", "target"), LINKS.items(), ids=LINKS)
def test_link_points_to_this_repository(link: str, target: str) -> None:
    assert os.readlink(ROOT / link) == target
    assert (ROOT / link).exists()


def test_what_runs_leave_in_a_checkout_is_left_out_of_the_archive() -> None:
    kept = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line]
    left_out = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    tops = {path.partition("/")[0] for path in kept if "*" not in path and "__" not in path}
    assert {"build", "inventory", "reports", "results"} <= tops
    assert {top for top in tops if not top.startswith(".")} <= set(left_out)


@pytest.mark.parametrize("playbook", ["lab.yml", "playbooks/destroy.yml"])
def test_playbook_resolves_from_another_directory(tmp_path: Path, playbook: str) -> None:
    inventory = ROOT / "inventory/localhost.yml"
    done = run(
        BIN / "ansible-playbook", "--syntax-check", "-i", inventory, ROOT / playbook,
        cwd=tmp_path, env=plain_environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of collections in which the built collection is installed."""
    place = tmp_path_factory.mktemp("galaxy")
    env = plain_environment(place)
    galaxy = str(BIN / "ansible-galaxy")
    build = run(galaxy, "collection", "build", ROOT, "--output-path", place, cwd=place, env=env)
    assert build.returncode == 0, build.stdout + build.stderr
    (archive,) = place.glob("*.tar.gz")
    install = run(
        galaxy, "collection", "install", "--offline", archive, "-p", place / "collections",
        cwd=place, env=env,
    )  # fmt: skip
    assert install.returncode == 0, install.stdout + install.stderr
    return place / "collections"


def test_archive_holds_the_collection_and_nothing_else(installed: Path) -> None:
    (path,) = installed.parent.glob("scratchlab-lab-*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    top = {member.name.partition("/")[0] for member in members}
    assert top == {
        "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "docs", "meta",
        "playbooks", "plugins", "requirements", "roles", "scripts",
    }  # fmt: skip
    assert not [member.name for member in members if member.issym() or member.islnk()]
    assert not [member.name for member in members if "__pycache__" in member.name]


def test_every_module_of_the_installed_collection_is_documented(
    installed: Path, tmp_path: Path
) -> None:
    done = run(
        BIN / "ansible-doc", "--json", "-t", "module",
        *(f"scratchlab.lab.{name}" for name in MODULES),
        cwd=tmp_path,
        env=plain_environment(tmp_path) | {"ANSIBLE_COLLECTIONS_PATH": str(installed)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    documents = json.loads(done.stdout)
    assert sorted(documents) == [f"scratchlab.lab.{name}" for name in MODULES]
    for name, document in documents.items():
        assert document["doc"]["short_description"], name
        assert document["doc"]["description"], name
        assert name in document["examples"], name


@pytest.mark.parametrize("name", MODULES)
def test_module_is_imported_from_the_collection(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.scratchlab.lab.plugins.modules.{name}")
    assert callable(module.main)
    for text in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
        assert isinstance(getattr(module, text), str)


def test_lab_packages_runs_as_a_script_without_ansible(tmp_path: Path) -> None:
    script = ROOT / "plugins/module_utils/lab_packages.py"
    done = run(sys.executable, "-I", "-S", script, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "{install,remove}" in done.stdout


@pytest.mark.parametrize(
    "command", [("ruff", "check", "--show-files", "."), ("yamllint", "--list-files", ".")], ids=str
)
def test_linter_does_not_follow_the_links(command: tuple[str, ...]) -> None:
    done = run(BIN / command[0], *command[1:], cwd=ROOT)
    files = {os.path.relpath(line, ROOT) for line in done.stdout.splitlines()}
    assert len(files) > 20, done.stderr
    assert not [file for file in files if "collections" in Path(file).parts]


def test_ansible_lint_excludes_the_links() -> None:
    excluded = yaml.safe_load((ROOT / ".ansible-lint").read_text())["exclude_paths"]
    assert {f"{link.partition('/ansible')[0]}/" for link in LINKS} <= set(excluded)


def test_mypy_excludes_the_links() -> None:
    excluded = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["exclude"]
    for link in LINKS:
        assert any(re.search(pattern, f"{link}/roles/x.py") for pattern in excluded)


def test_pytest_does_not_collect_below_the_links(pytestconfig: pytest.Config) -> None:
    assert "collections" in pytestconfig.getini("norecursedirs")


@cache
def all_calls() -> list[tuple[Path, ast.Call]]:
    """Every call of a function or method in tests, scripts and scenarios."""
    return [
        (path, node)
        for directory in ("molecule", "scripts", "tests")
        for path in (ROOT / directory).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of a function or method with this name."""
    for path, call in all_calls():
        function = call.func
        if getattr(function, "attr", getattr(function, "id", "")) == name:
            yield path, call


def constant(call: ast.Call, keyword: str) -> object:
    """The value of a keyword argument that is written as a constant."""
    values = (item.value for item in call.keywords if item.arg == keyword)
    return next((item.value for item in values if isinstance(item, ast.Constant)), None)


def test_copies_of_this_repository_keep_links() -> None:
    copies = [
        (path, call) for path, call in calls("copytree") if ast.unparse(call.args[0])[-4:] == "ROOT"
    ]
    assert copies
    assert not [path for path, call in copies if constant(call, "symlinks") is not True]


@pytest.mark.parametrize("keyword", ["followlinks", "follow_symlinks", "recurse_symlinks"])
@pytest.mark.parametrize("walk", ["walk", "rglob", "glob"])
def test_no_walk_follows_links(walk: str, keyword: str) -> None:
    assert not [path for path, call in calls(walk) if constant(call, keyword) is True]


def test_what_else_the_machine_has_for_ansible_is_not_loaded(tmp_path: Path) -> None:
    mine = ansible_environment.environment(tmp_path) | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = run(BIN / "ansible-config", "dump", cwd=tmp_path, env=mine)
    assert "STRATEGY_PLUGIN_PATH" in done.stdout, done.stderr
    outside = re.findall(r"^(\w+)\(.*'(?:/usr/share|/etc)/ansible\b.*$", done.stdout, re.M)
    assert not outside
