"""Checks the variables of the lab's roles; its documentation is in the module of the same name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.action import ActionBase

ROLES = Path(__file__).resolve().parents[2] / "roles"
# As safe as yaml.SafeLoader and ten times as fast, where libyaml is there.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BOOLEANS = re.compile(r"(?i)(true|false|yes|no|on|off|y|n|t|f|1|0)$")
# Variables of the playbooks, which belong to no role.
SHARED: dict[str, dict[str, Any]] = {
    "lab_engine_url": {"type": "str"},
    "lab_engine_host_view": {"type": "bool"},
    "lab_destroy_data": {"type": "bool"},
    "lab_patience": {"type": "int"},
    "lab_roster": {"type": "path"},
    "lab_keep_results": {"type": "bool"},
}
# How each type is called, and an example of how to set it.
TYPES = {
    "list": ("a list", ["VALUE"]),
    "dict": ("a dictionary", {"KEY": "VALUE"}),
    "int": ("a whole number", 1),
    "bool": ("true or false", True),
    "str": ("a text", "VALUE"),
    "path": ("a path", "/PATH"),
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs on the controller alone."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Fail with everything that is wrong."""
        super().run(tmp, task_vars)
        del tmp
        self.validate_argument_spec({})
        variables = task_vars or {}
        wrong = []
        for name, option in (SHARED | options(ROLES)).items():
            if name in variables:
                try:
                    value = self._templar.template(variables[name])
                except Exception as error:  # whatever a filter or a lookup of the user raises
                    wrong.append(f"{name} cannot be evaluated: {error}")
                    continue
                wrong += problems(name, option, value)
        if wrong:
            return {"failed": True, "msg": "; ".join(wrong)}
        return {"changed": False}


def options(roles: Path) -> dict[str, dict[str, Any]]:
    """Return the variables of all roles with what argument_specs.yml says of each."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        document = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - either is safe
        found |= document["argument_specs"]["main"].get("options", {})
    return found


def problems(name: str, option: Mapping[str, Any], value: object) -> list[str]:
    """Return what is wrong with the value of a variable.

    Stricter than Ansible, which takes a text for a list and then joins it to other lists.
    """
    kind = option["type"]
    if not fits(kind, value):
        words, example = TYPES[kind]
        if kind == "str" and isinstance(value, int | float):
            example = str(value)
        if kind == "list" and isinstance(value, str):
            example = value.split(",")
        shown = json.dumps({name: example})
        return [f"{name} is {described(value)}, and must be {words}: -e '{shown}'"]
    for item in value if isinstance(value, list) else [value]:
        if option.get("choices") and item not in option["choices"]:
            return [f"{name} is {item!r}, and must be one of {', '.join(option['choices'])}"]
    if kind == "list" and isinstance(value, Sequence):
        element = option.get("elements", "str")
        return [
            f"{name} has {described(item)} in it, and each must be {TYPES[element][0]}"
            for item in value
            if not fits(element, item)
        ]
    return []


def fits(kind: str, value: object) -> bool:
    """Return whether a value is of a type of Ansible's, or a text that can only mean one of it."""
    match kind:
        case "list":
            return isinstance(value, Sequence) and not isinstance(value, str | bytes)
        case "dict":
            return isinstance(value, Mapping)
        case "bool":
            return isinstance(value, bool) or BOOLEANS.match(str(value)) is not None
        case "int":
            number = isinstance(value, int) and not isinstance(value, bool)
            return number or (isinstance(value, str) and value.strip().lstrip("-").isdigit())
        case _:
            # 1.20 without quotes is the number 1.2, and not that version.
            return isinstance(value, str)


def described(value: object) -> str:
    """Return how a person calls the type of a value, with the value."""
    if value is None:
        return "empty"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    words = kinds.get(type(value))
    if words is None:
        words = next(
            (kinds[kind] for kind in kinds if isinstance(value, kind)),
            "a dictionary" if isinstance(value, Mapping) else "a list",
        )
    return f"{words} ({value})"
