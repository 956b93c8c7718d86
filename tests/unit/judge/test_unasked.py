"""What config.json lists and no user asked for: something has to name who did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    ID,
    RUNTIME,
    bind,
    bound,
    causes,
    config,
    facts,
    link,
    listed,
    mount,
    origin,
    source,
)

from scratchlab.model import Engine, Evidence, Facts, Origin

UNEXPLAINED = (Origin.UNEXPLAINED, None)
OTHER = "0123456789abcdef" * 4
POLICIES = "/etc/crypto-policies"


def engines(rule: str) -> tuple[Origin, str]:
    return Origin.ENGINE_MOUNT, rule


def of_bind(
    target: str, path: str, engine: str = "docker", host_config: Any = None, **changes: Any
) -> Facts:
    inspect = {"HostsPath": "/of/another/container/hosts", "HostConfig": host_config or {}}
    asked = config(bind(target, path))
    asked["process"] = {"args": changes.pop("args", [])}
    return facts(
        bound(9, target), config=asked, sources=(source(path, 9),), engine=Engine(engine),
        inspect=inspect | changes.pop("inspect", {}), **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "path", "engine", "expected"),
    [
        ("/dev/shm", f"/d/{ID}/mounts/shm", "docker", engines("docker-shm")),
        ("/dev/shm", "/dev/shm", "docker", UNEXPLAINED),
        ("/dev/shm", "/d/beef/mounts/shm", "docker", UNEXPLAINED),
        ("/run/secrets/s", f"/d/{ID}/s", "docker", engines("docker-secrets")),
        ("/run/secrets", f"/d/{ID}/s", "podman", engines("podman-secrets")),
        ("/run/secrets/s", "/x/s", "docker", UNEXPLAINED),
        ("/cfg", f"/d/{ID}/mounts/secrets/cfg", "docker", engines("docker-secrets")),
        ("/cfg", "/d/beef/mounts/secrets/cfg", "docker", UNEXPLAINED),
        ("/etc/hosts", f"/d/{ID}/hosts", "docker", engines("docker-network-files")),
        ("/run/.containerenv", f"/d/{ID}/.containerenv", "podman", engines("podman-files")),
        ("/etc/hosts", "/of/another/container/hosts", "docker", engines("docker-network-files")),
        ("/sys", "/sys", "podman", (RUNTIME, "oci-filesystem")),
        ("/proc", "/proc", "podman", (RUNTIME, "oci-filesystem")),
        ("/dev/mqueue", "/dev/mqueue", "podman", (RUNTIME, "engine-filesystem")),
        ("/dev", "/dev", "podman", UNEXPLAINED),
        ("/sys", "/other", "podman", UNEXPLAINED),
        ("/sys/fs/cgroup", "/sys/fs/cgroup", "podman", (RUNTIME, "engine-filesystem")),
        ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd", "podman",
         (RUNTIME, "engine-filesystem")),
        ("/sys/fs/cgroup", "/other", "podman", UNEXPLAINED),
        ("/sys/fs/selinux", "/sys/fs/selinux", "podman", UNEXPLAINED),
        (f"{POLICIES}/back-ends", "/d/merged/usr/share/crypto-policies/back-ends/FIPS", "podman",
         engines("podman-secrets")),
        (f"{POLICIES}/config", "/usr/share/crypto-policies/default-fips-config", "podman",
         engines("podman-secrets")),
        (f"{POLICIES}/back-ends", "/usr/share/crypto-policies/back-ends/LEGACY", "podman",
         UNEXPLAINED),
        (f"{POLICIES}/back-ends", "/usr/share/crypto-policies/back-ends/FIPS", "docker",
         UNEXPLAINED),
        ("/usr/lib/libcuda.so", "/usr/lib/libcuda.so", "docker", UNEXPLAINED),
        ("/etc/passwd", "/d/beef/passwd", "docker", UNEXPLAINED),
    ],
)  # fmt: skip
def test_a_bind_of_the_engines_is_known_by_its_source(
    target: str, path: str, engine: str, expected: tuple[Origin, str | None]
) -> None:
    assert origin(of_bind(target, path, engine), 9) == expected


@pytest.mark.parametrize(
    ("mode", "path", "engines_own"),
    [
        ("host", "/dev/shm", True),
        ("host", "/evil", False),
        ("private", "/dev/shm", False),
        (None, "/dev/shm", False),
        ("container:other", f"/d/{OTHER}/mounts/shm", True),
        ("container:other", f"/d/{OTHER}/userdata/shm", True),
        ("container:other", f"/d/{OTHER}/shm", False),
        ("shareable", f"/d/{OTHER}/mounts/shm", False),
    ],
)
def test_shared_memory_is_whose_the_option_names(
    mode: str | None, path: str, engines_own: bool
) -> None:
    found = of_bind("/dev/shm", path, host_config={"IpcMode": mode})
    assert origin(found, 9) == (engines("docker-shm") if engines_own else UNEXPLAINED)


@pytest.mark.parametrize(
    ("target", "engine"), [("/sbin/docker-init", "docker"), ("/run/podman-init", "podman")]
)
def test_the_init_program_is_what_the_container_begins_with(target: str, engine: str) -> None:
    expected = engines(f"{engine}-init-program")
    assert origin(of_bind(target, "/x/tini", engine, args=[target, "--", "sh"]), 9) == expected
    for args in ([], None, ["sh", target]):
        assert origin(of_bind(target, "/x/tini", engine, args=args), 9) == UNEXPLAINED
    without = replace(of_bind(target, "/x/tini", engine))
    assert "process" in (without.container.oci_config or {})


def test_from_a_debug_container_inspect_names_the_init_program() -> None:
    found = facts(
        bound(9, "/sbin/docker-init"), vantage="debug", inspect={"HostConfig": {"Init": True}}
    )
    assert origin(found, 9) == engines("docker-init-program")


def test_without_a_process_nothing_is_its_program() -> None:
    found = facts(
        bound(9, "/sbin/docker-init"), config=config(bind("/sbin/docker-init", "/x")),
        sources=(source("/x", 9),),
    )  # fmt: skip
    assert origin(found, 9) == UNEXPLAINED


def test_no_container_id_means_no_directory_of_the_containers() -> None:
    found = of_bind("/x", "/d//f")
    nameless = replace(found, container=replace(found.container, id=""))
    assert origin(nameless, 9) == UNEXPLAINED


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["label=nested"], (RUNTIME, "engine-filesystem")), (["label=disable"], UNEXPLAINED)],
)
def test_nested_labels_bring_the_hosts_selinux(options: list[str], expected: Any) -> None:
    found = of_bind("/sys/fs/selinux", "/sys/fs/selinux", "podman", {"SecurityOpt": options})
    assert origin(found, 9) == expected


@pytest.mark.parametrize(
    ("target", "inspect", "usual"),
    [
        ("/var/log/journal", {"Config": {"SystemdMode": True}}, True),
        ("/var/tmp", {"Config": {"SystemdMode": True}}, False),
        ("/var/tmp", {"HostConfig": {"ReadonlyRootfs": True}}, True),
        ("/var/log/journal", {"HostConfig": {"ReadonlyRootfs": True}}, False),
        ("/run", {}, False),
        ("/opt", {"Config": {"SystemdMode": True}, "HostConfig": {"ReadonlyRootfs": True}}, False),
        ("/sys/fs/cgroup/x", {}, True),
    ],
)
def test_a_filesystem_is_the_runtimes_where_every_container_or_an_option_has_it(
    target: str, inspect: Any, usual: bool
) -> None:
    found = facts(mount(9, target), config=config(listed(target)), inspect=inspect,
                  engine=Engine("podman"))  # fmt: skip
    assert origin(found, 9) == ((RUNTIME, "engine-filesystem") if usual else UNEXPLAINED)


@pytest.mark.parametrize(
    ("path", "target", "option", "named"),
    [
        ("/dev/fuse", "/dev/fuse", "/dev/fuse", True),
        ("/dev/fuse", "/dev/fuse", "/dev/fuse:rwm", True),
        ("/dev/fuse", "/dev/mine", "/dev/fuse:/dev/mine:r", True),
        ("/dev/snd/a", "/dev/snd/a", "/dev/snd", True),
        ("/dev/snd/a", "/dev/s/a", "/dev/snd:/dev/s", True),
        ("/dev/fuse", "/dev/mine", "/dev/fuse", False),
        ("/dev/kvm", "/dev/mine", "/dev/fuse:/dev/mine", False),
        ("/dev/snd2", "/dev/s2", "/dev/snd:/dev/s", False),
    ],
)
def test_without_root_a_device_is_bound_that_the_command_line_names(
    path: str, target: str, option: str, named: bool
) -> None:
    inspect = {"Config": {"CreateCommand": ["podman", "run", "--device", option, "x"]}}
    found = of_bind(target, path, "podman", inspect=inspect)
    assert origin(found, 9) == (
        (Origin.RUNTIME_DEVICE, "configured-device") if named else UNEXPLAINED
    )
    proof = Evidence("inspect", f"its command line has --device {option}")
    assert (proof in causes(found)[9].evidence) is named


@pytest.mark.parametrize(
    ("path", "target", "privileged", "named"),
    [
        ("/dev/kvm", "/dev/kvm", True, True),
        ("/dev/kvm", "/dev/kvm", False, False),
        ("/dev/kvm", "/dev/fuse", True, False),
        ("/etc/shadow", "/etc/shadow", True, False),
    ],
)
def test_a_privileged_container_gets_the_hosts_devices(
    path: str, target: str, privileged: bool, named: bool
) -> None:
    found = of_bind(target, path, "podman", {"Privileged": privileged})
    assert origin(found, 9) == (
        (Origin.RUNTIME_DEVICE, "configured-device") if named else UNEXPLAINED
    )
    if named:
        proof = Evidence("inspect", "it is privileged: it gets the host's devices")
        assert causes(found)[9].evidence[0] == proof


def test_the_missing_name_is_told_before_missing_options() -> None:
    asked = config(bind("/x", "/h", "rbind", "ro"))
    found = facts(bound(9, "/x"), config=asked, sources=(source("/h", 9),))
    assert causes(found)[9].doubt.startswith("config.json alone lists it: neither inspect nor ")


def test_from_a_debug_container_inspect_names_the_shared_memory() -> None:
    found = facts(
        bound(9, "/dev/shm"),
        vantage="debug",
        inspect={"HostConfig": {"IpcMode": "shareable"}},
    )
    assert origin(found, 9) == engines("docker-shm")


@pytest.mark.parametrize(
    ("words", "landed", "asked"),
    [
        (["--tmpfs", "/var/run"], "/run", True),
        (["--tmpfs=/var/run:rw,size=1m"], "/run", True),
        (["--tmpfs", "/run"], "/run", True),
        (["--mount", "type=tmpfs,dst=/var/run/x"], "/run/x", True),
        (["--mount=type=tmpfs,destination=/var/run/x"], "/run/x", True),
        (["--mount", "type=tmpfs,tmpfs-size=1m,target=/run/x"], "/run/x", True),
        (["--mount", "type=bind,src=/a,dst=/var/run/x"], "/run/x", False),
        (["--mount", "type=tmpfs"], "/run/x", False),
        (["--tmpfs", "/var/run"], "/opt", False),
        (["--tmpfs", "/var"], "/run", False),
        ([], "/run", False),
    ],
)
def test_a_tmpfs_of_podman_is_asked_for_by_a_path_whose_links_it_followed(
    words: list[str], landed: str, asked: bool
) -> None:
    inspect = {"Config": {"CreateCommand": ["podman", "run", *words, "x"]}}
    found = facts(
        mount(9, landed), config=config(listed(landed)), inspect=inspect, engine=Engine("podman")
    )
    cause = causes(found, link("/var/run", "/run"))[9]
    expected = (Origin.USER_MOUNT, "podman-user-mount") if asked else UNEXPLAINED
    assert (cause.origin, cause.rule) == expected


@pytest.mark.parametrize(
    ("option", "path", "named"),
    [
        ("host", "/dev/shm", True),
        ("host", f"/d/{OTHER}/userdata/shm", False),
        (f"container:{OTHER}", f"/d/{OTHER}/userdata/shm", True),
        (f"container:{OTHER}", "/dev/shm", False),
        ("private", "/dev/shm", False),
    ],
)
def test_podmans_command_line_says_whose_shared_memory_it_is(
    option: str, path: str, named: bool
) -> None:
    found = of_bind(
        "/dev/shm", path, "podman", {"IpcMode": "shareable"},
        inspect={"Config": {"CreateCommand": ["podman", "run", "--ipc", option, "x"]}},
    )  # fmt: skip
    assert origin(found, 9) == (engines("podman-shm") if named else UNEXPLAINED)
