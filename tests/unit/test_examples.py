"""The example playbook: its roles exist, and take the variables that it sets.

The other examples: test_documents.py here, and integration/test_policy_services.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # type: ignore[import-untyped]
from tests.role_documents import options

PLAYBOOK = Path(__file__).parents[2] / "examples/playbooks/site.yml"


def problems(role: dict[str, Any]) -> list[str]:
    """What Ansible says of the variables that a playbook gives a role."""
    name = role["role"].removeprefix("scratchlab.lab.")
    variables = {key: value for key, value in role.items() if key != "role"}
    messages: list[str] = (
        ArgumentSpecValidator(dict(options(name))).validate(variables).error_messages
    )
    return messages


def test_the_playbook_uses_two_roles_as_they_are_meant() -> None:
    (play,) = yaml.safe_load(PLAYBOOK.read_text("utf-8"))
    assert len(play["roles"]) == 2
    for role in play["roles"]:
        assert problems(role) == []


def test_a_variable_that_a_role_does_not_take_is_found() -> None:
    role = {"role": "scratchlab.lab.golang", "golang_methud": "tarball"}
    assert problems(role)
    assert problems({"role": "scratchlab.lab.golang", "golang_method": "source"})
