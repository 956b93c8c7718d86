"""A directory with Debian's static busybox under the names of its programs.

Needs only the standard library.
"""

import os
import shutil
import subprocess
from pathlib import Path

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import Packages

PACKAGE = "busybox-static"


def unpack(directory, epoch, repository, check):
    """Make ``directory`` if it is missing; return whether it was (or with ``check`` would be) made.

    apt downloads and verifies the package, but does not install it, because that would remove
    another busybox. ``epoch`` is the modification time of everything, in seconds since 1970;
    ``repository`` is a directory to take the package from instead of the machine's own sources.
    Raises PackageError.
    """
    path = Path(directory)
    if path.is_dir():
        return False
    if not check:
        temporary = path.with_name(path.name + ".new")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(mode=0o755, parents=True)
        Packages(repository=repository).unpack(PACKAGE, "busybox", temporary / "busybox")
        listing = subprocess.run(
            [str(temporary / "busybox"), "--list"], check=True, capture_output=True, text=True
        ).stdout
        for applet in listing.split():
            if applet != "busybox":
                (temporary / applet).symlink_to("busybox")
        for entry in [*temporary.iterdir(), temporary]:
            os.utime(entry, (epoch, epoch), follow_symlinks=False)
        temporary.rename(path)
    return True
