"""Does the root hold what the specifications require? Each row passes, fails, or does not apply."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    ROOT,
    config,
    directory,
    facts,
    file,
    link,
    listed,
    mount,
    node,
)

from scratchlab.evidence import EvidenceSet
from scratchlab.judge.conformance import checks
from scratchlab.judge.rules.runtime import DEVICES, LINKS
from scratchlab.judge.rules.spec import CONSOLE, LIBCONTAINER_ROWS, SPEC_ROWS
from scratchlab.ledger import Ledger
from scratchlab.model import Check, Entry, Kind

FLAGS = ("rw", "nosuid", "noexec", "nodev")
MOUNTS = (
    mount(2, "/proc", "proc", options=FLAGS),
    mount(3, "/sys", "sysfs", options=("ro", *FLAGS)),
    mount(4, "/dev", options=("rw", "noexec")),
    mount(5, "/dev/pts", "devpts", options=FLAGS, parent=4),
    mount(6, "/dev/shm", options=FLAGS, parent=4),
    mount(7, "/dev/mqueue", "mqueue", options=FLAGS, parent=4),
)
LIVE = (
    *(node(path, device, 4) for path, device in DEVICES.items()),
    *(link(path, target, 4) for path, (target, _) in LINKS.items()),
)


def rows(
    *live: Entry,
    without: str = "",
    mounts: tuple[Any, ...] = MOUNTS,
    inspect: dict[str, Any] | None = None,
    asked: dict[str, Any] | None = None,
) -> dict[str, Check]:
    kept = [entry for entry in LIVE if entry.path != without]
    shown = [item for item in mounts if item.target != without]
    evidence = EvidenceSet(
        facts(*shown, inspect=inspect, config=asked),
        Ledger(),
        Ledger([directory("/", ROOT.id), *kept, *live]),
    )
    return {check.id: check for check in checks(evidence)}


def verdicts(**changes: Any) -> dict[str, str]:
    return {name: str(check.verdict) for name, check in rows(**changes).items()}


def failed(**changes: Any) -> set[str]:
    return {name for name, verdict in verdicts(**changes).items() if verdict != "pass"}


def test_a_container_with_everything_passes() -> None:
    found = rows()
    assert list(found) == [row.id for row in (*SPEC_ROWS, CONSOLE, *LIBCONTAINER_ROWS)]
    assert failed() == set()
    assert {check.cause for check in found.values()} == {""}


def test_without_a_root_there_is_nothing_to_check() -> None:
    assert checks(EvidenceSet(facts(), Ledger(), Ledger())) == ()


@pytest.mark.parametrize("row", SPEC_ROWS, ids=lambda row: row.path)
def test_each_row_of_the_specification_fails_alone(row: Any) -> None:
    names = {item.id for item in (*SPEC_ROWS, *LIBCONTAINER_ROWS) if item.path == row.path}
    assert failed(without=row.path) == names
    check = rows(without=row.path)[row.id]
    assert check.verdict == "fail"
    assert check.observed == "missing"
    assert row.path in check.title
    assert f"the runtime {row.level} " in check.claim
    assert row.clause in check.claim
    assert check.cause == f"{row.path} is not what the specification asks for"
    assert check.help


@pytest.mark.parametrize("row", LIBCONTAINER_ROWS, ids=lambda row: row.path)
def test_each_flag_of_libcontainers_table_is_named_where_it_is_missing(row: Any) -> None:
    for flag in row.flags:
        other = tuple(
            mount(item.id, item.target, item.fstype, parent=item.parent,
                  options=tuple(option for option in item.options if option != flag))
            if item.target == row.path else item
            for item in MOUNTS
        )  # fmt: skip
        check = rows(mounts=other)[row.id]
        assert check.verdict == "pass"
        assert check.cause.startswith(f"mounted without {flag}. SPEC.md is out of date")
        assert "libcontainer's SPEC.md lists" in check.claim


def test_another_filesystem_or_entry_is_not_the_required_one() -> None:
    other = tuple(
        mount(item.id, item.target, "ramfs", parent=item.parent) if item.target == "/dev/shm"
        else item for item in MOUNTS
    )  # fmt: skip
    assert failed(mounts=other) == {"S04", "L03"}
    for entry, name in (
        (file("/dev/null", 4), "S05"), (node("/dev/null", (1, 5), 4), "S05"),
        (Entry("/dev/null", Kind.BLOCK, 0o666, device=(1, 3), mount=4), "S05"),
        (link("/dev/fd", "/x", 4), "S12"), (file("/dev/ptmx", 4), "S11"),
    ):  # fmt: skip
        found = rows(entry, without=entry.path)
        assert {key for key, check in found.items() if check.verdict != "pass"} == {name}


def test_what_is_there_is_shown() -> None:
    found = rows()
    assert found["S01"].observed == "proc (rw,nosuid,noexec,nodev)"
    assert found["S05"].observed == "char-device 1:3 0666"
    assert found["S12"].observed == "symlink -> /proc/self/fd"
    assert found["S05"].expected == "1:3"
    assert found["S01"].expected == "proc"
    assert found["S12"].expected == "/proc/self/fd"
    assert "/proc/PID/root/dev/null" in found["S05"].command
    wrong = rows(file("/dev/null", 4, mode=0o600), without="/dev/null")
    assert wrong["S05"].observed == "file 0600"


def test_a_mount_that_another_one_covers_is_not_there() -> None:
    assert "S02" in failed(mounts=(*MOUNTS, mount(9, "/sys", parent=3)))


# What does not apply:


@pytest.mark.parametrize(
    ("target", "skipped"), [("/dev/shm", "/dev/shm"), ("/dev", "/dev"), ("/sys", "/sys")]
)
def test_a_users_mount_replaces_the_runtimes(target: str, skipped: str) -> None:
    inspect = {"Mounts": [{"Destination": target}]}
    found = rows(without="/dev/shm", inspect=inspect)
    check = found["S04"]
    if target == "/sys":
        assert check.verdict == "fail"
        return
    assert check.verdict == "skip"
    assert check.cause == f"the user's own mount on {skipped} replaces the runtime's"
    assert found["S05"].verdict == "pass"


@pytest.mark.parametrize(
    ("mode", "verdict"), [("none", "skip"), ("host", "fail"), (None, "fail"), ("private", "fail")]
)
def test_only_ipc_none_excuses_that_there_is_no_shared_memory(
    mode: str | None, verdict: str
) -> None:
    inspect = {"HostConfig": {"IpcMode": mode}}
    found = rows(without="/dev/shm", inspect=inspect)
    assert (str(found["S04"].verdict), str(found["L03"].verdict)) == (verdict, verdict)
    assert found["S04"].cause == (
        "--ipc none was asked for" if verdict == "skip"
        else "/dev/shm is not what the specification asks for"
    )  # fmt: skip
    assert rows(without="/sys", inspect=inspect)["S02"].verdict == "fail"


def test_what_the_engine_leaves_out_of_the_configuration_is_not_required() -> None:
    asked = config(listed("/proc", "proc"))
    found = rows(without="/dev/mqueue", asked=asked)
    assert found["L04"].verdict == "skip"
    assert "left it out of config.json" in found["L04"].cause
    assert rows(without="/dev/mqueue", asked=config(listed("/dev/mqueue")))["L04"].verdict == "fail"
    assert rows(without="/dev/mqueue")["L04"].verdict == "fail"
    assert rows(without="/dev/null", asked=asked)["S05"].verdict == "fail"


@pytest.mark.parametrize(
    ("tty", "console", "verdict", "observed"),
    [
        (False, None, "pass", "not needed: started without a terminal"),
        (True, None, "fail", "missing"),
        (True, node("/dev/console", (136, 0), 4, mode=0o620), "pass", "char-device 136:0 0620"),
    ],
)
def test_a_console_is_needed_with_a_terminal(
    tty: bool, console: Entry | None, verdict: str, observed: str
) -> None:
    found = rows(*([console] if console else []), inspect={"Config": {"Tty": tty}})["S16"]
    assert (found.verdict, found.observed) == (verdict, observed)
    assert found.expected == "a pseudo-terminal"
