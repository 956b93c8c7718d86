"""What is written to an image's files, by hand and by hooks, and what the verifier has to say."""

from __future__ import annotations

import os
import shutil

from tests.matrix.seeds import (
    BIND,
    DOCKER,
    FILE,
    TMPFS,
    VOLUME,
    Finding,
    append,
    device,
    hook,
    inside,
    link,
    m,
    make,
    mount,
    node,
    replace,
    seeds,
    unmount,
    write,
    wrote,
)

WRITTEN = (
    m(
        "an account that podman does not add", append("/etc/passwd", "evil:x:0:0:::\n"),
        wrote("/etc/passwd", "only-live", "evil"), flags=("--user", "1000"),
        engines=frozenset({"podman"}),
    ),
    m(
        "a line in hosts", append("/etc/hosts", "203.0.113.9 evil\n"),
        wrote("/etc/hosts", "only-live", "203.0.113.9 evil"), engines=DOCKER,
    ),
    m(
        "hosts with another localhost",
        replace("/etc/hosts", "127.0.0.1", "192.0.2.9"),
        wrote("/etc/hosts", "only-live", "192.0.2.9"), engines=DOCKER,
    ),
    m(
        "hosts emptied", write("/etc/hosts", ""),
        wrote("/etc/hosts", "only-live"), engines=DOCKER,
    ),
    m(
        "another hostname", write("/etc/hostname", "evil\n"),
        wrote("/etc/hostname", "only-live", "evil"), engines=DOCKER,
    ),
    m(
        "another resolver", write("/etc/resolv.conf", "nameserver 203.0.113.9\n"),
        wrote("/etc/resolv.conf", "only-live", "SHA-256"), engines=DOCKER,
    ),
    m(
        "the mode of hosts", lambda t: (t.root / "etc/hosts").chmod(0o666),
        Finding("entries", "/etc/hosts", "engine-mount", "only-live", "mode: predicted 0644"),
        status=1, engines=DOCKER,
    ),
    m(
        "the owner of hosts", lambda t: os.chown(t.root / "etc/hosts", 1000, -1),
        Finding("entries", "/etc/hosts", "engine-mount", "only-live", "uid: predicted"),
        status=1, engines=DOCKER,
    ),
    m(
        "a file on a tmpfs of the user's", write("/run/nginx.pid"),
        wrote("/run/nginx.pid", "only-live", "was empty"), flags=TMPFS,
    ),
    m(
        "the mode of a tmpfs of the user's", lambda t: (t.root / "run").chmod(0o777),
        wrote("/run", "only-live", "and has 0777"), flags=TMPFS,
    ),
    m(
        "the owner of a tmpfs of the user's", lambda t: os.chown(t.root / "run", 7, -1),
        wrote("/run", "only-live", "and has 7"), flags=TMPFS,
    ),
    m(
        "a directory on a tmpfs of the user's", make("/run/made"), wrote("/run/made", "only-live"),
        flags=TMPFS,
    ),
    m(
        "a file in a volume", write("/data/new"),
        Finding("entries", "/data/new", "user-data", "only-live"), flags=VOLUME, status=0,
    ),
    m(
        "a copied file of a volume changed", write("/data/copied", "changed"),
        Finding("entries", "/data/copied", "user-data", "only-live", "sha256"), flags=VOLUME,
        status=0,
    ),
    m(
        "a file in a bind", write("/b/new"),
        Finding("entries", "/b/new", "user-data", "only-live"), flags=BIND, status=0,
    ),
    m(
        "a device on the root", lambda t: os.mknod(t.root / "x", 0o020666, os.makedev(1, 5)),
        wrote("/x", "only-live"), initial=True,
    ),
    m(
        "a device on a tmpfs of the user's",
        lambda t: os.mknod(t.root / "run/x", 0o020666, os.makedev(1, 5)),
        wrote("/run/x", "only-live"), flags=TMPFS, initial=True,
    ),
    m(
        "other numbers of a configured device", lambda t: node(t.root / "opt/zero", 1, 8),
        wrote("/opt/zero", "only-live", "predicted here was runtime-device"),
        flags=("--device", "/dev/zero:/opt/zero"), initial=True,
    ),
    m(
        "a configured device missing", lambda t: (t.root / "opt/zero").unlink(),
        wrote("/opt/zero", "deleted", "configured-device"),
        flags=("--device", "/dev/zero:/opt/zero"), initial=True,
    ),
    m(
        "a file in the working directory", write("/work/dir/new"),
        wrote("/work/dir/new", "only-live"), flags=("-w", "/work/dir"), engines=DOCKER,
    ),
    m(
        "the mode of the working directory", lambda t: (t.root / "work/dir").chmod(0o777),
        Finding("entries", "/work/dir", "engine-create", "only-live", "mode: predicted 0755"),
        flags=("-w", "/work/dir"), engines=DOCKER, status=1,
    ),
    m(
        "a file in a mount point's directory", write("/deep/new"), wrote("/deep/new", "only-live"),
        flags=("--tmpfs", "/deep/er"),
    ),
    m(
        "the mode of a mount point's directory", lambda t: (t.root / "deep").chmod(0o777),
        Finding("entries", "/deep", "runtime-mountpoint", "only-live", "mode: predicted"),
        flags=("--tmpfs", "/deep/er"), status=1,
    ),
    m("a directory in dev", make("/dev/made"), wrote("/dev/made", "only-live")),
    m("a file in dev", write("/dev/file"), wrote("/dev/file", "only-live"), initial=True),
    m(
        "an owner of one of two names", lambda t: os.chown(t.root / "lab/one", 12, -1),
        # fuse-overlayfs copies another name up: no layer above has this one.
        Finding("entries", "/lab/one", "written-later|unexplained", "altered", "uid"),
        Finding("entries", "/lab/two", "image-layer|written-later", "altered"),
        one_directory=1,
    ),
    m(
        "a directory made again",
        seeds(lambda t: shutil.rmtree(t.root / "lab"), make("/lab")),
        Finding("ghosts", FILE, "written-later", "deleted"),
    ),
)  # fmt: skip
# A hook of somebody else's explains what its own arguments name, and nothing by its presence.
HOOKS = (
    m(
        "a foreign hook and a mount",
        seeds(hook("/usr/bin/foreign", "configure"), mount("-t", "tmpfs", "t", "/lab")),
        inside("/lab"), config=True,
    ),
    m(
        "a foreign hook and a mount below another path",
        seeds(hook("/usr/bin/foreign", "--at=/la"), mount("-t", "tmpfs", "t", "/lab")),
        inside("/lab"), config=True,
    ),
    m(
        "a foreign hook and a mask gone",
        seeds(hook("/usr/bin/foreign", "configure"), unmount("/proc/acpi")),
        Finding("entries", "/proc/acpi", "runtime-mask", "missing"), config=True, status=1,
    ),
    m(
        "a device that config.json alone lists", device("/dev/mine", 1, 5),
        Finding("entries", "/dev/mine", "unexplained", "only-live", "config.json alone lists it"),
        config=True, initial=True, status=1,
    ),
    m("a foreign hook", hook("/usr/bin/foreign", "configure"), config=True, status=0),
)  # fmt: skip
EARLY = (
    m(
        "a file in the init layer", lambda t: (t.root / "planted").write_text("x"),
        Finding("entries", "/planted", "engine-init-layer|written-later", "only-live"),
        early=True, engines=DOCKER, status=1, one_directory=3,
    ),
    m(
        "another .dockerenv in the init layer",
        lambda t: (t.root / ".dockerenv").write_text("x"),
        # On btrfs the engine lists it as changed: the container's own copy was, too.
        Finding("entries", "/.dockerenv", "engine-init-layer|written-later", "only-live",
                "size: predicted 0"),
        early=True, engines=DOCKER, status=1,
    ),
    m(
        "another mtab in the init layer", lambda t: link(t.root / "etc/mtab", "/lab/file"),
        Finding("entries", "/etc/mtab", "engine-init-layer", "only-live", "target: predicted"),
        early=True, engines=DOCKER, status=1,
    ),
)  # fmt: skip
