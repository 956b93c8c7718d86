"""Hand-made facts and ledgers, for what no saved evidence shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, judge
from scratchlab.judge.cause import Cause
from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.judge.prediction.predictions import Predictions
from scratchlab.ledger import Ledger
from scratchlab.model import (
    BindSource,
    Container,
    Engine,
    Entry,
    Evidence,
    Facts,
    Finding,
    Kind,
    Mount,
    Origin,
    Runtime,
)

ID = "c0ffee"
DOCKER, PODMAN = Engine("docker", "20.10.24"), Engine("podman", "5.4.2")
RUNC, CRUN = Runtime("runc", "1.1.5"), Runtime("crun", "1.21")


def mount(number: int, target: str, fstype: str = "tmpfs", **changes: Any) -> Mount:
    """A mount of a filesystem of its own; ``changes`` are fields of Mount. Of a tmpfs, the kernel
    shows the mode that directories have here.
    """
    fields: dict[str, Any] = {
        "parent": 1, "device": (0, number), "root": "/", "options": ("rw",), "propagation": (),
        "source": fstype, "super_options": ("rw", "mode=755"),
    }  # fmt: skip
    return Mount(id=number, target=target, fstype=fstype, **(fields | changes))


ROOT = mount(1, "/", "overlay", parent=0)
PROC, SYS = mount(2, "/proc", "proc"), mount(3, "/sys", "sysfs")
DEV = mount(4, "/dev")


def bound(number: int, target: str, **changes: Any) -> Mount:
    """A bind of a file or directory of the host's disk."""
    fields = {"device": (8, 1), "root": f"/host{target}", "source": "/dev/sda1"}
    return mount(number, target, "ext4", **(fields | changes))


def listed(target: str, type_: str = "tmpfs", source: str = "", *options: str) -> dict[str, Any]:
    """A mount as config.json lists it."""
    return {"destination": target, "type": type_, "source": source or type_, "options": options}


def bind(target: str, source: str, *options: str) -> dict[str, Any]:
    """A bind as config.json lists it."""
    return listed(target, "bind", source, *(options or ("rbind",)))


def config(*mounts: Mapping[str, Any], **linux: Any) -> dict[str, Any]:
    """A runtime's configuration."""
    return {"mounts": list(mounts), "linux": linux}


def source(
    path: str, mount_id: int, inode: int = 7, device: tuple[int, int] = (8, 1)
) -> BindSource:
    return BindSource(path, device, inode, mount_id)


def facts(
    *mounts: Mount,
    config: Mapping[str, Any] | None = None,
    inspect: Mapping[str, Any] | None = None,
    vantage: str = "host",
    uid_map: tuple[tuple[int, int, int], ...] = (),
    **changes: Any,
) -> Facts:
    """Facts of a container with these mounts below its root's own."""
    container = Container(
        id=ID, inspect=inspect or {}, oci_config=config, vantage=vantage, uid_map=uid_map
    )
    fields: dict[str, Any] = {"engine": DOCKER, "runtime": RUNC} | changes
    return Facts(container=container, mounts=(ROOT, *mounts), **fields)


def causes(facts: Facts, *image: Entry) -> dict[int, Cause]:
    """The cause of each mount, by the mount's id."""
    origins = MountOrigins(facts, Ledger(image), ROOT.id)
    for mount in facts.mounts:
        cause = origins[mount]
        check_sentences(cause.origin, cause.rule, *cause.evidence)
        check_sentences("doubt", cause.doubt)
    return {mount.id: origins[mount] for mount in facts.mounts}


def origin(facts: Facts, mount_id: int) -> tuple[Origin, str | None]:
    """Origin and rule of one mount."""
    cause = causes(facts)[mount_id]
    return cause.origin, cause.rule


def directory(path: str, mount_id: int | None = None, **changes: Any) -> Entry:
    return Entry(path, Kind.DIRECTORY, **({"mode": 0o755, "mount": mount_id} | changes))


def file(path: str, mount_id: int | None = None, **changes: Any) -> Entry:
    return Entry(path, Kind.FILE, **({"mode": 0o644, "mount": mount_id} | changes))


def link(path: str, target: str, mount_id: int | None = None, **changes: Any) -> Entry:
    fields = {"mode": 0o777, "mount": mount_id, "target": target}
    return Entry(path, Kind.SYMLINK, **(fields | changes))


def node(path: str, device: tuple[int, int], mount_id: int | None = None, **changes: Any) -> Entry:
    fields = {"mode": 0o666, "mount": mount_id, "device": device}
    return Entry(path, Kind.CHAR, **(fields | changes))


