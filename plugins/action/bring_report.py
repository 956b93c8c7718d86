"""The controller's part of bring_report; its documentation is in the module."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import zlib
from typing import Any

from ansible.plugins.action import ActionBase

LIMIT = 64 << 20  # bytes; a report of 100,000 entries has 30 million


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs the module on the machine, and writes the report that it returns."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Fetch a report; leave its content out of the result, to save Ansible's memory."""
        super().run(tmp, task_vars)
        del tmp
        _, options = self.validate_argument_spec(
            {
                "src": {"type": "path", "required": True},
                "dest": {"type": "path", "required": True},
                "page": {"type": "path", "required": True},
                "limit": {"type": "int", "default": LIMIT},
            }
        )
        result: dict[str, Any] = self._execute_module(
            module_args={"src": options["src"], "limit": options["limit"]}, task_vars=task_vars
        )
        packed = result.pop("packed", None)
        if packed is None:  # the module failed
            host = (task_vars or {}).get("inventory_hostname")
            reason = result.get("msg") or result.get("module_stderr")
            return result | {
                "failed": True,
                "msg": f"no report: {options['src']} on {host}: {reason}; "
                f"run the lab on it (-l {host})",
            }
        taken = take(packed, options["dest"], options["page"], options["limit"])
        return taken if "failed" in taken else result | {"changed": False} | taken


def take(packed: str, dest: str, page: str, limit: int = LIMIT) -> dict[str, Any]:
    """Remove ``page``, and write the report that a machine sent to ``dest``.

    Returns what that adds to the result: ``dest`` and ``checksum`` (SHA-1, as ansible.builtin.fetch
    has it), or ``failed`` and ``msg``.
    """
    try:
        content = unpacked(packed, limit)
        write_report(dest, page, content)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return {"failed": True, "msg": f"cannot write {dest}: {why}"}
    return {"dest": dest, "checksum": hashlib.sha1(content, usedforsecurity=False).hexdigest()}


def unpacked(packed: str, limit: int = LIMIT) -> bytes:
    """Return the report that a machine sent, compressed by zlib and then in base64.

    The machine is not trusted: of what unpacks to more than ``limit`` bytes the rest is left out.
    Raises ValueError for anything else.
    """
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(base64.b64decode(packed, validate=True), limit)
    except zlib.error as error:
        raise ValueError(f"the machine sent no report ({error})") from error
    if not unpacking.eof and len(content) < limit:
        raise ValueError("the machine sent a part of a report")
    return content


def write_report(path: str, page: str, content: bytes) -> None:
    """Remove ``page``, and write ``content`` to ``path``, all of it or nothing."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    if os.path.lexists(page):
        os.unlink(page)
    descriptor, temporary = tempfile.mkstemp(prefix=".aside-", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(content)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
