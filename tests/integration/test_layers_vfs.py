"""The vfs driver keeps whole copies; the changes of each layer are found all the same."""

from __future__ import annotations

import pytest
from docker.models.images import Image

from scratchlab.collect import layer_ledgers, runtime_config, storage
from scratchlab.collect.holding import hold_container, parent_pid
from tests.integration.docker_service import serve

pytestmark = [pytest.mark.engine, pytest.mark.root]


def test_the_layers_and_the_config_of_a_daemon_with_vfs_are_found(shell_image: Image) -> None:
    with serve("--storage-driver", "vfs") as engine:
        image = engine.client.images.load(b"".join(shell_image.save(named=True)))[0]
        container = engine.client.containers.create(image, network_mode="none", name="sl-test-vfs")
        container.start()
        container.exec_run(["/bin/busybox", "rm", "/srv/data"])
        container.exec_run(["/bin/busybox", "touch", "/srv/new"])
        inspect = engine.inspect_container("sl-test-vfs")
        facts = engine.facts()
        diff_ids = engine.inspect_image(inspect["Image"])["RootFS"]["Layers"]
        with hold_container(engine, inspect) as process:
            config = runtime_config.find_config(inspect, facts, engine.info(), parent_pid(process))
            layers, problem = storage.find_layers(
                inspect, facts, diff_ids, process.mounts, process.root_mount
            )
            init, writable = layer_ledgers.read_layer_ledgers(layers)
    assert problem is None
    assert len(layers.lower) == len(diff_ids)
    assert init is not None
    assert writable is not None
    assert {"/.dockerenv", "/etc/mtab", "/etc/hosts", "/dev/console"} <= {
        entry.path for entry in init
    }
    assert "/srv/data" not in init
    assert {entry.path: entry.device for entry in writable} == {
        "/srv/data": (0, 0),
        "/srv/new": None,
    }
    assert config.data is not None
    assert config.data["root"]["path"].startswith(layers.upper or "?")
    assert "/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/" in config.path
