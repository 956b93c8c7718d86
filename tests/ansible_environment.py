"""Environment variables for Ansible started by a test."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A play that a test writes has no ansible.cfg and no collections beside it.
PLUGINS = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    "ANSIBLE_CALLBACKS_ENABLED": "scratchlab.lab.lab_record",
}


def environment(home: Path) -> dict[str, str]:
    """This process's environment, with all of Ansible's own files below ``home``.

    ANSIBLE_REMOTE_TMP is needed because Ansible takes the user's home there from the user database,
    not from HOME (ansible-core 2.19, plugins/action/__init__.py: _remote_expand_user).
    """
    directories = {
        "HOME": home,
        "ANSIBLE_HOME": home / ".ansible",
        "ANSIBLE_REMOTE_TMP": home / ".ansible" / "there",
    }
    return os.environ | {name: str(path) for name, path in directories.items()}
