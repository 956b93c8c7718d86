"""Temporary directories whose names say for what and by which process; killed runs leave them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile


def make(purpose: str, parent: str) -> str:
    """Make a directory of this process in ``parent``, after removing what killed runs left there.

    ``purpose`` is a word, such as ``agent``. Returns the path. Raises OSError.
    """
    with contextlib.suppress(OSError):
        remove_leftovers(purpose, parent)
    return tempfile.mkdtemp(prefix=f"scratchlab-{purpose}-{os.getpid()}-", dir=parent)


def remove_leftovers(purpose: str, parent: str) -> None:
    """Remove the directories of ``purpose`` in ``parent`` whose process is gone.

    Only directories of this user with a name that :func:`make` gives. Raises OSError if ``parent``
    cannot be listed.
    """
    # tempfile's random part has 8 characters.
    own = re.compile(rf"scratchlab-{re.escape(purpose)}-([0-9]+)-[a-z0-9_]{{8}}")
    for name in os.listdir(parent):
        match = own.fullmatch(name)
        path = os.path.join(parent, name)
        with contextlib.suppress(OSError):
            if match is None or _runs(int(match[1])):
                continue
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
