"""The images of the matrix, as data. Standard library only: this runs on its hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Image:
    """The content of an image beside a busybox. ``tree`` maps a path to a file's text, a
    directory's mode, a link's target (``-> TARGET``) or an earlier path, whose second name it is
    (``= PATH``). It is copied because RUN would write to the build's own mounts in /etc and /dev.
    ``lines`` end the Dockerfile.
    """

    tree: Mapping[str, str | int] = field(default_factory=dict)
    lines: str = ""


# A merged-/usr base, as most images are since 2020 (https://wiki.debian.org/UsrMerge), with links
# on the way to usual mounts, users, hard links, and files of a user who is not root.
_USR: Mapping[str, str | int] = {
    "usr/bin": 0o755, "usr/sbin": 0o755, "usr/lib": 0o755, "usr/lib64": 0o755,
    "bin": "-> usr/bin", "sbin": "-> usr/sbin", "lib": "-> usr/lib", "lib64": "-> usr/lib64",
    "run": 0o755, "var/run": "-> /run", "var/lock": "-> /run/lock", "var/tmp": 0o1777,
    "srv/content/file": "content", "data": "-> /srv/content",
    "etc/mtab": "-> ../proc/self/mounts", "etc/passwd": "root:x:0:0::/:/bin/sh\n",
    "etc/group": "root:x:0:\n", "opt": 0o755, "tmp": 0o1777, "home/user": 0o700,
    "home/user/file": "a user's", "usr/share/doc/text": "doc",
    "usr/bin/perl5.36.0": "a program", "usr/bin/perl": "= usr/bin/perl5.36.0",
}  # fmt: skip
_OWNED = "COPY --chown=1000:1000 tree/home/user /home/user\n"

IMAGES = {
    "plain": Image(),
    "usr": Image(_USR, _OWNED),
    "usr-volume": Image(_USR, f"{_OWNED}VOLUME /data /var/lib/app\n"),
    "usr-workdir": Image(_USR, f"{_OWNED}WORKDIR /var/run/work\n"),
    "usr-user": Image(_USR, f"{_OWNED}USER 1000\nWORKDIR /home/app\n"),
    # Entries that engines and runtimes keep, replace, shadow or override.
    "rich": Image({
        "dev": 0o700, "dev/hidden": "h", "proc": 0o755, "sys": 0o755, "run": 0o1777,
        "run/old": "o", "etc/hosts": "mine", "etc/hostname": "mine", "etc/kept": "kept",
        "etc/mtab": "-> /elsewhere", "etc/resolv.conf": "-> /elsewhere", ".dockerenv": "mine",
    }),
    "etclink": Image({"conf/kept": "kept", "etc": "-> conf"}),
    "volume": Image({"data/copied": "1", "data/too": "2"}, "VOLUME /data\n"),
    "workdir": Image(lines="WORKDIR /made/by/the/image\n"),
    "user": Image(lines="USER 1000:1000\n"),
    "mutated": Image({
        "lab/file": "content of a file\n", "lab/link": "-> file",
        "lab/one": "two names", "lab/two": "= lab/one", "data/copied": "copied", "run": 0o755,
    }),
    "linked": Image({"real/x": "x", "alias": "-> real"}),
}  # fmt: skip
