"""Predictions for podman that inspect does not show: masks, and its own writable directories."""

from __future__ import annotations

import pytest

from scratchlab.collect.host_facts import MASK_CANDIDATES
from scratchlab.judge.prediction import predict
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Entry, Facts, Host, Json, Kind, Runtime

CPU = "/sys/devices/system/cpu/cpu0/thermal_throttle"


def predicted(version: str, rule: str, *options: str, **host_config: object) -> set[str]:
    inspect: Json = {
        "Config": {"CreateCommand": ["podman", "run", *options]},
        "HostConfig": host_config,
    }
    facts = Facts(
        host=Host(existing=frozenset((*MASK_CANDIDATES, CPU))),
        engine=Engine("podman", version),
        runtime=Runtime("crun", "1.21"),
        container=Container(inspect=inspect),
    )
    predictions = predict(facts, Ledger()).by_path.values()
    return {prediction.path for prediction in predictions if prediction.rule == rule}


def test_masks_depend_on_the_version() -> None:
    block, powercap = "/sys/dev/block", "/sys/devices/virtual/powercap"
    old, middle, new = (predicted(v, "masked-path") for v in ("4.3.1", "5.4.2", "5.8.6"))
    assert block in old
    assert powercap not in old
    assert middle - old == {powercap}
    assert old - middle == {block}
    assert new - middle == {"/proc/interrupts", CPU}
    assert powercap in predicted("4.8", "masked-path")  # the first that masks it
    assert block not in predicted("5.4", "masked-path")  # the first that does not


def test_the_kernel_decides_who_owns_its_terminals() -> None:
    facts = Facts(engine=Engine("podman", "5.4.2"), runtime=Runtime("crun", "1.21"))
    made = predict(facts, Ledger()).by_path["/dev/pts/ptmx"]
    assert (made.uid, made.gid, made.device) == (None, None, (5, 2))


def test_asound_is_read_only_not_masked() -> None:
    assert "/proc/asound" in predicted("5.4.2", "readonly-path")
    assert "/proc/asound" not in predicted("5.4.2", "masked-path")


@pytest.mark.parametrize(
    "option",
    ["unmask=ALL", "unmask:ALL", "mask=/proc/x", "label=nested", "systempaths=unconfined"],
)
def test_no_mask_is_predicted_where_an_option_changes_the_lists(option: str) -> None:
    assert predicted("5.4.2", "masked-path", f"--security-opt={option}") == set()
    assert predicted("5.4.2", "masked-path", "--security-opt", option) == set()


@pytest.mark.parametrize("option", ["--umask=0077", "--env=mask=1", "--security-opt=label=mask=1"])
def test_other_options_change_no_mask(option: str) -> None:
    assert predicted("5.4.2", "masked-path", option) == predicted("5.4.2", "masked-path")


def test_a_privileged_container_has_no_read_only_paths() -> None:
    assert predicted("5.4.2", "readonly-path", Privileged=True) == set()


def test_a_container_of_the_api_shows_unmask_in_its_security_options() -> None:
    assert predicted("5.4.2", "masked-path", SecurityOpt=["unmask=all"]) == set()


def test_a_read_only_root_has_three_writable_directories_unless_an_option_says_no() -> None:
    directories = {"/run", "/tmp", "/var/tmp"}
    assert directories <= predicted("5.4.2", "engine-filesystem", ReadonlyRootfs=True)
    assert directories.isdisjoint(predicted("5.4.2", "engine-filesystem"))
    option = "--read-only-tmpfs=false"
    without = predicted("5.4.2", "engine-filesystem", option, ReadonlyRootfs=True)
    assert directories.isdisjoint(without)


def all_of(*image: Entry, rootless: bool = False, version: str = "5.4.2",
           config: Json | None = None, **inspect: object) -> dict[str, Prediction]:  # fmt: skip
    facts = Facts(
        engine=Engine("podman", version, rootless=rootless),
        runtime=Runtime("crun", "1.21"),
        container=Container(inspect={**inspect, "Config": config or {}}),
    )
    return dict(predict(facts, Ledger(image)).by_path)


PLAIN = {
    "/", "/dev", "/dev/core", "/dev/fd", "/dev/full", "/dev/mqueue", "/dev/null", "/dev/ptmx",
    "/dev/pts", "/dev/pts/ptmx", "/dev/random", "/dev/stderr", "/dev/stdin", "/dev/stdout",
    "/dev/tty", "/dev/urandom", "/dev/zero", "/etc", "/etc/mtab", "/proc", "/run",
    "/run/.containerenv", "/sys",
}  # fmt: skip
OWN: Json = {
    "HostsPath": "/r/hosts",
    "HostnamePath": "/r/hostname",
    "ResolvConfPath": "/r/resolv.conf",
}


def test_a_plain_container_has_these() -> None:
    found = all_of()
    assert set(found) == PLAIN
    makers = {path: (str(item.origin), item.rule) for path, item in found.items()}
    assert makers["/"] == ("storage-driver", "podman-root")
    assert makers["/etc"] == makers["/etc/mtab"] == ("engine-create", "podman-etc")
    assert makers["/run"] == ("runtime-mountpoint", "runtime-mountpoint")
    assert makers["/run/.containerenv"] == ("engine-mount", "podman-files")
    assert makers["/sys"] == ("runtime-filesystem", "oci-filesystem")
    assert makers["/dev"] == makers["/dev/mqueue"] == ("runtime-filesystem", "engine-filesystem")
    assert makers["/dev/pts/ptmx"] == ("kernel", "devpts-node")


