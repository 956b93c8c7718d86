"""How much a change weighs: what the entry is before who owns it, and its name last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.judge.weight import Scale, Weighed, Weight
from scratchlab.model import Entry, Facts, Kind

from .handmade import mount

CAPABLE = (("security.capability", b"\x01"),)


def weigh(
    path: str,
    kind: Kind = Kind.FILE,
    mode: int = 0o644,
    *,
    content: str = "",
    packages: str = "",
    xattrs: tuple[tuple[str, bytes], ...] = (),
) -> Weight:
    """The weight of an entry that was written at ``path``."""
    facts = Facts(content={path: content}, packages={path: packages})
    return Scale(facts).weigh(path, Entry(path, kind, mode, xattrs=xattrs), None).weight


def gone(path: str, mode: int = 0o644) -> Weight:
    return Scale(Facts()).weigh(path, None, Entry(path, Kind.FILE, mode)).weight


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (weigh("/tmp/su", mode=0o4755), Weight.PRIVILEGE),
        (weigh("/var/log/x", mode=0o2755), Weight.PRIVILEGE),
        (weigh("/usr/bin/ping", xattrs=CAPABLE), Weight.PRIVILEGE),
        (weigh("/tmp/sda", Kind.BLOCK), Weight.PRIVILEGE),
        (weigh("/srv/mem", Kind.CHAR), Weight.PRIVILEGE),
        (weigh("/srv/shared", Kind.DIRECTORY, 0o2775), Weight.DATA),
        (weigh("/tmp/x", content="ELF"), Weight.PROGRAM),
        (weigh("/etc/cron.daily/x", content="script"), Weight.PROGRAM),
        (weigh("/srv/x", mode=0o700), Weight.PROGRAM),
        (weigh("/usr/bin/sh", Kind.SYMLINK, 0o777), Weight.PROGRAM),
        (weigh("/usr/lib/x86_64-linux-gnu/libc.so", Kind.SYMLINK, 0o777), Weight.PROGRAM),
        (weigh("/srv/link", Kind.SYMLINK, 0o777), Weight.DATA),
        (weigh("/bin", Kind.SYMLINK, 0o777), Weight.DATA),
        (weigh("/usr/bin/x", content="ELF", packages="dpkg: x 1"), Weight.PROGRAM),
        (weigh("/etc/nginx.conf", packages="dpkg: nginx 1"), Weight.PACKAGE),
        (weigh("/var/log/x", packages="dpkg: x 1"), Weight.PACKAGE),
        (weigh("/etc/hosts"), Weight.CONFIGURATION),
        (weigh("/etc", Kind.DIRECTORY, 0o755), Weight.CONFIGURATION),
        (weigh("/srv/app.conf"), Weight.CONFIGURATION),
        (weigh("/root/.ssh/authorized_keys"), Weight.CONFIGURATION),
        (weigh("/home/a/.profile"), Weight.CONFIGURATION),
        (weigh("/home/a/.cache/x"), Weight.PASSING),
        (weigh("/srv/.hidden"), Weight.DATA),
        (weigh("/run/nginx.pid"), Weight.PASSING),
        (weigh("/srv/app.log"), Weight.PASSING),
        (weigh("/srv/old.log", Kind.DIRECTORY, 0o755), Weight.DATA),
        (weigh("/srv/__pycache__/x.bin"), Weight.PASSING),
        (weigh("/srv/socket", Kind.SOCKET), Weight.PASSING),
        (weigh("/srv/pipe", Kind.FIFO), Weight.PASSING),
        (weigh("/runner"), Weight.DATA),
        (weigh("/srv/data"), Weight.DATA),
        (gone("/usr/bin/su", 0o4755), Weight.DATA),
        (gone("/etc/passwd"), Weight.CONFIGURATION),
        (gone("/var/cache/x"), Weight.PASSING),
    ],
)
def test_a_change_weighs(weight: Weight, expected: Weight) -> None:
    assert weight is expected


def test_an_entry_of_nobody_is_weighed_by_its_path() -> None:
    assert Scale(Facts()).weigh("/etc/x", None, None) == Weighed(Weight.CONFIGURATION)


def test_a_mount_is_heavy_and_what_lies_on_it_is_not() -> None:
    scale = Scale(Facts(mounts=(mount(5, "/tmp/m"),)))
    entry = Entry("/tmp/m", Kind.DIRECTORY, 0o755)
    assert scale.weigh("/tmp/m", entry, None, mounted=True).weight is Weight.PRIVILEGE
    assert scale.weigh("/tmp/m/x", entry, None, mounted=True).weight is Weight.PASSING
    assert scale.weigh("/tmp/m", entry, None).weight is Weight.PASSING


def test_what_is_known_is_told() -> None:
    facts = Facts(content={"/x": "ELF"}, packages={"/x": "dpkg: x 1"})
    weighed = Scale(facts).weigh("/x", Entry("/x", Kind.FILE, 0o644), None)
    assert weighed == Weighed(Weight.PROGRAM, "ELF", "dpkg: x 1")


@given(st.text(alphabet="/abetctmp.run", max_size=20), st.text(max_size=5))
def test_no_name_and_no_package_makes_a_program_lighter(name: str, package: str) -> None:
    path = f"/{name}"
    assert weigh(path, content="ELF", packages=package) is Weight.PROGRAM
    assert weigh(path, mode=0o4755, packages=package) is Weight.PRIVILEGE
