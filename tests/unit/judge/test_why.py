"""The answer to `why`, on evidence of real engines: who, by which clause, and what proves it."""

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
from scratchlab.ledger import LayerChange, LayerStep, Ledger
from scratchlab.model import Entry, Kind, Runtime
from scratchlab.reading import UserData, UserDataRead, UserMount
from scratchlab.render.terminal.why import render

Saved = Callable[[str], EvidenceSet]
PLAIN, RICH = "docker-20.10.24-plain", "docker-20.10.24-rich-image"
SPEC = "https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config-linux.md"
MOBY = "https://github.com/moby/moby/blob/v20.10.24"
PROGRAM = "/bin/busybox"
RUNC = "https://github.com/opencontainers/runc/blob/v1.1.5"


def why(evidence: EvidenceSet, path: str) -> str:
    screen = io.StringIO()
    render(
        explain(evidence, judge(evidence, predict(evidence.facts, evidence.image)), path), screen
    )
    return screen.getvalue()


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/etc/mtab", (f"{MOBY}/daemon/initlayer/setup_unix.go (Setup)", "engine-init-layer",
                       "when the container was created", "-init/diff/etc/mtab")),
        ("/dev/ptmx", (f"MUST:\n              {SPEC}#default-devices\n", "runtime-device",
                       f"{RUNC}/libcontainer/rootfs_linux.go", "without it  -v /dev:/dev")),
        ("/etc/hosts", (f"{MOBY}/container/container_unix.go", "on the host and in the container",
                        "without it  a mount of your own")),
        ("/dev", ("runtime-filesystem", "tmpfs tmpfs on /dev", "size=65536k")),
        ("/proc/bus", ("/proc/bus  read-only: bound over itself", f"{SPEC}#readonly-paths")),
        ("/proc/acpi",
         ("masked: it reads as an empty directory", "OPTIONAL", f"{SPEC}#masked-paths")),
        ("/proc/kcore", ("/proc/kcore  does not exist", "this kernel has no such path",
                         f"{RUNC}/libcontainer/rootfs_linux.go",
                         "without it  --security-opt systempaths=unconfined")),
        ("/proc/1/status", ("the kernel's", "it is in the proc that is mounted on /proc")),
    ],
)  # fmt: skip
def test_an_entry_or_a_mount_is_explained(saved: Saved, path: str, parts: tuple[str, ...]) -> None:
    answer = why(saved(PLAIN), path)
    assert [part for part in parts if part not in answer] == []


def test_a_ghost_is_explained_by_the_mount_that_hides_it(saved: Saved) -> None:
    answer = why(saved(RICH), "/dev/hidden")
    assert answer.startswith("/dev/hidden  is in the image, and the container cannot see it\n")
    for part in ("shadowed by the tmpfs on /dev", "hidden by    runtime-filesystem",
                 "when         when the container was started", "size=65536k"):  # fmt: skip
        assert part in answer


def test_an_entry_over_a_ghost_is_explained_with_the_ghost(saved: Saved) -> None:
    answer = why(saved(RICH), "/etc/hosts")
    assert "origin       engine-mount" in answer
    assert "of layer 0, overridden by a bind on /etc/hosts" in answer


HISTORY = [
    {"created_by": "COPY . / # buildkit", "created": "2024-05-06T07:08:09Z"},
    {"created_by": "RUN /bin/sh -c chmod 755 /sh # buildkit"},
]


def layered(evidence: EvidenceSet, history: object = HISTORY) -> EvidenceSet:
    """``evidence`` of an image of two layers, whose second changed PROGRAM and removed /old."""
    facts = evidence.facts
    ledger = Ledger(entry._replace(layer=1) for entry in evidence.image)
    made = LayerStep(0, LayerChange.MADE)
    ledger.put_histories([
        ("/old", (made, LayerStep(1, LayerChange.REMOVED))),
        (PROGRAM, (made, LayerStep(1, LayerChange.CHANGED, ("mode",)))),
    ])  # fmt: skip
    image = replace(facts.image, diff_ids=("sha256:0", "sha256:1"), config={"history": history})
    return replace(evidence, image=ledger, facts=replace(facts, image=image))


