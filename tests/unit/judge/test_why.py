"""The answer to `why`, on what was seen on real engines: who, by what right, and what proves it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.explain import explain
from scratchlab.judge.prediction import predict
from scratchlab.model import Runtime
from scratchlab.render.terminal.why import render

Saved = Callable[[str], EvidenceSet]
PLAIN, RICH = "docker-20.10.24-plain", "docker-20.10.24-rich-image"
SPEC = "https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config-linux.md"
MOBY = "https://github.com/moby/moby/blob/v20.10.24"
RUNC = "https://github.com/opencontainers/runc/blob/v1.1.5"


def why(seen: EvidenceSet, path: str) -> str:
    screen = io.StringIO()
    render(explain(seen, judge(seen, predict(seen.facts, seen.image)), path), screen)
    return screen.getvalue()


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/etc/mtab", (f"{MOBY}/daemon/initlayer/setup_unix.go (Setup)", "engine-init-layer",
                       "when the container was created", "-init/diff/etc/mtab")),
        ("/dev/ptmx", (f"MUST:\n              {SPEC}#default-devices\n", "runtime-device",
                       f"{RUNC}/libcontainer/rootfs_linux.go", "without it  -v /dev:/dev")),
        ("/etc/hosts", (f"{MOBY}/container/container_unix.go", "here and there",
                        "without it  a mount of your own")),
        ("/dev", ("runtime-filesystem", "tmpfs tmpfs on /dev", "size=65536k")),
        ("/proc/bus", ("/proc/bus  read-only: bound over itself", f"{SPEC}#readonly-paths")),
        ("/proc/acpi",
         ("masked: it reads as an empty directory", "OPTIONAL", f"{SPEC}#masked-paths")),
        ("/proc/kcore", ("/proc/kcore  is not there", "this kernel has no such path",
                         "without it  --security-opt systempaths=unconfined")),
        ("/proc/1/status", ("the kernel's", "it lies in the proc that is mounted on /proc")),
    ],
)  # fmt: skip
def test_an_entry_or_a_mount(saved: Saved, path: str, parts: tuple[str, ...]) -> None:
    said = why(saved(PLAIN), path)
    assert [part for part in parts if part not in said] == []


def test_content_of_the_image_that_a_mount_hides(saved: Saved) -> None:
    said = why(saved(RICH), "/dev/hidden")
    assert said.startswith("/dev/hidden  is in the image, and the container cannot see it\n")
    for part in ("shadowed by the tmpfs on /dev", "hidden by    runtime-filesystem",
                 "when         when the container was started", "size=65536k"):  # fmt: skip
        assert part in said


def test_both_what_stands_there_and_what_the_image_has(saved: Saved) -> None:
    said = why(saved(RICH), "/etc/hosts")
    assert "origin       engine-mount" in said
    assert "of layer 0, overridden by a bind on /etc/hosts" in said


def test_what_crun_made_is_read_in_crun(saved: Saved) -> None:
    seen = saved(PLAIN)
    other = replace(seen, facts=replace(seen.facts, runtime=Runtime("crun", "1.21")))
    crun = "https://github.com/containers/crun/blob/1.21/src/libcrun/linux.c"
    assert f"{crun} (needed_devs)" in why(other, "/dev/null")


def test_what_another_program_made_is_read_at_its_newest(saved: Saved) -> None:
    seen = saved(PLAIN)
    other = replace(seen, facts=replace(seen.facts, runtime=Runtime("youki", "0.5")))
    assert "opencontainers/runc/blob/HEAD/" in why(other, "/dev/null")


def test_a_path_that_nobody_has(saved: Saved) -> None:
    seen = saved(PLAIN)
    with pytest.raises(LabError, match="/nowhere is neither in the image nor in the container"):
        explain(seen, judge(seen, predict(seen.facts, seen.image)), "/nowhere")
