"""Ansible action: the controller's part of bring_report (its documentation is the module's)."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import zlib
from typing import Any

from ansible.plugins.action import ActionBase

LIMIT = 64 << 20  # bytes; a report of 100,000 entries has 30 million


class ActionModule(ActionBase):  # type: ignore[misc]
    """Takes what the module read, and puts it where it belongs."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Bring one report; the result has no content, which nobody should keep in memory."""
        super().run(tmp, task_vars)
        del tmp
        _, wish = self.validate_argument_spec(
            {
                "src": {"type": "path", "required": True},
                "dest": {"type": "path", "required": True},
                "page": {"type": "path", "required": True},
                "limit": {"type": "int", "default": LIMIT},
            }
        )
        result: dict[str, Any] = self._execute_module(
            module_args={"src": wish["src"], "limit": wish["limit"]}, task_vars=task_vars
        )
        packed = result.pop("packed", None)
        if packed is None:  # failed, and says why
            host = (task_vars or {}).get("inventory_hostname")
            said = result.get("msg") or result.get("module_stderr")
            return result | {
                "failed": True,
                "msg": f"no report: {wish['src']} on {host}: {said}; run ./lab -l {host}",
            }
        # The machine decides what it sends: no more than the limit is unpacked, whatever it says.
        content = zlib.decompressobj().decompress(base64.b64decode(packed), wish["limit"])
        try:
            put(wish["dest"], wish["page"], content)
        except OSError as error:
            return {"failed": True, "msg": f"cannot write {wish['dest']}: {error.strerror}"}
        checksum = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return result | {"changed": False, "dest": wish["dest"], "checksum": checksum}


def put(path: str, page: str, content: bytes) -> None:
    """Remove ``page``, and make ``content`` the file ``path``, whole or not at all."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    if os.path.lexists(page):
        os.unlink(page)
    descriptor, aside = tempfile.mkstemp(prefix=".aside-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(content)
        os.rename(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
