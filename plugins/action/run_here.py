"""Runs a program on the controller; its documentation is in the module of the same name."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs on the controller alone."""

    _requires_connection = False
    _supports_check_mode = False  # ActionBase.run skips it there

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the program and wait for it."""
        super().run(tmp, task_vars)
        del tmp
        _, options = self.validate_argument_spec(
            {
                "argv": {"type": "list", "elements": "str", "required": True},
                "stdin": {"type": "str", "default": ""},
                "variables": {"type": "dict", "default": {}},
            }
        )
        try:
            done = subprocess.run(
                options["argv"],
                input=options["stdin"],
                env={**os.environ, **options["variables"]},
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            return {"failed": True, "msg": f"{options['argv'][0]} cannot run: {error.strerror}"}
        failed = done.returncode != 0
        return {
            "changed": False,
            "failed": failed,
            "msg": done.stderr.strip() if failed else "",
            "rc": done.returncode,
            "stdout": done.stdout.strip(),
            "stderr": done.stderr.strip(),
        }
