"""The answer to `why` claims no time that evidence does not show: findings made by hand."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from scratchlab.judge.explain import Explanation
from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.rule import Citation, Rule
from scratchlab.model import (
    Entry,
    Evidence,
    Finding,
    Ghost,
    Kind,
    Mount,
    MountFinding,
    Origin,
    Status,
)
from scratchlab.render.terminal.why import render

FILE = Entry("/data/x", Kind.FILE, 0o644)
BEFORE_START = "before its process ran"
SINCE = "since the start"
NOT_KNOWN = "not known from here"


def shown(explanation: Explanation) -> dict[str, str]:
    """The rows by label, lines joined; the headline is ""."""
    out = io.StringIO()
    render(explanation, out)
    headline, *lines = out.getvalue().splitlines()
    rows, label = {"": headline}, ""
    for line in lines:
        found = re.fullmatch(r"  (\S.*?)  +(\S.*)", line)
        label = found[1] if found else label
        rows[label] = f"{rows.get(label, '')} {found[2] if found else line.strip()}".strip()
    return rows


def explained(origin: Origin, rule: Rule | None = None, **changes: object) -> Explanation:
    proof = Evidence("mountinfo", "ext4 /dev/sda1 on /data")
    finding = Finding(FILE.path, Status.ONLY_LIVE, origin, (proof,), live=FILE)
    return replace(Explanation(FILE.path, finding, None, (), rule), **changes)  # type: ignore[arg-type]


def rule(origin: Origin, stage: str, name: str = "some-rule") -> Rule:
    return Rule(name, "because of a rule", origin, stage, Citation("moby/moby", "x.go"))


@pytest.mark.parametrize("stage", ["create", "start", "run", None])
@pytest.mark.parametrize(
    ("origin", "when"),
    [
        (Origin.WRITTEN_LATER, SINCE),
        (Origin.MOUNTED_INSIDE, SINCE),
        (Origin.HOST_MOUNT, SINCE),
        (Origin.USER_DATA, NOT_KNOWN),
        (Origin.UNEXPLAINED, NOT_KNOWN),
    ],
)
def test_time_that_no_rule_can_know_does_not_come_from_a_rule(
    origin: Origin, when: str, stage: str | None
) -> None:
    rows = shown(explained(origin, rule(origin, stage) if stage else None))
    assert rows["when"] == when
    assert rows["origin"] == str(origin)
    assert ("why" in rows) is (stage is not None)


@pytest.mark.parametrize(
    ("stage", "when"),
    [
        ("create", "when this container, or an earlier one with the same volume, was created"),
        ("start", "when this container, or an earlier one with the same volume, was started"),
    ],
)
def test_copy_to_a_volume_may_be_an_earlier_containers(stage: str, when: str) -> None:
    copied = rule(Origin.VOLUME_COPY, stage, "docker-volume-copy")
    assert shown(explained(Origin.VOLUME_COPY, copied))["when"] == when
    tmpfs = rule(Origin.VOLUME_COPY, "start", "runtime-tmpcopyup")  # a tmpfs is this container's
    assert BEFORE_START in shown(explained(Origin.VOLUME_COPY, tmpfs))["when"]


@pytest.mark.parametrize("origin", sorted(set(Origin)))
def test_nothing_without_a_rule_is_said_to_be_made_before_the_start(origin: Origin) -> None:
    rows = shown(explained(origin))
    assert rows.get("when", SINCE) in (SINCE, NOT_KNOWN)


def test_user_mount_itself_is_made_at_the_start() -> None:
    target = FILE._replace(path="/data")
    finding = Finding("/data", Status.ONLY_LIVE, Origin.USER_MOUNT, live=target)
    rows = shown(Explanation("/data", finding, None, (), RULES["docker-user-mount"]))
    assert BEFORE_START in rows["when"]


@pytest.mark.parametrize("kind", [Status.DELETED, Status.CHANGED])
def test_what_the_writable_layer_hides_is_hidden_since_the_start(kind: Status) -> None:
    layer = (Evidence("writable-layer", "whiteout /var/lib/docker/overlay2/x/diff/data/x"),)
    ghost = Ghost(FILE.path, kind, Origin.WRITTEN_LATER, "the writable layer", layer, FILE)
    rows = shown(Explanation(FILE.path, None, ghost, ()))
    assert rows["when"] == SINCE
    assert rows["hidden by"] == "written-later"
    assert rows["the image's"].endswith(f"{kind} by the writable layer")
    assert "process" not in " ".join(rows.values())


def test_ghost_under_a_mount_that_came_later_is_hidden_since_the_start() -> None:
    ghost = Ghost(FILE.path, Status.SHADOWED, Origin.MOUNTED_INSIDE, "the tmpfs on /data", (), FILE)
    assert shown(Explanation(FILE.path, None, ghost, ()))["when"] == SINCE
    hidden = replace(ghost, origin=Origin.USER_MOUNT)
    rows = shown(Explanation(FILE.path, None, hidden, (), RULES["docker-user-mount"]))
    assert BEFORE_START in rows["when"], "the mount that hides it"


@pytest.mark.parametrize("origin", [Origin.MOUNTED_INSIDE, Origin.HOST_MOUNT])
def test_mount_that_came_later_came_since_the_start(origin: Origin) -> None:
    mount = Mount(1, 0, (8, 1), "/", "/proc/x", ("rw",), (), "tmpfs", "tmpfs", ())
    finding = MountFinding(mount, origin, rule="docker-user-mount")
    rows = shown(Explanation("/proc/x", None, None, (finding,), rule(origin, "start")))
    assert rows["when"] == SINCE


def test_file_of_a_kernel_filesystem_is_made_while_the_container_runs() -> None:
    mount = Mount(1, 0, (0, 5), "/", "/proc", ("rw",), (), "proc", "proc", ())
    finding = MountFinding(mount, Origin.RUNTIME_FILESYSTEM, entry=True)
    rows = shown(Explanation("/proc/1/status", None, None, (finding,), RULES["kernel-filesystem"]))
    assert rows["when"] == "while the container runs"