def test_fields_of_a_plain_container() -> None:
    found = all_of()
    assert (found["/"].mode, found["/"].uid) == ((), 0)
    assert found["/etc"].kind is Kind.DIRECTORY
    assert (found["/etc/mtab"].kind, found["/etc/mtab"].target) == (Kind.SYMLINK, "/proc/mounts")
    assert found["/run/.containerenv"].kind is Kind.FILE
    assert (found["/dev/pts/ptmx"].device, found["/dev/pts/ptmx"].uid) == ((5, 2), None)
    assert found["/dev"].kind is Kind.DIRECTORY
    modes = {path: found[path].mode for path in ("/proc", "/sys", "/dev/pts", "/dev/mqueue")}
    assert modes == {
        "/proc": (0o555,), "/sys": (0o555,), "/dev/pts": (0o755,), "/dev/mqueue": (0o1777,),
    }  # fmt: skip
    safe = frozenset({"nosuid", "noexec", "nodev"})
    mounts = {path: found[path].mount for path in ("/proc", "/sys", "/dev", "/dev/pts")}
    assert mounts == {
        "/proc": PredictedMount("proc", safe),
        "/sys": PredictedMount("sysfs", safe),
        "/dev": PredictedMount("tmpfs", frozenset({"nosuid"})),
        "/dev/pts": PredictedMount("devpts", frozenset({"nosuid", "noexec"})),
    }
    assert found["/dev/mqueue"].mount == PredictedMount("mqueue", safe)


def test_nothing_of_a_plain_container_has_attributes() -> None:
    assert {path for path, item in all_of(**OWN).items() if not item.plain} == set()


def test_etc_of_the_image_is_kept() -> None:
    etc = Entry("/etc", Kind.DIRECTORY, 0o755)
    assert set(all_of(etc)) == PLAIN - {"/etc"}
    assert set(all_of(etc, Entry("/etc/mtab", Kind.FILE, 0o644))) == PLAIN - {"/etc", "/etc/mtab"}


def test_what_podman_makes_lies_where_the_images_etc_leads() -> None:
    image = (Entry("/conf", Kind.DIRECTORY, 0o755), Entry("/etc", Kind.SYMLINK, 0o777,
             target="/conf"))  # fmt: skip
    moved = {"/conf/mtab", "/conf/hosts", "/conf/hostname", "/conf/resolv.conf"}
    assert set(all_of(*image, **OWN)) == PLAIN - {"/etc", "/etc/mtab"} | moved
    own = Entry("/conf/mtab", Kind.FILE, 0o644)
    assert "/conf/mtab" not in all_of(*image, own)


def test_the_engines_files_are_those_that_inspect_names() -> None:
    found = all_of(**OWN)
    files = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
    assert set(found) == PLAIN | files
    assert {(found[path].rule, found[path].kind) for path in files} == {("podman-files", Kind.FILE)}
    assert set(all_of(HostsPath="/r/hosts", ResolvConfPath="")) == PLAIN | {"/etc/hosts"}


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        ("/dev", {path for path in PLAIN if path.startswith("/dev/")}),
        ("/dev/mqueue", set()), ("/sys", set()), ("/run", {"/run/.containerenv"}),
        ("/etc", {"/etc/mtab"}), ("/etc/hosts", set()),
    ],
)  # fmt: skip
def test_a_users_mount_takes_the_place_of_podmans(target: str, gone: set[str]) -> None:
    found = all_of(Mounts=[{"Destination": target, "Source": "/s"}])
    assert set(found) == (PLAIN - gone) | {target}
    assert found[target].rule == "podman-user-mount"
    both = all_of(Mounts=[{"Destination": target, "Source": "/s"}], **OWN)
    assert both[target].rule == "podman-user-mount"


def test_a_mount_over_the_cgroups_has_no_entry() -> None:
    found = all_of(Mounts=[{"Destination": "/sys/fs/cgroup", "Source": "/s"}])
    assert not found["/sys/fs/cgroup"].has_entry


@pytest.mark.parametrize(
    ("rootless", "mode", "options"),
    [(True, "host", 0), (True, "bridge", 3), (False, "host", 3), (False, None, 3)],
)
def test_only_a_rootless_podman_in_the_hosts_network_binds_sys(
    rootless: bool, mode: str | None, options: int
) -> None:
    mount = all_of(rootless=rootless, HostConfig={"NetworkMode": mode})["/sys"].mount
    assert mount is not None
    assert len(mount.options) == options


def test_in_systemd_mode_some_directories_are_writable() -> None:
    directories = {"/run", "/run/lock", "/tmp", "/var/log/journal"}
    found = all_of(config={"SystemdMode": True})
    assert {found[path].rule for path in directories} == {"engine-filesystem"}
    mounts = [found[path].mount for path in directories]
    assert [mount.fstype for mount in mounts if mount] == ["tmpfs"] * 4
    assert found["/var"].rule == found["/var/log"].rule == "runtime-mountpoint"
    users = all_of(config={"SystemdMode": True}, Mounts=[{"Destination": "/tmp", "Source": "/s"}])
    assert users["/tmp"].rule == "podman-user-mount"


def test_a_terminal_brings_a_console() -> None:
    assert set(all_of(config={"Tty": True})) - PLAIN == {"/dev/console", "/dev/pts/0"}


@pytest.mark.parametrize(("version", "predicted"), [("4.3.1", False), ("4.4", True)])
def test_older_ones_name_their_writable_directories_in_inspect(
    version: str, predicted: bool
) -> None:
    found = all_of(version=version, HostConfig={"ReadonlyRootfs": True})
    assert ("/tmp" in found) is predicted
    users = all_of(HostConfig={"ReadonlyRootfs": True},
                   Mounts=[{"Destination": "/tmp", "Source": "/s"}])  # fmt: skip
    assert users["/tmp"].rule == "podman-user-mount"
