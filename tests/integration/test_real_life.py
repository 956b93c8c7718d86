"""Containers as people run them, and as intruders leave them: what `verify` says of each.

The image has a merged /usr, as most have since 2020, and its own process does what is judged. The
ways to run it are those of tests.matrix; these few run in CI, one for each kind of claim.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.images import Image
from docker.types import Mount

from tests.integration.conftest import BUSYBOX, Build, Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
LINKS = {
    "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "var/run": "/run",
    "data": "/srv/content", "etc/mtab": "../proc/self/mounts",
}  # fmt: skip
FILES = {
    "srv/content/kept": b"kept", "srv/content/changed": b"as shipped",
    "etc/passwd": b"root:x:0:0::/:/bin/sh\n", "usr/share/doc/text": b"doc",
    "usr/bin/perl5": b"program",
}  # fmt: skip
DIRECTORIES = ("usr", "usr/bin", "usr/sbin", "usr/lib", "run", "var", "opt", "tmp", "etc", "srv")
TOOLS = ("sh", "sleep", "mount", "umount", "mkdir", "rm", "cat", "chown")
# What a process needs to mount something in its container.
MAY_MOUNT = {
    "cap_add": ["SYS_ADMIN"],
    "security_opt": ["apparmor=unconfined", "seccomp=unconfined"],
}

Report = dict[str, Any]
Judged = Callable[..., Report]


def tree() -> bytes:
    """The content of the image, as a tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:

        def add(name: str, kind: bytes, data: bytes = b"", link: str = "") -> None:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.linkname = kind, 0o755, link
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        for name in DIRECTORIES:
            add(name, tarfile.DIRTYPE)
        for name, target in LINKS.items():
            add(name, tarfile.SYMTYPE, link=target)
        for name, data in FILES.items():
            add(name, tarfile.REGTYPE, data)
        add("usr/bin/perl", tarfile.LNKTYPE, link="usr/bin/perl5")
        add("usr/bin/busybox", tarfile.REGTYPE, BUSYBOX.read_bytes())
        for tool in TOOLS:
            add(f"usr/bin/{tool}", tarfile.SYMTYPE, link="busybox")
    return content.getvalue()


@pytest.fixture(scope="module")
def usr_image(build_image: Build) -> Image:
    """A merged-/usr base."""
    return build_image("FROM scratch\nADD root.tar /\n", {"root.tar": tree()}, tag="usr")


@pytest.fixture
def judged(usr_image: Image, run_container: Run, tmp_path: Path) -> Judged:
    """``judged(script, **options)``: the report of a container whose process ran ``script``."""

    def judge(script: str = "", **options: Any) -> Report:
        command = ["/bin/sh", "-c", f"{script}\necho ready; exec sleep 3600"]
        container = run_container(usr_image, command=command, **options)
        wait_for(container)
        return verified(container, tmp_path / "report.json")

    return judge


def wait_for(container: Container) -> None:
    """Wait until the container's script is done."""
    for _ in range(200):
        if b"ready" in container.logs():
            return
        time.sleep(0.05)
    raise AssertionError(container.logs().decode())


def verified(container: Container, file: Path) -> Report:
    """The report of `scratchlab verify`, whose exit status is the report's verdict."""
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab", "verify", str(container.id), "--json", str(file)],
        env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stderr
    report: Report = json.loads(file.read_text())
    assert report["verdict"]["status"] == done.returncode
    return report


def status(report: Report) -> int:
    """The verdict; nothing may be unexplained or missing, whatever happened to the container."""
    summary, verdict = report["summary"], report["verdict"]
    assert summary["unexplained"] == summary["missing"] == 0, verdict
    assert verdict["status"] in (0, 3), verdict
    return int(verdict["status"])


def origins(report: Report, *paths: str) -> list[str]:
    """The origins of the entries at ``paths``."""
    found = {entry["path"]: entry["origin"] for entry in report["entries"]}
    return [found[path] for path in paths]


def later(report: Report) -> set[str]:
    """The paths that count as changed since the start."""
    drift = {"written-later", "mounted-inside", "host-mount"}
    paths = {entry["path"] for entry in report["entries"] if entry["origin"] in drift}
    gone = {ghost["path"] for ghost in report["ghosts"] if ghost["kind"] in ("deleted", "changed")}
    return paths | gone


def volume(target: str) -> dict[str, Any]:
    """The options for a new volume at ``target``."""
    return {"mounts": [Mount(target, None)]}


