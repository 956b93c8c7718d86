"""What Docker is predicted to put there, option by option."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import CRUN, DOCKER, RUNC, directory, facts, file, link

from scratchlab.devices import HostDevice
from scratchlab.judge.prediction import predict
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction, Predictions
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Entry, Host, Kind, Origin, Runtime

AMONG = "among the versions that the rules were read in; origins are found by evidence alone"
MAPPED = ((0, 100000, 65536),)
IN_DEV = {"/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero",
          "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/ptmx"}  # fmt: skip
PLAIN = IN_DEV | {"/", "/.dockerenv", "/dev", "/dev/mqueue", "/dev/pts", "/dev/pts/ptmx",
                  "/dev/shm", "/etc", "/etc/hostname", "/etc/hosts", "/etc/mtab",
                  "/etc/resolv.conf", "/proc", "/sys"}  # fmt: skip


def predicted(*image: Entry, inspect: dict[str, Any] | None = None, **changes: Any) -> Predictions:
    return predict(facts(inspect=inspect, **changes), Ledger(image))


def options(*image: Entry, config: dict[str, Any] | None = None, **host_config: Any) -> Predictions:
    return predicted(*image, inspect={"HostConfig": host_config, "Config": config or {}})


def at(predictions: Predictions, path: str) -> Prediction:
    return predictions.by_path[path]


def mounted(predictions: Predictions, path: str) -> PredictedMount:
    found = at(predictions, path).mount
    assert found is not None
    return found


def test_a_plain_container_has_these_and_nothing_else() -> None:
    found = predicted()
    assert set(found.by_path) == PLAIN
    assert found.complete
    assert found.problems == ()
    assert all(item.path == path for path, item in found.by_path.items())


def test_each_path_of_a_plain_container_has_its_maker() -> None:
    found = predicted()
    makers = {path: (str(item.origin), item.rule) for path, item in found.by_path.items()}
    assert makers["/"] == ("storage-driver", "docker-root")
    assert makers["/.dockerenv"] == ("engine-init-layer", "docker-dockerenv")
    assert makers["/etc"] == ("engine-init-layer", "docker-init-folder")
    assert makers["/etc/mtab"] == ("engine-init-layer", "docker-mtab")
    for name in ("hosts", "hostname", "resolv.conf"):
        assert makers[f"/etc/{name}"] == ("engine-mount", "docker-network-files")
    for path in ("/proc", "/sys", "/dev/pts", "/dev/shm"):
        assert makers[path] == ("runtime-filesystem", "oci-filesystem")
    for path in ("/dev", "/dev/mqueue"):
        assert makers[path] == ("runtime-filesystem", "engine-filesystem")
    assert makers["/dev/pts/ptmx"] == ("kernel", "devpts-node")
    assert {makers[path][0] for path in IN_DEV} == {"runtime-device"}


def test_fields_of_a_plain_container() -> None:
    found = predicted()
    assert at(found, "/").mode == (0o755,)
    assert (at(found, "/").uid, at(found, "/").gid) == (0, 0)
    dockerenv, mtab = at(found, "/.dockerenv"), at(found, "/etc/mtab")
    assert (dockerenv.kind, dockerenv.mode, dockerenv.size) == (Kind.FILE, (0o755,), 0)
    assert (mtab.kind, mtab.target, mtab.size, mtab.uid) == (Kind.SYMLINK, "/proc/mounts", None, 0)
    null, zero = at(found, "/dev/null"), at(found, "/dev/zero")
    assert (null.kind, null.mode, null.device, null.uid) == (Kind.CHAR, (0o666,), (1, 3), None)
    assert (zero.device, zero.uid, zero.gid) == ((1, 5), 0, 0)
    assert at(found, "/dev/fd").target == "/proc/self/fd"
    assert at(found, "/dev/ptmx").target == "pts/ptmx"
    assert at(found, "/dev/pts/ptmx").device == (5, 2)
    assert at(found, "/etc/hosts").kind is Kind.FILE
    assert at(found, "/etc/hosts").mode == (0o644,)
    assert at(found, "/proc").mode == (0o555,)
    assert at(found, "/dev/mqueue").mode == (0o1777,)


def test_mounts_of_a_plain_container() -> None:
    found = predicted()
    safe = frozenset({"nosuid", "noexec", "nodev"})
    assert mounted(found, "/proc") == PredictedMount("proc", safe)
    assert mounted(found, "/sys") == PredictedMount("sysfs", safe | {"ro"})
    assert mounted(found, "/dev") == PredictedMount("tmpfs", frozenset({"nosuid"}))
    assert mounted(found, "/dev/pts") == PredictedMount("devpts", frozenset({"nosuid", "noexec"}))
    assert mounted(found, "/dev/shm") == PredictedMount("tmpfs", safe)
    assert mounted(found, "/dev/mqueue") == PredictedMount("mqueue", safe)
    assert mounted(found, "/etc/hosts") == PredictedMount()


@pytest.mark.parametrize(
    ("engine", "runtime", "problem"),
    [
        (Engine("lxd"), RUNC, "no prediction: the engine 'lxd' is not known"),
        (Engine("docker", "18.09"), RUNC, "no prediction: docker 18.09 is not among"),
        (Engine("docker", "30.0"), RUNC, "no prediction: docker 30.0 is not among"),
        (Engine("podman", "3.4"), RUNC, "no prediction: podman 3.4 is not among"),
        (DOCKER, Runtime("runc", "2.0"), "no prediction: runc 2.0 is not among"),
        (DOCKER, Runtime("crun", "0.9"), "no prediction: crun 0.9 is not among"),
        (DOCKER, Runtime("runsc", "1.0"), "no prediction: runsc 1.0 is not among"),
        (DOCKER, Runtime(), "no prediction:   is not among"),
    ],
)
def test_what_was_not_read_in_is_not_predicted(
    engine: Engine, runtime: Runtime, problem: str
) -> None:
    found = predicted(engine=engine, runtime=runtime)
    assert (found.by_path, found.below, found.complete) == ({}, {}, False)
    assert found.problems == (problem.replace("among", AMONG),)


@pytest.mark.parametrize(
    ("engine", "runtime"),
    [
        (Engine("docker", "19.03.15"), RUNC), (Engine("docker", "29.7.1"), RUNC),
        (DOCKER, Runtime("crun", "1.28")), (DOCKER, Runtime("runc", "1.0.0-rc10")),
        (Engine("podman", "4.0"), CRUN), (Engine("podman", "5.8.6"), CRUN),
    ],
)  # fmt: skip
def test_what_was_read_in_is_predicted(engine: Engine, runtime: Runtime) -> None:
    assert predicted(engine=engine, runtime=runtime).problems == ()


def test_without_an_init_layer_its_entries_are_not_predicted() -> None:
    found = predicted(engine=Engine("docker", "24.0.9", containerd_store=True))
    assert PLAIN - set(found.by_path) == {"/.dockerenv", "/etc/mtab"}
    assert at(found, "/etc").rule == "runtime-mountpoint"


def test_a_directory_of_the_image_is_kept_by_the_init_layer() -> None:
    assert "/etc" not in predicted(directory("/etc")).by_path
    assert at(predicted(file("/etc")), "/etc").rule == "docker-init-folder"
    assert at(predicted(directory("/etc/mtab")), "/etc/mtab").rule == "docker-mtab"
    assert "/etc/mtab" in predicted(link("/etc/mtab", "/x")).by_path


def test_owners_are_those_of_the_containers_root() -> None:
    found = predicted(uid_map=MAPPED)
    for path in ("/", "/.dockerenv", "/etc/hosts", "/dev/fd"):
        assert (at(found, path).uid, at(found, path).gid) == (100000, 100000)
    assert (at(found, "/etc/mtab").uid, at(found, "/etc/mtab").gid) == (0, 0)
    rootless = predicted(uid_map=MAPPED, engine=Engine("docker", "20.10.24", rootless=True))
    assert at(rootless, "/etc/mtab").uid == 100000
    null = at(found, "/dev/null")
    assert (null.mount, null.uid, null.mode) == (PredictedMount(), None, ())
    assert (null.origin, null.rule) == (Origin.RUNTIME_DEVICE, "oci-device")
    plain = at(predicted(), "/dev/null")
    assert (plain.mount, plain.rule, plain.kind) == (None, "oci-device", Kind.CHAR)


def test_a_core_link_needs_the_kernels_file_or_crun() -> None:
    with_kcore = Host(existing=frozenset({"/proc/kcore"}))
    assert "/dev/core" not in predicted().by_path
    assert at(predicted(host=with_kcore), "/dev/core").target == "/proc/kcore"
    assert at(predicted(runtime=CRUN), "/dev/core").rule == "runtime-core"


# Options:


def test_a_read_only_root_has_read_only_files_of_the_engine() -> None:
    assert mounted(options(ReadonlyRootfs=True), "/etc/hosts").options == {"ro"}
    assert mounted(options(ReadonlyRootfs=False), "/etc/hosts").options == frozenset()


def test_init_binds_a_program_where_sbin_leads() -> None:
    found = options(Init=True)
    init = at(found, "/sbin/docker-init")
    assert (init.origin, init.rule, init.kind) == (
        Origin.ENGINE_MOUNT, "docker-init-program", Kind.FILE,
    )  # fmt: skip
    assert at(found, "/sbin").rule == "runtime-mountpoint"
    assert at(found, "/sbin").mode == (0o755,)
    merged = options(
        link("/sbin", "usr/sbin"), directory("/usr/sbin"), directory("/usr"), Init=True
    )
    assert "/usr/sbin/docker-init" in merged.by_path
    assert "/usr/sbin" not in merged.by_path
    assert "/sbin" not in merged.by_path


@pytest.mark.parametrize(
    ("mode", "rule", "options_"),
    [
        (None, "oci-filesystem", {"nosuid", "noexec", "nodev"}),
        ("private", "oci-filesystem", {"nosuid", "noexec", "nodev"}),
        ("shareable", "docker-shm", set()), ("host", "docker-shm", set()),
        ("container:x", "docker-shm", set()),
    ],
)  # fmt: skip
def test_shared_memory_follows_the_ipc_mode(
    mode: str | None, rule: str, options_: set[str]
) -> None:
    found = options(IpcMode=mode)
    assert at(found, "/dev/shm").rule == rule
    assert mounted(found, "/dev/shm").options == options_
    assert mounted(found, "/dev/shm").fstype == "tmpfs"
    assert at(found, "/dev/shm").mode == (0o1777,)


def test_with_ipc_none_there_is_no_shared_memory() -> None:
    assert set(options(IpcMode="none").by_path) == PLAIN - {"/dev/shm"}


def test_with_ipc_host_the_queues_have_options_of_their_own() -> None:
    assert mounted(options(IpcMode="host"), "/dev/mqueue").options == frozenset()
    assert mounted(options(IpcMode="none"), "/dev/mqueue").options == {"nosuid", "noexec", "nodev"}


def test_a_privileged_container_has_the_hosts_nodes() -> None:
    found = options(Privileged=True)
    assert not found.complete
    assert "rw" in mounted(found, "/sys").options
    for path in ("/dev/zero", "/dev/null"):
        assert (at(found, path).uid, at(found, path).mode) == (None, ())
    device = {"PathInContainer": "/x"}
    privileged = predicted(
        inspect={"HostConfig": {"Privileged": True, "Devices": [device]}},
        devices=(HostDevice("/x", (1, 5)),),
    )
    assert "/x" not in privileged.by_path


def test_devices_are_predicted_where_their_paths_lead() -> None:
    found = predicted(
        link("/lib", "usr"), directory("/usr"),
        devices=(HostDevice("/lib/d/z", (1, 5)), HostDevice("/dev/net/tun", (10, 200))),
    )  # fmt: skip
    device = at(found, "/usr/d/z")
    assert (device.origin, device.rule, device.device, device.uid, device.gid) == (
        Origin.RUNTIME_DEVICE, "configured-device", (1, 5), None, None,
    )  # fmt: skip
    assert at(found, "/usr/d").rule == "runtime-mountpoint"
    assert at(found, "/dev/net").rule == "runtime-mountpoint"
    assert "/usr" not in found.by_path
    assert found.complete


def test_devices_whose_numbers_are_not_known_make_the_prediction_incomplete() -> None:
    assert not options(Devices=[{"PathInContainer": "/x"}]).complete
    assert not options(DeviceRequests=[{}]).complete
    assert options(Devices=[], DeviceRequests=[]).complete


def test_a_terminal_brings_a_console_and_its_node() -> None:
    found = options(config={"Tty": True})
    assert set(found.by_path) - PLAIN == {"/dev/console", "/dev/pts/0"}
    assert (at(found, "/dev/console").rule, at(found, "/dev/console").uid) == ("oci-console", None)
    terminal = at(found, "/dev/pts/0")
    assert (terminal.rule, terminal.kind, terminal.uid, terminal.gid) == (
        "devpts-node", Kind.CHAR, None, None,
    )  # fmt: skip


def test_a_service_of_a_swarm_may_have_secrets() -> None:
    assert not options(config={"Labels": {"com.docker.swarm.service.id": "x"}}).complete
    assert options(config={"Labels": {"other": "x"}}).complete


def test_masks_are_predicted_where_the_kernel_has_the_path() -> None:
    found = predicted(
        inspect={"HostConfig": {"MaskedPaths": ["/proc/acpi", "/proc/no"],
                                "ReadonlyPaths": ["/proc/bus"]}},
        host=Host(existing=frozenset({"/proc/acpi", "/proc/bus"})),
    )  # fmt: skip
    masks = {path: item for path, item in found.by_path.items() if not item.has_entry}
    assert {path: item.rule for path, item in masks.items()} == {
        "/proc/acpi": "masked-path", "/proc/bus": "readonly-path",
    }  # fmt: skip
    assert {item.origin for item in masks.values()} == {Origin.RUNTIME_MASK}


@pytest.mark.parametrize("path", ["/w", "/w/d"])
def test_a_working_directory_is_made_with_those_above_it(path: str) -> None:
    found = options(config={"WorkingDir": "/w/d"})
    made = at(found, path)
    assert (made.rule, made.origin, made.kind, made.mode) == (
        "docker-workdir", Origin.ENGINE_CREATE, Kind.DIRECTORY, (0o755,),
    )  # fmt: skip


def test_a_working_directory_that_something_provides_is_not_made() -> None:
    work = {"WorkingDir": "/w/d"}
    assert set(options(directory("/w"), config=work).by_path) - PLAIN == {"/w/d"}
    whole = options(directory("/w"), directory("/w/d"), config=work)
    assert set(whole.by_path) == PLAIN
    assert "/w" in options(file("/w"), config=work).by_path
    assert set(options(config={"WorkingDir": "/"}).by_path) == PLAIN
    in_volume = predicted(
        inspect={"Config": work, "Mounts": [{"Destination": "/w", "Type": "volume"}]}
    )
    assert set(in_volume.by_path) - PLAIN == {"/w"}
    in_tmpfs = options(config=work, Tmpfs={"/w": ""})
    assert at(in_tmpfs, "/w").rule == "docker-user-mount"
    assert at(in_tmpfs, "/w/d").rule == "docker-workdir"
    assert at(options(config={"WorkingDir": "/dev/shm/w"}), "/dev/shm/w").rule == "docker-workdir"
    assert at(options(config={"WorkingDir": "/etc/w"}), "/etc").rule == "docker-init-folder"


# The user's mounts:


def users(*wishes: dict[str, Any], image: tuple[Entry, ...] = (), **changes: Any) -> Predictions:
    return predicted(*image, inspect={"Mounts": list(wishes)}, **changes)


def test_a_users_mount_is_predicted_where_it_lands_with_its_mountpoint() -> None:
    image = (link("/data", "/srv"), directory("/srv"))
    found = users({"Destination": "/data/a/b", "Type": "volume", "RW": False}, image=image)
    mount = at(found, "/srv/a/b")
    assert (mount.origin, mount.rule, mount.uid) == (Origin.USER_MOUNT, "docker-user-mount", None)
    assert mount.mount == PredictedMount(None, frozenset({"ro"}))
    assert at(found, "/srv/a").rule == "runtime-mountpoint"
    assert at(found, "/srv/a").mode == (0o755,)
    assert "/srv" not in found.by_path
    crun = users({"Destination": "/a/b"}, runtime=CRUN)
    assert at(crun, "/a").mode == (0o1755, 0o755)


def test_a_users_tmpfs_is_one() -> None:
    found = options(Tmpfs={"/t/x": ""})
    assert mounted(found, "/t/x") == PredictedMount("tmpfs")
    assert mounted(users({"Destination": "/t", "RW": True}), "/t") == PredictedMount()


def test_links_on_a_users_mount_are_followed() -> None:
    found = users(
        {"Destination": "/nb", "Type": "bind", "Source": "/links"},
        {"Destination": "/nb/cur/data", "Type": "bind", "Source": "/dir"},
        links={"/nb/cur": "/opt"},
    )
    assert set(found.by_path) - PLAIN == {"/nb", "/opt", "/opt/data"}


def test_what_lies_on_somebodys_mount_is_not_predicted() -> None:
    found = users({"Destination": "/etc", "Type": "volume"})
    assert at(found, "/etc").rule == "docker-user-mount"
    assert "/etc/mtab" not in found.by_path
    assert "/etc/hosts" in found.by_path
    inner = users({"Destination": "/a", "Type": "bind"}, {"Destination": "/a/b/c"})
    assert set(inner.by_path) - PLAIN == {"/a", "/a/b/c"}


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        ("/dev", {path for path in PLAIN if path.startswith("/dev/")}),
        ("/dev/pts", {"/dev/pts/ptmx"}),
        ("/dev/mqueue", set()), ("/dev/shm", set()), ("/proc", set()), ("/sys", set()),
        ("/etc/hosts", set()), ("/dev/null", set()), ("/dev/fd", set()),
    ],
)  # fmt: skip
def test_a_users_mount_takes_the_place_of_the_engines(target: str, gone: set[str]) -> None:
    found = users({"Destination": target, "Type": "bind", "Source": "/x"})
    assert set(found.by_path) == PLAIN - gone
    assert at(found, target).rule == "docker-user-mount"
    assert found.below == {}


def test_what_lies_in_a_kernel_filesystem_has_no_entry() -> None:
    for source, target in (("/sys/fs/cgroup", "/sys/fs/cgroup"), ("/x", "/proc/cpuinfo")):
        found = users({"Destination": target, "Type": "bind", "Source": source})
        assert not at(found, target).has_entry
        assert set(found.by_path) - PLAIN == {target}
    for source in ("/proc", "/sys/x"):
        found = users(
            {"Destination": "/k", "Type": "bind", "Source": source}, {"Destination": "/k/x/y"}
        )
        assert at(found, "/k").has_entry
        assert not at(found, "/k/x/y").has_entry
        assert "/k/x" not in found.by_path
    system = users({"Destination": "/k", "Source": "/system"}, {"Destination": "/k/x"})
    assert at(system, "/k/x").has_entry


def test_a_mount_over_a_predicted_one_stands_above_it() -> None:
    found = predicted(
        inspect={"HostConfig": {"Tmpfs": {"/proc/acpi": ""}, "MaskedPaths": ["/proc/acpi"]}},
        host=Host(existing=frozenset({"/proc/acpi"})),
    )
    assert at(found, "/proc/acpi").rule == "masked-path"
    assert [item.rule for item in found.below["/proc/acpi"]] == ["docker-user-mount"]
