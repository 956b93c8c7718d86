"""The environment of an Ansible that a test starts by itself."""

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
    """This process's environment, with ``home`` for all that Ansible keeps.

    Ansible finds the home of the machine's user in the list of users, not in HOME, so its folder
    there is named as well (ansible-core 2.19, plugins/action/__init__.py: _remote_expand_user).
    """
    places = {
        "HOME": home,
        "ANSIBLE_HOME": home / ".ansible",
        "ANSIBLE_REMOTE_TMP": home / ".ansible" / "there",
    }
    return os.environ | {name: str(place) for name, place in places.items()}