def test_mount_of_the_process_in_a_volume_is_not_the_users(judged: Judged) -> None:
    report = judged(
        "mkdir /data/x /data/y && mount -t tmpfs t /data/x && echo evil >/data/x/f\n"
        "mount --bind /usr/share /data/y",
        **volume("/data"), **MAY_MOUNT,
    )  # fmt: skip
    assert status(report) == 3
    content = "/srv/content"
    assert origins(report, content, f"{content}/x", f"{content}/x/f", f"{content}/y") == [
        "user-mount", "mounted-inside", "written-later", "mounted-inside",
    ]  # fmt: skip
    below = ("x", "x/f", "y", "y/doc", "y/doc/text")
    assert later(report) == {f"{content}/{name}" for name in below}


def test_replaced_shared_memory_and_a_second_mask_are_found(judged: Judged) -> None:
    report = judged(
        "umount /dev/shm && mount -t tmpfs -o nosuid,nodev,noexec shm /dev/shm\n"
        "mount -t tmpfs -o ro t /proc/acpi",
        **MAY_MOUNT,
    )
    assert report["summary"]["unexplained"] == 0
    assert report["verdict"]["status"] == 1  # the requested /dev/shm is gone
    assert origins(report, "/dev/shm") == ["mounted-inside"]
    masks = [m["origin"] for m in report["mounts"] if m["target"] == "/proc/acpi"]
    assert masks[-1:] == ["mounted-inside"]


def test_network_of_another_container_brings_its_files(
    judged: Judged, usr_image: Image, run_container: Run
) -> None:
    other = run_container(usr_image, command=["/bin/sleep", "3600"])
    report = judged(network_mode=f"container:{other.name}")
    assert status(report) == 0
    assert set(origins(report, "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")) == {
        "engine-mount"
    }


def test_file_takes_no_cause_from_its_mount(judged: Judged) -> None:
    report = judged(
        "echo 203.0.113.9 evil >>/etc/hosts; echo 1 >/var/run/nginx.pid\n"
        "echo new >/data/new; echo other >/data/changed",
        tmpfs={"/run": ""}, **volume("/data"),
    )  # fmt: skip
    assert status(report) == 3
    assert later(report) == {"/etc/hosts", "/run/nginx.pid"}
    assert origins(report, "/run", "/srv/content/kept", "/srv/content/changed",
                   "/srv/content/new", "/etc/hostname") == [
        "user-mount", "volume-copy", "user-data", "user-data", "engine-mount",
    ]  # fmt: skip


def test_mounts_and_devices_land_where_links_lead(judged: Judged, tmp_path: Path) -> None:
    (tmp_path / "cur").symlink_to("/opt")
    report = judged(
        init=True, devices=["/dev/zero:/var/run/zero:r", "/dev/zero:/dev/a/b/c:r"],
        volumes=[f"{tmp_path}:/nb", f"{tmp_path}:/nb/cur/deep"],
    )  # fmt: skip
    assert status(report) == 0
    assert origins(report, "/usr/sbin/docker-init", "/run/zero", "/dev/a/b", "/dev/a/b/c",
                   "/opt/deep", "/nb/cur") == [
        "engine-mount", "runtime-device", "runtime-mountpoint", "runtime-device", "user-mount",
        "user-data",
    ]  # fmt: skip


def test_users_mounts_replace_what_engine_and_runtime_put_there(judged: Judged) -> None:
    report = judged(
        mounts=[Mount("/etc", None)], tmpfs={"/proc/acpi": ""},
        volumes=["/sys/fs/cgroup:/sys/fs/cgroup:ro"],
    )  # fmt: skip
    assert status(report) == 0
    assert origins(report, "/etc", "/etc/passwd", "/etc/hosts") == [
        "user-mount", "volume-copy", "engine-mount",
    ]  # fmt: skip


def test_devices_and_working_directories_are_known_on_any_mount(judged: Judged) -> None:
    report = judged(
        devices=["/dev/zero:/opt/zero:r"], tmpfs={"/run": ""}, working_dir="/var/run/app/sub"
    )
    assert status(report) == 0
    assert origins(report, "/opt/zero", "/run/app", "/run/app/sub") == [
        "runtime-device", "engine-create", "engine-create",
    ]  # fmt: skip


def test_files_that_come_and_go_are_not_unexplained(judged: Judged) -> None:
    report = judged("(i=0; while :; do i=$((i+1)); echo $i >/tmp/$i; rm /tmp/$i; done) &")
    status(report)
    assert {path for path in later(report) if not path.startswith("/tmp/")} <= {"/tmp"}


def test_writes_of_the_process_are_listed_one_by_one(judged: Judged) -> None:
    report = judged(
        "chown 1:1 /usr/bin/perl; rm /usr/share/doc/text; echo 1 >/opt/new\n"
        "mkdir /run/lock && mount -t tmpfs t /run/lock",
        **MAY_MOUNT,
    )
    assert status(report) == 3
    assert later(report) == {"/usr/bin/perl", "/usr/share/doc/text", "/opt/new", "/run/lock"}
    assert origins(report, "/usr/bin/perl5", "/run/lock") == ["image-layer", "mounted-inside"]
