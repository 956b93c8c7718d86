"""Prints lines as they are; its documentation is in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs on the controller alone."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Print all lines in one piece, so that the lines of two machines do not mix."""
        super().run(tmp, task_vars)
        del tmp
        _, options = self.validate_argument_spec(
            {"lines": {"type": "list", "elements": "str", "required": True}}
        )
        self._display.display("\n".join(options["lines"]))
        return {"changed": False}
