"""Containers that stack filesystems: the reader is not held, and is led to nothing of the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect import layer_ledgers, storage
from scratchlab.collect.engines import EngineClient
from scratchlab.collect.holding import parent_pid
from scratchlab.collect.live import read_root
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError
from tests.integration.conftest import Run
from tests.integration.debug_containers import through_debug
from tests.integration.live_roots import SECRET, attacker, entry, pid, root

pytestmark = [pytest.mark.engine, pytest.mark.root]

# A FUSE filesystem that answers until an overlay is mounted over it, and never again. Records of
# Linux include/uapi/linux/fuse.h.
_OVERLAY_ON_DEAD_FUSE = """
import os, select, struct, sys
from tests.integration.live_roots import enter_mounts_of, mount
device = os.open("/dev/fuse", os.O_RDWR)
enter_mounts_of(int(sys.argv[1]))
mount("x", "/srv", "fuse", f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other")
for name in ("lower", "merged"):
    os.mkdir(f"/dev/shm/{name}")
child = os.fork()
if not child:
    mount("overlay", "/dev/shm/merged", "overlay", "lowerdir=/srv:/dev/shm/lower", 1)
    os._exit(0)
attributes = struct.pack("=Q8xQ40xIIIII", 0, 1, 0, 0, 0, 0o40755, 2).ljust(104, b"\\0")
answers = {
    26: struct.pack("=IIIIII", 7, 31, 0, 0, 0, 4096).ljust(64, b"\\0"),  # INIT
    3: attributes,  # GETATTR
    27: bytes(16), 14: bytes(16),  # OPENDIR, OPEN
    17: struct.pack("=40xIII", 4096, 255, 4096).ljust(80, b"\\0"),  # STATFS
}
while os.waitpid(child, os.WNOHANG) == (0, 0):
    if select.select([device], [], [], 0.05)[0]:
        request = os.read(device, 200000)
        code, unique = struct.unpack_from("=4xIQ", request)
        if code in (2, 42):  # FORGET
            continue
        body = answers.get(code)
        error = 0 if body is not None else -2 if code == 1 else -38  # LOOKUP: no such name
        body = body or b""
        os.write(device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)
print("ready", flush=True)
sys.stdin.read()
"""

_READ = """
import json, sys
from scratchlab.collect import storage
from scratchlab.collect.holding import parent_pid
from scratchlab.collect.live import read_root
from scratchlab.collect.process import hold_process
with hold_process(int(sys.argv[1])) as process:
    mounts = storage.read_engine_mounts(parent_pid(process))
    devices = storage.engine_devices(mounts, sys.argv[2])
    ledger = read_root(process.root_fd, process.mounts, engine_devices=devices)
print(json.dumps({entry.path: entry.note for entry in ledger if entry.note}))
"""


@pytest.fixture
def container(shell_image: Image, run_container: Run) -> Container:
    return run_container(shell_image)


def test_an_overlay_over_a_dead_filesystem_does_not_hold_the_reader(
    engine: EngineClient, container: Container
) -> None:
    with attacker(_OVERLAY_ON_DEAD_FUSE, str(pid(container))):
        output = subprocess.run(
            [sys.executable, "-c", _READ, str(pid(container)), engine.facts().root_dir],
            env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        with through_debug(engine, container) as far:
            note = "not read: whether the engine made this overlay is not known from here"
            assert entry(far, "/dev/shm/merged").note == note
    assert json.loads(output) == {
        "/dev/shm/merged": "not read: the engine did not make this overlay",
        "/srv": "not read: a process answers for fuse",
    }


_FORGED_ROOT = """
import os, sys
from tests.integration.live_roots import enter_mounts_of, mount
target, host = int(sys.argv[1]), sys.argv[2]
enter_mounts_of(target)
os.mkdir("/dev/shm/t")
mount("t", "/dev/shm/t", "tmpfs")
for name in (host.lstrip("/"), "low/proc", "work", "m"):
    os.makedirs(f"/dev/shm/t/{name}", exist_ok=True)
os.chroot("/dev/shm/t")
os.chdir("/")
# The kernel repeats these names in mountinfo; on the host, they are other directories.
mount("overlay", "/m", "overlay", f"lowerdir=/low,upperdir={host},workdir=/work")
os.chroot("/m")
os.chdir("/")
print("ready", flush=True)
sys.stdin.read()
"""


def test_the_options_of_a_forged_root_lead_nowhere(
    engine: EngineClient, container: Container, tmp_path: Path
) -> None:
    (tmp_path / "secret-name").write_bytes(SECRET)
    inspect = engine.inspect_container(container.id or "")
    facts = engine.facts()
    with (
        attacker(_FORGED_ROOT, str(pid(container)), str(tmp_path)) as forger,
        hold_process(forger.pid) as process,
        hold_process(pid(container)) as genuine,
    ):
        top = next(mount for mount in process.mounts if mount.id == process.root_mount)
        assert f"upperdir={tmp_path}" in top.super_options
        engine_mounts = storage.read_engine_mounts(parent_pid(genuine))
        layers, problem = storage.find_layers(
            inspect, facts, ["x"], process.mounts, process.root_mount,
            engine_mounts=engine_mounts,
        )  # fmt: skip
        with pytest.raises(LabError, match="the engine did not make this overlay"):
            read_root(
                process.root_fd, process.mounts,
                engine_devices=storage.engine_devices(engine_mounts, facts.root_dir),
            )  # fmt: skip
    assert layers.upper == inspect["GraphDriver"]["Data"]["UpperDir"], problem
    _, writable = layer_ledgers.read_layer_ledgers(layers)
    assert writable is not None
    with writable:
        assert not any("secret-name" in found.path for found in writable)


def test_the_engines_own_root_and_layers_are_read(
    engine: EngineClient, container: Container
) -> None:
    inspect = engine.inspect_container(container.id or "")
    facts = engine.facts()
    (root(container) / "written").touch()
    with hold_process(pid(container)) as process:
        engine_mounts = storage.read_engine_mounts(parent_pid(process))
        devices = storage.engine_devices(engine_mounts, facts.root_dir)
        with read_root(process.root_fd, process.mounts, engine_devices=devices) as ledger:
            assert entry(ledger, "/written")
        layers, problem = storage.find_layers(
            inspect, facts, ["x"], process.mounts, process.root_mount
        )
    assert problem is None
    assert layers.init is not None
    assert all(os.path.isdir(path) for path in (*layers.lower, layers.init))
    _, writable = layer_ledgers.read_layer_ledgers(layers)
    assert writable is not None
    with writable:
        assert entry(writable, "/written")
