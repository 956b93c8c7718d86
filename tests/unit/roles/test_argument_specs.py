"""Defaults, argument_specs and README of every role agree."""

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
def test_the_readme_explains_every_variable(role: Path) -> None:
    text = (role / "README.md").read_text()
    assert set(re.findall(rf"^\| `({role.name}_\w+)`", text, re.M)) == set(options(role))


@each_role
def test_every_option_is_described_and_typed(role: Path) -> None:
    for name, option in options(role).items():
        assert option["description"], name
        assert option["type"], name