def test_the_layer_and_its_instruction_come_first(saved: Saved) -> None:
    answer = why(layered(saved(PLAIN)), PROGRAM).splitlines()
    assert answer[1:4] == [
        "  made by     layer 1: RUN chmod 755 /sh",
        "  layers      layer 0 made it, layer 1 changed its mode",
        "  origin      image-layer",
    ]


def test_what_a_layer_removed_is_told(saved: Saved) -> None:
    assert why(layered(saved(PLAIN)), "/old").splitlines() == [
        "/old  is not in the image any more: one of its layers removed it",
        "  layers  layer 0 made it, layer 1 removed it",
    ]


def test_an_image_without_a_history_names_no_instruction(saved: Saved) -> None:
    answer = why(layered(saved(PLAIN), None), PROGRAM)
    assert "layer 1: by which instruction is not known: the image has no history" in answer
    answer = why(layered(saved(PLAIN), [{"created_by": ""}, {}]), PROGRAM)
    assert "is not known: its line of the image's history is empty" in " ".join(answer.split())


def test_what_no_layer_has_has_no_maker(saved: Saved) -> None:
    evidence = saved(PLAIN)
    above = replace(evidence, image=Ledger(e._replace(layer=None) for e in evidence.image))
    assert "made by" not in why(above, PROGRAM)


def test_the_source_is_that_of_the_runtime_that_ran(saved: Saved) -> None:
    evidence = saved(PLAIN)
    other = replace(evidence, facts=replace(evidence.facts, runtime=Runtime("crun", "1.21")))
    crun = "https://github.com/containers/crun/blob/1.21/src/libcrun/linux.c"
    assert f"{crun} (needed_devs)" in why(other, "/dev/null")


def test_the_source_of_an_unknown_runtime_is_the_newest_of_runc(saved: Saved) -> None:
    evidence = saved(PLAIN)
    other = replace(evidence, facts=replace(evidence.facts, runtime=Runtime("youki", "0.5")))
    assert "opencontainers/runc/blob/HEAD/" in why(other, "/dev/null")


def test_an_unknown_path_is_refused(saved: Saved) -> None:
    evidence = saved(PLAIN)
    with pytest.raises(LabError, match="/nowhere is neither in the image nor in the container"):
        explain(evidence, judge(evidence, predict(evidence.facts, evidence.image)), "/nowhere")


def test_what_is_missing_below_a_link_of_the_image_is_explained(saved: Saved) -> None:
    evidence = saved(PLAIN)
    image = [*evidence.image, Entry("/dev", Kind.SYMLINK, 0o777, 0, 0, target="/srv")]
    linked = replace(evidence, image=Ledger(image), live=Ledger([]))
    findings = judge(linked, predict(linked.facts, linked.image)).findings
    below = [item.path for item in findings if item.path.startswith("/dev/")]
    assert below
    assert [path for path in below if not why(linked, path).startswith(path)] == []


@pytest.mark.parametrize(
    ("complete", "sentence"),
    [
        (
            False,
            "/srv/x lies on /srv, which the user mounted; it was not searched so far; read all",
        ),
        (True, "/srv/x is neither in the image nor in the container"),
    ],
)
def test_beyond_the_bound_nothing_is_said_to_be_missing(
    saved: Saved, complete: bool, sentence: str
) -> None:
    evidence = saved(PLAIN)
    users = (UserMount("/srv", 999, members=(999,), complete=complete),)
    read = UserDataRead(UserData.LIST, 1000, users)
    evidence = replace(evidence, facts=replace(evidence.facts, user_data=read))
    with pytest.raises(LabError, match=sentence):
        why(evidence, "/srv/x")
    with pytest.raises(LabError, match="neither in the image nor in the container"):
        why(evidence, "/elsewhere")