def judged(
    facts: Facts,
    *live: Entry,
    image: Iterable[Entry] = (),
    init: Iterable[Entry] | None = (),
    writable: Iterable[Entry] | None = (),
    predictions: Predictions | None = None,
) -> Judgement:
    """The judgement of hand-made evidence, with ``/`` on the root's own mount and without a
    prediction.
    """
    evidence = EvidenceSet(
        facts,
        Ledger(image),
        Ledger([directory("/", ROOT.id), *live]),
        None if init is None else Ledger(init),
        None if writable is None else Ledger(writable),
    )
    judgement = judge(evidence, predictions or Predictions())
    check_judgement(judgement)
    return judgement


def finding(judgement: Judgement, path: str) -> Finding:
    """The finding at ``path``."""
    (found,) = (item for item in judgement.findings if item.path == path)
    return found


# Every sentence of the judge that a test sees is one of these, whatever else the test asks. With
# the variable WRITE_SENTENCES set, the tests add those that are new: read them.
SENTENCES = Path(__file__).with_name("handmade.txt")
_known = frozenset(SENTENCES.read_text().splitlines())


def check_judgement(judgement: Judgement) -> None:
    """Every sentence of ``judgement`` is a known one."""
    for found in judgement.findings:
        check_sentences(found.origin, found.rule, *found.evidence)
        check_sentences("prediction", found.prediction)
    for line in judgement.mounts:
        check_sentences(line.origin, line.rule, *line.evidence)
        check_sentences("prediction", line.prediction)
    for ghost in judgement.ghosts:
        check_sentences(ghost.kind, ghost.origin, *ghost.evidence)
        check_sentences(ghost.kind, ghost.actor)
    for check in judgement.checks:
        check_sentences("check", check.id, check.verdict, check.title, check.claim)
        check_sentences("check", check.id, check.verdict, check.command, check.cause, check.help)
        check_sentences("check", check.id, check.verdict, check.observed, check.expected)
    for note in judgement.notes:
        check_sentences("note", note)


def check_sentences(*words: str | Evidence | None) -> None:
    """Each piece of evidence with the words before it, or these alone, is a known sentence."""
    proofs = [word for word in words if isinstance(word, Evidence)]
    before = [str(word or "") for word in words if not isinstance(word, Evidence)]
    lines = [[*before, proof.kind, proof.detail] for proof in proofs] or [before]
    new = {" | ".join(line) for line in lines} - _known
    if new and "WRITE_SENTENCES" in os.environ:
        known = {*SENTENCES.read_text().splitlines(), *new}
        SENTENCES.write_text("".join(f"{line}\n" for line in sorted(known)))
        return
    again = "WRITE_SENTENCES=1 python -m pytest tests/unit/judge"
    assert new == set(), f"read them, and add them with: {again}"


INSIDE = (Origin.MOUNTED_INSIDE, "mounted-inside")
USERS = (Origin.USER_MOUNT, "docker-user-mount")
RUNTIME = Origin.RUNTIME_FILESYSTEM
MASK = (Origin.RUNTIME_MASK, "masked-path")
READONLY = (Origin.RUNTIME_MASK, "readonly-path")
VOLUME = {"Type": "volume", "Name": "v", "Source": "/v/_data", "Destination": "/data"}
BIND = {"Type": "bind", "Source": "/src", "Destination": "/data"}
SLAVE = ("master:7",)


def kernel(number: int, target: str, below: Mount = PROC, **changes: Any) -> Mount:
    """A bind of a path of a kernel filesystem over itself, read-only."""
    root = target.removeprefix(below.target)
    fields = {"parent": below.id, "device": below.device, "root": root, "options": ("ro",)}
    return mount(number, target, below.fstype, **(fields | changes))


MASKS = (
    mount(20, "/proc/m", options=("ro",), parent=PROC.id),
    kernel(21, "/sys/r", SYS),
)


def with_volume(*more: Mount, wish: dict[str, Any] = BIND, **changes: Any) -> Facts:
    """A container with a bind of the user's on /data, whose mount is number 10."""
    fields: dict[str, Any] = {
        "config": config(bind("/data", wish["Source"]), maskedPaths=["/proc/m"],
                         readonlyPaths=["/sys/r"]),
        "inspect": {"Mounts": [wish]},
        "sources": (source(wish["Source"], 10),),
        "host_mounts": (),
    }  # fmt: skip
    data = changes.pop("data", bound(10, "/data", root=wish["Source"]))
    return facts(PROC, SYS, data, *more, **(fields | changes))
