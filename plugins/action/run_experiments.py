"""Runs the experiments on a machine; its documentation is in the module of the same name."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.scratchlab.lab.plugins.action.bring_report import unpacked, write_report

ANSWERED = (0, 1, 3)  # all passed; a check failed; the root filesystem has changed
REPORT = "scratchlab-report "  # begins the last line (scripts/scratchlab/cli/experiments.py)
NO_TERMINAL = b"\n"  # with input, ssh makes no terminal, on which both streams would be one


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs the program as a command and not as a module, and takes the report from its output."""

    _supports_check_mode = False  # ActionBase.run skips it there

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the program; leave the report out of the result, to save Ansible's memory."""
        super().run(tmp, task_vars)
        del tmp
        _, options = self.validate_argument_spec(
            {
                "argv": {"type": "list", "elements": "str", "required": True},
                "dest": {"type": "path", "default": ""},
                "page": {"type": "path", "default": ""},
            }
        )
        command = f"{self._compute_environment_string()} {shlex.join(options['argv'])}"
        done = self._low_level_execute_command(
            command.strip(), in_data=NO_TERMINAL if self._connection.has_pipelining else None
        )
        said, packed = split(done["stdout"])
        # Without `failed`, Ansible would judge by the status.
        result = {"changed": False, "failed": False, "rc": done["rc"], "stdout_lines": said}
        result["brought"] = False
        if done["rc"] not in ANSWERED or not said:
            host = (task_vars or {}).get("inventory_hostname")
            reason = done["stderr"].strip() or f"the program ended with {done['rc']}"
            return result | {"failed": True, "msg": f"{reason} ({host})"}
        if packed and options["dest"]:
            try:
                write_report(options["dest"], options["page"], unpacked(packed))
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                return result | {"failed": True, "msg": f"cannot write {options['dest']}: {why}"}
            result["brought"] = True
        return result


def split(output: str) -> tuple[list[str], str]:
    """Return the lines that the program printed for people, and the packed report or nothing."""
    lines = output.splitlines()
    if lines and lines[-1].startswith(REPORT):
        return lines[:-1], lines[-1].removeprefix(REPORT)
    return lines, ""
