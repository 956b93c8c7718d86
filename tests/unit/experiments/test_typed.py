"""A typed command: both streams, the status, nothing left behind."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

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


def test_each_check_gets_its_own_output_and_one_that_was_not_typed_none(
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
    for check in (checks[1], checks[0]):  # in whatever order they are known
        typist.type(check)
    outputs = [check.output for check in typist.outputs(checks)]
    assert outputs == ["typed E01", "typed E02", checks[2].output, checks[3].output]


def test_the_command_has_ended_once_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"sleep 0.2; echo >{tmp_path}/ended"
    monkeypatch.setattr(typed, "_BY_ID", {"E01": replace(EXPERIMENTS[0], command=command)})
    with typed.Typist(Names()) as typist:
        typist.type(checked("E01", Verdict.PASS))
        assert (tmp_path / "ended").exists()


def test_an_interrupted_run_ends_its_commands_and_begins_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [one.id for one in EXPERIMENTS[:4]]
    table = {
        one.id: replace(one, command=f"echo $$$$ >{tmp_path}/{one.id}; sleep 600 & wait")
        for one in EXPERIMENTS
    }
    table["E05"] = replace(table["E05"], command=f"echo >{tmp_path}/E05")
    monkeypatch.setattr(typed, "_BY_ID", table)
    threads = []
    with suppress(KeyboardInterrupt), typed.Typist(Names()) as typist:
        for name in names:
            check = checked(name, Verdict.PASS)
            threads.append(threading.Thread(target=typist.type, args=(check,)))
            threads[-1].start()
        while not all((tmp_path / name).exists() for name in names):
            time.sleep(0.01)
        raise KeyboardInterrupt
    begun = [int((tmp_path / name).read_text() or 0) for name in names]
    assert [pid for pid in begun if pid and Path(f"/proc/{pid}").exists()] == []
    typist.type(checked("E05", Verdict.PASS))
    assert not (tmp_path / "E05").exists()
    for thread in threads:
        thread.join()


def test_what_prevents_a_command_is_raised_with_the_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_shell(*_: object, **__: object) -> typed.Typed:
        raise OSError(2, "no shell")

    monkeypatch.setattr(typed, "type_command", no_shell)
    typist = typed.Typist(Names())
    typist.type(checked("E01", Verdict.PASS))
    with pytest.raises(OSError, match="no shell"):
        typist.outputs([checked("E01", Verdict.PASS)])


def test_a_command_that_does_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "_BY_ID", {"E01": replace(EXPERIMENTS[0], command="echo a; cat")})
    monkeypatch.setattr(
        typed, "type_command", lambda *_, **__: typed.Typed("echo a; cat", b"a\n", status=None)
    )
    typist = typed.Typist(Names())
    typist.type(checked("E01", Verdict.PASS))
    assert typist.outputs([checked("E01", Verdict.PASS)])[0].output == "a\n(it did not end)"
