"""The directories of the writable layer, the engine's init layer and the image's layers."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect import storage
from scratchlab.model import Engine, Layers, Mount

STORE = "/var/lib/docker/overlay2"
ROOT = "/var/lib/docker"
DOCKER = Engine(name="docker", storage_driver="overlay2", root_dir=ROOT)
CONTAINERD = Engine(name="docker", storage_driver="overlayfs", containerd_store=True, root_dir=ROOT)
PODMAN = Engine(name="podman", storage_driver="overlay", root_dir="/s")


def root(*options: str, fstype: str = "overlay") -> Mount:
    return Mount(9, 1, (0, 39), "/", "/", ("rw",), (), fstype, fstype, options)


def engines(mount: Mount, target: str = f"{ROOT}/overlay2/m/merged") -> Mount:
    """The same filesystem, where the engine mounted it."""
    return replace(mount, id=mount.id + 1000, target=target)


def find(
    engine: Engine, mount: Mount, image_layers: int = 1, **inspect: Any
) -> tuple[Layers, str | None]:
    return storage.find_layers(
        {"Id": "c0ffee", **inspect}, engine, ["x"] * image_layers, [mount], mount.id,
        engine_mounts=[engines(mount, f"{engine.root_dir}/rootfs/c0ffee")],
    )  # fmt: skip


def test_dockers_init_layer_is_on_top_of_the_image() -> None:
    mount = root(
        f"lowerdir={STORE}/m-init/diff:{STORE}/b/diff:{STORE}/a/diff", f"upperdir={STORE}/m/diff"
    )
    assert find(DOCKER, mount, 2) == (
        Layers(
            "overlay2",
            (f"{STORE}/b/diff", f"{STORE}/a/diff"),
            f"{STORE}/m-init/diff",
            f"{STORE}/m/diff",
        ),
        None,
    )


def test_an_image_without_layers_has_only_the_init_layer() -> None:
    layers, _ = find(DOCKER, root(f"lowerdir={STORE}/m-init/diff", f"upperdir={STORE}/m/diff"), 0)
    assert (layers.init, layers.lower) == (f"{STORE}/m-init/diff", ())


SNAPSHOTS = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"


def test_a_containerd_snapshot_more_than_the_image_has_layers_is_the_init_layer() -> None:
    mount = root(f"lowerdir={SNAPSHOTS}/7/fs:{SNAPSHOTS}/3/fs", f"upperdir={SNAPSHOTS}/8/fs")
    assert find(CONTAINERD, mount, 1)[0].init == f"{SNAPSHOTS}/7/fs"


def test_docker_24_with_containerd_has_no_init_layer() -> None:
    mount = root(f"lowerdir={SNAPSHOTS}/3/fs", f"upperdir={SNAPSHOTS}/8/fs")
    layers, _ = find(CONTAINERD, mount, 1)
    assert (layers.init, layers.lower) == (None, (f"{SNAPSHOTS}/3/fs",))


def test_relative_names_of_a_deep_image_are_found() -> None:
    mount = root("lowerdir=7/fs:3/fs", f"upperdir={SNAPSHOTS}/8/fs")
    layers, _ = find(CONTAINERD, mount, 1)
    assert (layers.init, layers.lower) == (f"{SNAPSHOTS}/7/fs", (f"{SNAPSHOTS}/3/fs",))


def test_podman_has_no_init_layer() -> None:
    layers, _ = find(PODMAN, root("lowerdir=/s/x-init/diff", "upperdir=/s/m/diff"))
    assert (layers.init, layers.lower) == (None, ("/s/x-init/diff",))


def test_a_disagreement_of_engine_and_kernel_is_a_problem() -> None:
    mount = root(f"lowerdir={STORE}/m-init/diff", f"upperdir={STORE}/m/diff")
    graph = {"Name": "overlay2", "Data": {"UpperDir": f"{STORE}/other/diff"}}
    layers, problem = find(DOCKER, mount, GraphDriver=graph)
    assert layers.upper == f"{STORE}/m/diff"
    assert problem is not None
    assert "other" in problem


HOST = "/srv/host-secret"
FORGED = root(f"lowerdir={HOST}/l", f"upperdir={HOST}")
DATA = {"LowerDir": f"{STORE}/m-init/diff:{STORE}/a/diff", "UpperDir": f"{STORE}/m/diff"}
NOT_KNOWN = (
    "the engine's mount namespace does not have the container's root: its layers are not known"
)


def found(
    mount: Mount, engine_mounts: list[Mount], data: dict[str, str] | None, engine: Engine
) -> tuple[Layers, str | None]:
    inspect = {"Id": "c0ffee", "GraphDriver": {"Name": engine.storage_driver, "Data": data}}
    return storage.find_layers(
        inspect, engine, ["x"], [mount], mount.id, engine_mounts=engine_mounts
    )


def test_the_options_of_a_mount_that_the_engine_does_not_have_are_not_believed() -> None:
    mine = replace(engines(FORGED), device=(0, 40))
    for mounts in ([], [mine], [engines(FORGED, "/mnt/shared")]):
        layers, problem = found(FORGED, mounts, DATA, DOCKER)
        assert (layers.upper, layers.init) == (DATA["UpperDir"], f"{STORE}/m-init/diff")
        assert problem is None
        assert found(FORGED, mounts, None, CONTAINERD) == (Layers(driver="overlayfs"), NOT_KNOWN)


def test_a_layer_outside_the_engines_directory_is_not_opened() -> None:
    layers, problem = found(FORGED, [engines(FORGED)], None, DOCKER)
    assert layers == Layers(driver="overlay2")
    assert problem == f"a layer is not in the engine's directory {ROOT}: {HOST}/l"
    climbing = {"LowerDir": f"{STORE}/a/diff", "UpperDir": f"{STORE}/../../../../etc"}
    assert found(FORGED, [], climbing, DOCKER)[0] == Layers(driver="overlay2")


def test_a_link_of_the_engine_to_its_own_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk/overlay2/m/diff").mkdir(parents=True)
    (tmp_path / "docker").symlink_to("disk")
    engine = replace(DOCKER, root_dir=f"{tmp_path}/docker")
    data = {"UpperDir": f"{tmp_path}/docker/overlay2/m/diff"}
    layers, problem = found(root(), [], data, engine)
    assert (layers.upper, problem) == (f"{os.path.realpath(tmp_path)}/disk/overlay2/m/diff", None)


def test_the_devices_of_the_engine_are_below_its_directory_and_its_own_root() -> None:
    top = Mount(1, 0, (0, 1), "/", "/", ("rw",), (), "overlay", "overlay", ())
    merged = replace(top, id=2, parent=1, device=(0, 2), target=f"{STORE}/m/merged")
    bundle = replace(merged, device=(0, 3), target="/run/containerd/x/c0ffee/rootfs")
    shared = replace(merged, device=(0, 4), target="/srv/shared/docker")
    beside = replace(merged, device=(0, 5), target=f"{ROOT}-other/overlay2/m/merged")
    over = replace(merged, device=(0, 6), target="/")  # came by propagation
    mounts = [top, merged, bundle, shared, beside, over]
    assert storage.engine_devices(mounts, ROOT) == frozenset({(0, 1), (0, 2), (0, 3)})
    assert storage.engine_devices(None, ROOT) is None


def test_the_mounts_are_those_of_the_shims_namespace() -> None:
    assert storage.read_engine_mounts(os.getpid())
    assert storage.read_engine_mounts(0) == storage.read_engine_mounts(1)


def test_an_unknown_driver_is_a_problem() -> None:
    layers, problem = find(Engine(name="docker", storage_driver="btrfs"), root(fstype="btrfs"))
    assert layers == Layers(driver="btrfs")
    assert problem is not None
    assert "btrfs" in problem


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


DIFF_IDS = [f"sha256:{digit * 64}" for digit in "ab"]


def docker_vfs(tmp_path: Path) -> Engine:
    layerdb = tmp_path / "image/vfs/layerdb"
    write(layerdb / "mounts/c0ffee/mount-id", "m")
    write(layerdb / "mounts/c0ffee/init-id", "m-init")
    for number, chain in enumerate(storage.chain_ids(DIFF_IDS)):
        write(layerdb / chain.replace(":", "/") / "cache-id", f"cache{number}\n")
    return Engine(name="docker", storage_driver="vfs", root_dir=str(tmp_path))


def test_dockers_files_name_the_directories_of_vfs(tmp_path: Path) -> None:
    engine, directory = docker_vfs(tmp_path), f"{tmp_path}/vfs/dir"
    found = storage.find_layers({"Id": "c0ffee"}, engine, DIFF_IDS, [root(fstype="ext4")], 9)
    lower = (f"{directory}/cache1", f"{directory}/cache0")
    assert found == (Layers("vfs", lower, f"{directory}/m-init", f"{directory}/m"), None)


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc"])
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    engine = docker_vfs(tmp_path)
    write(tmp_path / "image/vfs/layerdb/mounts/c0ffee/mount-id", name)
    layers, problem = storage.find_layers(
        {"Id": "c0ffee"}, engine, DIFF_IDS, [root(fstype="ext4")], 9
    )
    assert layers == Layers(driver="vfs")
    assert problem is not None
    assert "does not hold the name" in problem


def test_podmans_files_name_the_directories_of_vfs(tmp_path: Path) -> None:
    write(tmp_path / "vfs-containers/containers.json", json.dumps([{"id": "c0ffee", "layer": "m"}]))
    listed = [{"id": "m", "parent": "b"}, {"id": "b", "parent": "a"}, {"id": "a"}]
    write(tmp_path / "vfs-layers/layers.json", json.dumps(listed))
    engine = Engine(name="podman", storage_driver="vfs", root_dir=str(tmp_path))
    found = storage.find_layers({"Id": "c0ffee"}, engine, [], [root(fstype="ext4")], 9)
    directory = f"{tmp_path}/vfs/dir"
    assert found == (
        Layers("vfs", (f"{directory}/b", f"{directory}/a"), None, f"{directory}/m"),
        None,
    )


@pytest.mark.parametrize("text", ["", "{}", "[]", '[{"id": 1}]', "[1]"])
def test_files_that_cannot_be_parsed_are_a_problem(tmp_path: Path, text: str) -> None:
    write(tmp_path / "vfs-containers/containers.json", text)
    write(tmp_path / "vfs-layers/layers.json", "[]")
    engine = Engine(name="podman", storage_driver="vfs", root_dir=str(tmp_path))
    layers, problem = storage.find_layers({"Id": "c0ffee"}, engine, [], [root(fstype="ext4")], 9)
    assert layers == Layers(driver="vfs")
    assert problem is not None


def test_chain_ids_are_those_of_the_image_spec() -> None:
    # image-spec v1.1 config.md: ChainID(A|B) = Digest(ChainID(A) + " " + DiffID(B)).
    # The output of sha256sum for 'sha256:aa…a sha256:bb…b'.
    second = "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"
    assert storage.chain_ids(DIFF_IDS)[0] == DIFF_IDS[0]
    assert storage.chain_ids(DIFF_IDS)[1] == second
