"""A typed command: both streams, the status, nothing left behind."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from scratchlab import deadlines
from scratchlab.experiments import typed
from scratchlab.experiments.table import EXPERIMENTS, check_of_verdict, fill_template
from scratchlab.labels import Names
from scratchlab.model import Check, Verdict


def run(command: str, seconds: float = 20) -> typed.Typed:
    return typed.type_command(replace(EXPERIMENTS[0], command=command), Names(), seconds)


def test_both_streams_and_the_status_are_kept() -> None:
    done = run("echo one; echo two >&2; exit 3")
    assert (done.output, done.status) == (b"one\ntwo\n", 3)


def test_temporary_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert run("cd $(mktemp -d) && touch left && pwd").status == 0
    assert list(tmp_path.iterdir()) == []


def test_command_that_does_not_end_is_ended() -> None:
    start = time.monotonic()
    assert run("sleep 60 & wait", 0.2).status is None
    assert time.monotonic() - start < 10


def test_long_output_is_cut() -> None:
    done = run("head -c 100000 /dev/zero | tr '\\0' x")
    assert len(done.output) < typed.MOST_BYTES + 50
    assert done.output.endswith(b"cut off]")


@pytest.mark.parametrize("name", ["E03", "E05", "E06", "E11", "E14", "E15"])
def test_without_the_engine_a_command_fails_and_shows_nothing_false(
    name: str, tmp_path: Path
) -> None:
    # As for a user without the right to the engine: docker only says so.
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho permission denied >&2; exit 1\n")
    docker.chmod(0o755)
    found = next(one for one in EXPERIMENTS if one.id == name)
    command = fill_template(found.command, Names().placeholders())
    done = run(f"PATH={tmp_path}:$PATH\n{command}")
    assert done.status not in (0, None)
    assert b"permission denied" in done.output
    assert b"  -\n" not in done.output, "no checksum of nothing"


def checked(name: str, verdict: Verdict) -> Check:
    experiment = next(one for one in EXPERIMENTS if one.id == name)
    return check_of_verdict(experiment, verdict, Names(), observed="-")


def test_each_check_gets_its_own_output_and_one_that_was_not_run_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = {one.id: replace(one, command=f"echo typed {one.id}") for one in EXPERIMENTS}
    monkeypatch.setattr(typed, "_BY_ID", table)
    checks = [
        checked("E01", Verdict.PASS),
        checked("E02", Verdict.FAIL),
        checked("E03", Verdict.SKIP),
        checked("E04", Verdict.ERROR),
    ]
    typist = typed.Typist(Names())
    for check in reversed(checks):  # in whatever order they are known
        typist.begin(check)
    outputs = [check.output for check in typist.outputs(checks)]
    assert outputs == ["typed E01", "typed E02", checks[2].output, checks[3].output]


def test_a_command_beside_others_ends_before_the_next_experiments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = "sleep 0.5; echo typed"
    table = {one.id: replace(one, command=command) for one in EXPERIMENTS}
    monkeypatch.setattr(typed, "_BY_ID", table)
    typist = typed.Typist(Names())
    times = []
    for name in ("E01", "E11", "E15"):
        start = time.monotonic()
        typist.begin(checked(name, Verdict.PASS))
        times.append(time.monotonic() - start > 0.4)
    assert times == [False, True, False]
    typist.outputs([])


def test_on_one_core_a_command_ends_before_the_next_experiment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typed, "_BY_ID", {"E01": replace(EXPERIMENTS[0], command="sleep 0.3")})
    monkeypatch.setattr(deadlines.PACE, "slowest_start", 60.0)
    start = time.monotonic()
    with typed.Typist(Names()) as typist:
        typist.begin(checked("E01", Verdict.PASS))
        assert time.monotonic() - start > 0.2


def test_an_interrupted_run_ends_its_commands_and_begins_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"echo $$$$ >>{tmp_path}/begun; sleep 60 & wait"
    table = {one.id: replace(one, command=command, side_by_side=0) for one in EXPERIMENTS}
    monkeypatch.setattr(typed, "_BY_ID", table)
    start = time.monotonic()
    with suppress(KeyboardInterrupt), typed.Typist(Names()) as typist:
        for name in table:
            typist.begin(checked(name, Verdict.PASS))
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 20
    begun = [int(line) for line in (tmp_path / "begun").read_text().split()]
    assert len(begun) <= 4
    assert [pid for pid in begun if Path(f"/proc/{pid}").exists()] == []


def test_a_command_that_does_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "_BY_ID", {"E01": replace(EXPERIMENTS[0], command="echo a; cat")})
    monkeypatch.setattr(
        typed, "type_command", lambda *_, **__: typed.Typed("echo a; cat", b"a\n", status=None)
    )
    typist = typed.Typist(Names())
    typist.begin(checked("E01", Verdict.PASS))
    assert typist.outputs([checked("E01", Verdict.PASS)])[0].output == "a\n(it did not end)"
