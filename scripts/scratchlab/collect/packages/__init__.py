"""Which package owns a path, by the package managers' databases in a container's root.

The container writes its databases itself: what they say is its own word, and every file of them is
a hostile document. A manager is a function ``owners(files, wanted)`` and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scratchlab.collect.packages import apk, dpkg, rpm
from scratchlab.collect.root_files import RootFiles

Owners = dict[str, str]  # path -> "nginx 1.22.1-9"

_MANAGERS: Mapping[str, Callable[[RootFiles, frozenset[str]], Owners]] = {
    "dpkg": dpkg.owners,
    "apk": apk.owners,
    "rpm": rpm.owners,
}


def owners(files: RootFiles, wanted: frozenset[str]) -> Owners:
    """The package of each of the ``wanted`` paths that one owns: ``dpkg: nginx 1.22.1-9``.

    ``files`` reads the container's root. A database that is damaged, or too large, owns nothing.
    """
    found: Owners = {}
    for manager, of_manager in _MANAGERS.items():
        for path, package in of_manager(files, wanted).items():
            found.setdefault(path, f"{manager}: {package}")
    return found
