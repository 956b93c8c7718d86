"""The controller's part of scratch_image; its documentation is in the module."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

SOURCE = "main.go"  # what a program is built from
PLUGINS = Path(__file__).resolve().parents[1]
# A new version of these may make something else of the same arguments.
MAKERS = (
    "modules/scratch_image.py",
    *(f"module_utils/{name}.py" for name in ("busybox", "context_files", "go_programs")),
)


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Reads the files of the role, and gives the machine their contents, unless it has them."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the module with contents in place of names, unless the facts say it would do nothing.

        An answer from facts removes from them what it is based on: for the next use in one run the
        machine is asked.
        """
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
        starting = options["state"] == "present"
        given = {
            **options,
            **arguments(images if starting else [], self._content),
            "images": {image["name"]: image["context"] for image in images},
        }
        asked = digest(given)
        found = ((task_vars or {}).get("ansible_facts") or {}).get("lab_images") or {}
        if starting and all(found.get(name, {}).get("asked") == asked for name in given["images"]):
            ids = {name: found[name]["id"] for name in given["images"]}
            facts = {"lab_images": {name: {"id": id_} for name, id_ in ids.items()}}
            return {"changed": False, "images": ids, "builder": "", "ansible_facts": facts}
        result: dict[str, Any] = self._execute_module(
            module_args=given | {"asked": asked}, task_vars=task_vars
        )
        return result

    def _content(self, source: str) -> str:
        return Path(self._find_needle("files", source)).read_text(encoding="utf-8")


def digest(given: Mapping[str, Any]) -> str:
    """Return a SHA-256 of what the module is asked for, and of its code.

    Without the repository, which is where files come from and not what they are.
    """
    asked = {key: value for key, value in given.items() if key != "repository"}
    total = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for name in MAKERS:
        total.update((PLUGINS / name).read_bytes())
    return total.hexdigest()


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
