"""The controller's part of scratch_image; its documentation is in the module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

SOURCE = "main.go"  # what a program is built from


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Reads the files of the role, and gives the machine their contents."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the module with contents in place of names."""
        super().run(tmp, task_vars)
        del tmp
        image = {
            "name": {"type": "str", "required": True},
            "context": {"type": "path", "required": True},
            "files": {"type": "dict", "default": {}},
            "program": {"type": "str", "default": ""},
            "shell": {"type": "str", "default": ""},
        }
        _, options = self.validate_argument_spec(
            {
                "images": {"type": "list", "elements": "dict", "options": image, "required": True},
                "epoch": {"type": "int", "default": 0},
                "label": {"type": "str", "default": "io.scratchlab.image"},
                "repository": {"type": "path", "default": ""},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            }
        )
        images = options.pop("images")
        made = images if options["state"] == "present" else []
        result: dict[str, Any] = self._execute_module(
            module_args={
                **options,
                **arguments(made, self._content),
                "images": {image["name"]: image["context"] for image in images},
            },
            task_vars=task_vars,
        )
        return result

    def _content(self, source: str) -> str:
        return Path(self._find_needle("files", source)).read_text(encoding="utf-8")


def arguments(images: Sequence[Mapping[str, Any]], content: Any) -> dict[str, Any]:
    """Return what the module needs of ``images``; ``content`` reads a file of the role.

    The contents of files and the sources of programs are by absolute path; ``shell`` is empty, or
    the one directory for busybox.
    """
    return {
        "files": {
            f"{one['context']}/{name}": content(source) if source else ""
            for one in images
            for name, source in one["files"].items()
        },
        "programs": {
            f"{one['context']}/{SOURCE}": f"{one['context']}/{one['program']}"
            for one in images
            if one["program"]
        },
        "shell": next((f"{one['context']}/{one['shell']}" for one in images if one["shell"]), ""),
    }
