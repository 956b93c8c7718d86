"""The tables of rules: each row is held to the program or specification that it was read in."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from scratchlab.judge.agreement import _PREDICTABLE
from scratchlab.judge.compare import _EQUAL_FIELDS, NOT_COMPARED
from scratchlab.judge.engine_files import _DEFAULT_HOSTS
from scratchlab.judge.places import KERNEL_TYPES, NETWORK_FILES
from scratchlab.judge.rules import RULES, docker, podman, runtime, spec
from scratchlab.judge.rules.permalink import permalink
from scratchlab.judge.rules.rule import ROOT_DRIVERS, Citation, Rule
from scratchlab.judge.versions import known, numbers
from scratchlab.model import Engine, Facts, Host, Origin, Runtime


def test_docker_makes_these_entries_in_its_init_layer() -> None:
    """moby v20.10.24 daemon/initlayer/setup_unix.go Setup(), the same from v19.03 to v29."""
    assert [(row.path, str(row.kind), row.mode, row.rule, row.target)
            for row in docker.INIT_VISIBLE] == [
        ("/.dockerenv", "file", 0o755, "docker-dockerenv", None),
        ("/etc", "directory", 0o755, "docker-init-folder", None),
        ("/etc/mtab", "symlink", 0o777, "docker-mtab", "/proc/mounts"),
    ]  # fmt: skip
    assert docker.INIT_MADE == {
        "/.dockerenv": None, "/dev": None, "/dev/console": None, "/dev/pts": None,
        "/dev/shm": None, "/etc": None, "/etc/hostname": None, "/etc/hosts": None,
        "/etc/resolv.conf": None, "/proc": None, "/sys": None, "/etc/mtab": "/proc/mounts",
    }  # fmt: skip
    assert docker.INIT_RULES == {
        "/.dockerenv": "docker-dockerenv", "/etc": "docker-init-folder",
        "/etc/mtab": "docker-mtab",
    }  # fmt: skip


def test_docker_lists_these_mounts_by_default() -> None:
    """moby v20.10.24 oci/defaults.go DefaultLinuxSpec()."""
    assert docker.DEFAULT_FILESYSTEMS == {
        "/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/sys": "sysfs",
        "/sys/fs/cgroup": "cgroup", "/dev/mqueue": "mqueue", "/dev/shm": "tmpfs",
    }  # fmt: skip
    assert (docker.INIT_PROGRAM, podman.INIT_PROGRAM) == ("/sbin/docker-init", "/run/podman-init")
    assert NETWORK_FILES == {
        "HostnamePath": "/etc/hostname", "HostsPath": "/etc/hosts",
        "ResolvConfPath": "/etc/resolv.conf",
    }  # fmt: skip


def test_docker_writes_these_lines_into_hosts() -> None:
    """moby v20.10.24 libnetwork/etchosts/etchosts.go."""
    assert {
        "127.0.0.1": {"localhost"}, "::1": {"localhost", "ip6-localhost", "ip6-loopback"},
        "fe00::": {"ip6-localnet"}, "ff00::": {"ip6-mcastprefix"}, "ff02::1": {"ip6-allnodes"},
        "ff02::2": {"ip6-allrouters"},
    } == _DEFAULT_HOSTS  # fmt: skip


def test_runtimes_supply_these_devices_and_links() -> None:
    """runc v1.1.5 libcontainer/specconv/spec_linux.go AllowedDevices, rootfs_linux.go."""
    assert runtime.DEVICES == {
        "/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8),
        "/dev/urandom": (1, 9), "/dev/tty": (5, 0),
    }  # fmt: skip
    assert runtime.LINKS == {
        "/dev/fd": ("/proc/self/fd", "oci-dev-link"),
        "/dev/stdin": ("/proc/self/fd/0", "oci-dev-link"),
        "/dev/stdout": ("/proc/self/fd/1", "oci-dev-link"),
        "/dev/stderr": ("/proc/self/fd/2", "oci-dev-link"),
        "/dev/ptmx": ("pts/ptmx", "oci-ptmx"),
        "/dev/core": ("/proc/kcore", "runtime-core"),
    }
    assert {"/proc", "/sys", "/dev/pts", "/dev/shm"} == runtime.SPEC_FILESYSTEMS
    assert runtime.stub_modes("crun") == (0o1755, 0o755)
    assert runtime.stub_modes("runc") == runtime.stub_modes("") == (0o755,)
    assert frozenset({"proc", "sysfs", "cgroup", "cgroup2"}) == KERNEL_TYPES
    assert ROOT_DRIVERS == {"vfs": "-vfs", "overlayfs": "-snapshot"}


def test_podman_masks_these_paths() -> None:
    """podman v4.0 to v5.8 pkg/specgen/generate/config_linux.go."""
    always = ((4,), (6,))
    assert {
        "/proc/acpi": always, "/proc/kcore": always, "/proc/keys": always,
        "/proc/latency_stats": always, "/proc/sched_debug": always, "/proc/scsi": always,
        "/proc/timer_list": always, "/proc/timer_stats": always, "/sys/firmware": always,
        "/sys/fs/selinux": always, "/sys/dev/block": ((4,), (5, 4)),
        "/sys/devices/virtual/powercap": ((4, 8), (6,)), "/proc/interrupts": ((5, 5), (6,)),
        "thermal_throttle": ((5, 5), (6,)),
    } == podman.MASKED  # fmt: skip
    assert podman.READONLY == (
        "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    )  # fmt: skip
    assert podman.CHANGES_MASKS == ("mask=", "unmask=", "systempaths=", "label=nested")
    assert podman.KEEPS_READONLY == ("--read-only-tmpfs=false",)
    assert (docker.KNOWN, podman.KNOWN) == (((19, 3), (30,)), ((4,), (6,)))


def test_the_comparison_leaves_out_only_what_is_listed() -> None:
    assert _EQUAL_FIELDS == ("kind", "mode", "size", "sha256", "target", "device", "links")
    assert len(NOT_COMPARED) == 7


def test_an_origin_is_predictable_or_not() -> None:
    assert {origin for origin in Origin if origin not in _PREDICTABLE} == {
        Origin.IMAGE_LAYER, Origin.KERNEL, Origin.USER_DATA, Origin.VOLUME_COPY,
        Origin.MOUNTED_INSIDE, Origin.HOST_MOUNT, Origin.HOOK_OR_TOOL, Origin.WRITTEN_LATER,
        Origin.UNEXPLAINED,
    }  # fmt: skip


def digest(row: object) -> str:
    return hashlib.sha256(repr(row).encode()).hexdigest()[:12]


# When a rule changes, compare it with its source again, then put its new digest here.
DIGESTS = {
    "docker-dockerenv": "8888eb9f4404",
    "docker-init-folder": "9be629095f75",
    "docker-mtab": "48b2d5a047e3",
    "docker-network-files": "c76ea8542af1",
    "docker-shm": "0be9f21015dc",
    "docker-init-program": "27873d54d38c",
    "docker-secrets": "77cb71cd8a7e",
    "docker-workdir": "d9ec082513e2",
    "docker-user-mount": "1bb30c52592e",
    "docker-volume-copy": "cce678b2aa47",
    "docker-root": "fe7f5809a7fe",
    "docker-root-vfs": "cee3d1314241",
    "docker-root-snapshot": "2cfa6474b433",
    "podman-files": "e363f56e4864",
    "podman-shm": "40df359e7d06",
    "podman-init-program": "5958112afa6f",
    "podman-secrets": "a285b472d3e2",
    "podman-user-files": "53f013811f93",
    "podman-etc": "869331c4033e",
    "podman-workdir": "ec716dbff074",
    "podman-user-mount": "778287420b37",
    "podman-volume-copy": "a2b4fe5e6c9a",
    "podman-root": "e5556560cd57",
    "podman-root-vfs": "d1993fe1e32e",
    "runtime-tmpcopyup": "ddfc50921070",
    "oci-filesystem": "f7d287dd19dc",
    "engine-filesystem": "2d53eaae9166",
    "oci-device": "c0587431cd88",
    "oci-ptmx": "dd35bd0b7207",
    "oci-dev-link": "88071d4929fd",
    "runtime-core": "41af7a89b485",
    "oci-console": "2ec5986aba90",
    "configured-device": "d83ed9a62eae",
    "runtime-mountpoint": "330d1ae93912",
    "cdi-edits": "0fde4718b9ab",
    "masked-path": "6cadbc85c822",
    "readonly-path": "b0d315de6f0e",
    "overlay-hard-links": "d7923b6c73e7",
    "engine-unpack-limits": "c0d544359d1e",
    "user-data": "e5fdc7d63102",
    "host-mount": "f1793449c806",
    "mounted-inside": "6332768585d6",
    "devpts-node": "512173340bbd",
    "kernel-filesystem": "f963e8771872",
    "S01": "f7b17d93a5b3",
    "S02": "d9e1503e3718",
    "S03": "2fb550be8fd7",
    "S04": "437a7f1d4985",
    "S05": "856cf0f2c188",
    "S06": "7b5454c51425",
    "S07": "ade2e14c3616",
    "S08": "403cf6610bac",
    "S09": "4e7b8c69b904",
    "S10": "93a98bc7dd9f",
    "S11": "fdd0d8cf6d0f",
    "S12": "7a98f471b0d3",
    "S13": "0de5b976332d",
    "S14": "4ef5c7a3ca55",
    "S15": "1a4244d81ba2",
    "S16": "eb0684da58a4",
    "L01": "a004a13674b4",
    "L02": "1e16a8189010",
    "L03": "d6f512dc010a",
    "L04": "8f22f2ff0d41",
    "L05": "617d671f1cbf",
    "L06": "8129540e7af5",
}


def test_no_rule_is_added_removed_or_altered_unseen() -> None:
    rows: list[Any] = [
        *docker.RULES, *podman.RULES, *runtime.RULES, *runtime.TOOL_RULES, *runtime.KERNEL_RULES,
        *spec.SPEC_ROWS, spec.CONSOLE, *spec.LIBCONTAINER_ROWS,
    ]  # fmt: skip
    assert {row.id: digest(row) for row in rows} == DIGESTS
    assert len(rows) == len(DIGESTS)


def test_every_rule_is_found_by_its_id() -> None:
    tables = (docker, podman, runtime)
    rules = [rule for table in tables for rule in table.RULES]
    rules += [*runtime.TOOL_RULES, *runtime.KERNEL_RULES]
    assert list(RULES.values()) == rules
    assert [rule.id for rule in rules] == list(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_says_what_when_by_which_source_and_how_to_avoid_it(rule: Rule) -> None:
    assert rule.title
    assert rule.removed_by
    assert rule.stage in ("create", "start", "run")
    assert bool(rule.level) == bool(rule.clause)
    assert rule.level in ("", "MUST", "SHOULD", "OPTIONAL")
    assert rule.source.permalink(()).startswith(f"https://github.com/{rule.source.project}/blob/")


@pytest.mark.parametrize(
    ("citation", "version", "url"),
    [
        (Citation("moby/moby", "a.go"), (20, 10, 24), "moby/moby/blob/v20.10.24/a.go"),
        (Citation("moby/moby", "a.go"), (29, 1), "moby/moby/blob/docker-v29.1/a.go"),
        (Citation("moby/moby", "a.go"), (), "moby/moby/blob/HEAD/a.go"),
        (Citation("containers/crun", "a.c"), (1, 21), "containers/crun/blob/1.21/a.c"),
        (Citation("x/y", "a", moved=(((2,), "b"), ((3,), "c"))), (1, 9), "x/y/blob/v1.9/a"),
        (Citation("x/y", "a", moved=(((2,), "b"), ((3,), "c"))), (2,), "x/y/blob/v2/b"),
        (Citation("x/y", "a", moved=(((2,), "b"), ((3,), "c"))), (3, 1), "x/y/blob/v3.1/c"),
        (Citation("x/y", "a", moved=(((2,), "b"), ((3,), "c"))), (), "x/y/blob/HEAD/c"),
    ],
)
def test_a_source_is_that_of_the_version(
    citation: Citation, version: tuple[int, ...], url: str
) -> None:
    assert citation.permalink(version) == f"https://github.com/{url}"


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        ("docker-dockerenv", "moby/moby/blob/v20.10.24/"),
        ("docker-root-snapshot", "containerd/containerd/blob/v1.6.20/"),
        ("oci-device", "opencontainers/runc/blob/v1.1.5/"),
        ("podman-etc", "containers/podman/blob/HEAD/"),
        ("devpts-node", "torvalds/linux/blob/v6.12/"),
    ],
)
def test_a_rules_source_is_that_of_the_program_that_ran(rule: str, start: str) -> None:
    facts = Facts(
        host=Host(kernel="6.12.5-amd64"), runtime=Runtime("runc", "1.1.5+ds1"),
        engine=Engine("docker", "20.10.24+dfsg1", containerd_version="1.6.20~ds1"),
    )  # fmt: skip
    assert permalink(RULES[rule], facts).url.startswith(f"https://github.com/{start}")
    assert permalink(RULES[rule], facts).symbol == RULES[rule].source.symbol


def test_the_source_of_another_program_is_named_where_that_one_ran() -> None:
    facts = Facts(runtime=Runtime("crun", "1.21"), engine=Engine("podman", "5.4.2"))
    assert permalink(RULES["oci-device"], facts) == (
        "https://github.com/containers/crun/blob/1.21/src/libcrun/linux.c", "needed_devs",
    )  # fmt: skip
    assert permalink(RULES["podman-etc"], facts).url.startswith(
        "https://github.com/containers/podman/blob/v5.4.2/"
    )
    nothing = permalink(RULES["oci-device"], Facts())
    assert nothing.url.startswith("https://github.com/opencontainers/runc/blob/HEAD/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20.10.24+dfsg1", (20, 10, 24)), ("v1.1.5", (1, 1, 5)), ("5", (5,)), ("", ()),
        ("unknown", ()), ("1.6.20~ds1", (1, 6, 20)), ("6.12.5-amd64", (6, 12, 5)),
    ],
)  # fmt: skip
def test_version_numbers_are_the_leading_ones(text: str, expected: tuple[int, ...]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("19.2", False),
        ("19.3", True),
        ("29.9.9", True),
        ("30", False),
        ("30.0", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_range_has_its_first_version_and_not_its_last(version: str, expected: bool) -> None:
    assert known(version, ((19, 3), (30,))) is expected
