"""Defaults and argument_specs of every role agree, and the READMEs have one shape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(
    path for path in (Path(__file__).parents[3] / "roles").iterdir() if (path / "tasks").is_dir()
)
each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def options(role: Path) -> dict[str, Any]:
    main: dict[str, Any] = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]
    declared: dict[str, Any] = main.get("options", {})
    return declared


def test_roles_are_found() -> None:
    assert {"docker_host", "golang", "sleep_container"} <= {role.name for role in ROLES}


@each_role
def test_optional_variables_have_the_documented_default(role: Path) -> None:
    documented = {
        name: option["default"]
        for name, option in options(role).items()
        if not option.get("required", False)
    }
    assert (load(role / "defaults/main.yml") or {}) == documented


@each_role
def test_variables_begin_with_the_name_of_their_role(role: Path) -> None:
    assert all(name.startswith(f"{role.name}_") for name in options(role))
    internal = load(role / "vars/main.yml") or {}
    assert all(name.startswith(f"__{role.name}_") for name in internal)


@each_role
def test_every_option_is_described_and_typed(role: Path) -> None:
    for name, option in options(role).items():
        assert option["description"], name
        assert option["type"], name


PRIVATE = re.compile(r"\b__(\w+)")
# Anyone may use these alone, in a playbook that knows nothing of ./lab.
REUSABLE = ("docker_host", "golang", "lab_machine", "rootfs_verification", "scratch_images",
            "sleep_container")  # fmt: skip


@each_role
def test_no_role_uses_a_private_variable_of_another(role: Path) -> None:
    others = [f"{other.name}_" for other in ROLES if other != role]
    foreign = {
        f"{path.relative_to(role)}: {name}"
        for path in role.rglob("*.yml")
        for name in PRIVATE.findall(path.read_text())
        if not name.startswith(f"{role.name}_") and name.startswith(tuple(others))
    }
    assert foreign == set()


def test_playbooks_use_no_private_variable_of_a_role() -> None:
    playbooks = list((ROLES[0].parents[1] / "playbooks").glob("*.yml"))
    assert playbooks
    names = {name for path in playbooks for name in PRIVATE.findall(path.read_text())}
    assert not [name for name in names if name.startswith(tuple(f"{r.name}_" for r in ROLES))]


@each_role
def test_readmes_have_one_shape(role: Path) -> None:
    """Its table of variables is made from the specs; tests/unit/test_documents.py compares."""
    text = (role / "README.md").read_text()
    assert re.match(rf"# {role.name}: \S", text)
    headings = re.findall(r"^##+ (.+)", text, re.M)
    assert headings == ["Requirements", "Variables", "Example", "What is undone"]
    (example,) = re.findall(r"^```yaml\n(.+?)^```", text, re.M | re.S)
    (play,) = yaml.safe_load(example)
    (mine,) = [one for one in play["roles"] if one["role"] == f"scratchlab.lab.{role.name}"]
    assert {*mine} - {"role"} <= set(options(role)), "variables that exist"


@pytest.mark.parametrize("name", REUSABLE)
def test_tasks_of_a_reusable_role_do_not_presume_the_command(name: str) -> None:
    """A bundle is the exception: nothing but ./lab makes one."""
    tasks = (ROLES[0].parent / name / "tasks").glob("*.yml")
    lines = (line for path in tasks for line in path.read_text().splitlines())
    said = [line for line in lines if "./lab" in line and not line.lstrip().startswith("#")]
    assert [line for line in said if "./lab bundle" not in line] == []


@each_role
def test_meta_has_platforms_and_tags(role: Path) -> None:
    info = load(role / "meta/main.yml")["galaxy_info"]
    assert info["platforms"]
    assert info["galaxy_tags"]
