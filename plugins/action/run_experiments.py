"""Runs the experiments on a machine; its documentation is in the module of the same name."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.scratchlab.lab.plugins.action.bring_report import take

ANSWERED = (0, 1, 3)  # all passed; a check failed; the root filesystem has changed
# What begins the two lines around what is for people (scripts/scratchlab/cli/experiments.py). A
# shell may print more before and after.
BEGIN, REPORT = "scratchlab-begin", "scratchlab-report "
# With input, ssh makes no terminal, on which both streams would be one.
NO_TERMINAL = b"\n"


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
        # Where modules are not piped either, sudo may want a terminal.
        piped = self._is_pipelining_enabled("new")
        done = self._low_level_execute_command(
            command.strip(), in_data=NO_TERMINAL if piped else None
        )
        said, packed = split(done["stdout"])
        # Without `failed`, Ansible would judge by the status.
        result = {"changed": False, "failed": False, "rc": done["rc"], "stdout_lines": said}
        if done["rc"] not in ANSWERED or not packed:
            host = (task_vars or {}).get("inventory_hostname")
            words = [*done["stdout"].splitlines(), *done["stderr"].splitlines()]
            last = next((word.strip() for word in reversed(words) if word.strip()), "")
            reason = done["stderr"].strip() or last or f"the program ended with {done['rc']}"
            return result | {"failed": True, "msg": f"{reason} ({host})"}
        return result | (take(packed, options["dest"], options["page"]) if options["dest"] else {})


def split(output: str) -> tuple[list[str], str]:
    """Return the lines that the program printed for people, and the packed report.

    The report is empty where the program did not come to its end.
    """
    lines = output.splitlines()
    end = next(
        (number for number in reversed(range(len(lines))) if lines[number].startswith(REPORT)), 0
    )
    begin = next((number for number, line in enumerate(lines[:end]) if line == BEGIN), None)
    if begin is None:
        return [], ""
    return lines[begin + 1 : end], lines[end].removeprefix(REPORT).strip()
