"""A folder with Debian's static busybox under the names of its programs. Standard library only."""

import os
import shutil
import subprocess
from pathlib import Path

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import Packages

PACKAGE = "busybox-static"


def unpack(folder, epoch, repository, check):
    """Make ``folder`` unless it is there; gives whether it was made (with ``check``: would be).

    The package is fetched with apt's own proofs and not installed, because installing it would
    remove another busybox. ``epoch`` is the modification time of everything, in seconds since 1970;
    ``repository`` a folder to take the package from instead of the machine's own sources. Raises
    PackageError.
    """
    path = Path(folder)
    if path.is_dir():
        return False
    if not check:
        aside = path.with_name(path.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o755, parents=True)
        Packages(repository=repository).unpack(PACKAGE, "busybox", aside / "busybox")
        listing = subprocess.run(
            [str(aside / "busybox"), "--list"], check=True, capture_output=True, text=True
        ).stdout
        for applet in listing.split():
            if applet != "busybox":
                (aside / applet).symlink_to("busybox")
        for entry in [*aside.iterdir(), aside]:
            os.utime(entry, (epoch, epoch), follow_symlinks=False)
        aside.rename(path)
    return True
