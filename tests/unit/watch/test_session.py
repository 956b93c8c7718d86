"""A kept connection: real shells as machines, honest and hostile ones."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from scratchlab.classroom.live import Answer
from scratchlab.classroom.status import HOME_FILE, Status, write_status
from scratchlab.watch.inventory import Target
from scratchlab.watch.room import Room
from scratchlab.watch.session import GoneError, Session

LOCAL = ("sh", "-c")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / HOME_FILE).parent.mkdir(parents=True)
    return tmp_path


def machine(script: str) -> Target:
    """A machine that runs ``script`` whatever it is told to run."""
    return Target("desk01", ("sh", "-c", f"{script} #", "-c"))


def with_session(
    target: Target, work: Callable[[Session], Awaitable[Answer]]
) -> tuple[Answer | str, Session]:
    async def run() -> tuple[Answer | str, Session]:
        session = Session(target)
        try:
            return await work(session), session
        except GoneError as error:
            return str(error), session
        finally:
            await session.close()

    return asyncio.run(run())


def looked(target: Target, seconds: float = 5) -> Answer | str:
    return with_session(target, lambda session: session.look(seconds))[0]


def test_an_answer_has_the_clock_and_the_status(home: Path) -> None:
    (home / HOME_FILE).write_bytes(write_status(Status("anna", "build")))
    os.utime(home / HOME_FILE, (1000, 1000))
    answer = looked(Target("desk01", LOCAL))
    assert isinstance(answer, Answer)
    assert abs(answer.clock - time.time()) < 5
    mine = [file for file in answer.files if file.status and file.status.user == "anna"]
    assert [(file.changed, file.status) for file in mine] == [(1000, Status("anna", "build"))]


def test_one_process_answers_all_looks_and_ends_with_its_group(home: Path) -> None:
    pids = []

    async def work(session: Session) -> Answer:
        for _ in range(3):
            answer = await session.look(5)
            process = session._process
            assert process is not None
            pids.append(process.pid)
        assert os.getpgid(pids[0]) == pids[0]
        return answer

    answer, session = with_session(Target("desk01", LOCAL), work)
    assert isinstance(answer, Answer)
    assert len(set(pids)) == 1
    assert not session.connected
    with pytest.raises(ProcessLookupError):
        os.killpg(pids[0], 0)


@pytest.mark.parametrize("kind", ["link", "pipe", "huge", "text"])
def test_what_is_no_status_is_damaged_or_left_out(home: Path, kind: str) -> None:
    file = home / HOME_FILE
    if kind == "link":
        file.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.write_bytes(b"x" * (1 << 20 if kind == "huge" else 5))
    answer = looked(Target("desk01", LOCAL))
    assert isinstance(answer, Answer)
    mine = [seen for seen in answer.files if seen.status is None]
    assert len(mine) == (kind in ("huge", "text"))
    assert all("damaged" in seen.fault for seen in mine)


def test_what_a_login_script_prints_is_no_answer(home: Path) -> None:
    target = Target("desk01", ("sh", "-c", 'echo welcome; begin 1; eval "$0"'))
    answer = looked(target)
    assert isinstance(answer, Answer)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 1", "the connection ended"),
        ("echo 'Connection refused' >&2; exit 255", "Connection refused"),
        ("printf 'a\\033[31mb\\n' >&2; exit 255", "a\\x1b[31mb"),
        ("sleep 60", "no answer for 1 s"),
        ("yes", "something else"),
        ("cat /dev/zero", "Separator"),
        ("cat /dev/zero >&2", "no answer for 1 s"),
        ("read w; echo begin $w 1; sleep 60", "no answer for 1 s"),
        ("read w; echo begin $w 99999999999999; sleep 60", "something else"),
        ("read w; echo begin $w -1; sleep 60", "something else"),
        ("echo begin x 1; echo end x; sleep 60", "no answer for 1 s"),
        ("trap '' TERM; sleep 60", "no answer for 1 s"),
    ],
)
def test_a_machine_that_answers_nothing_good_is_given_up(script: str, reason: str) -> None:
    begun = time.monotonic()
    answer = looked(machine(script), 1)
    assert isinstance(answer, str)
    assert reason in answer or (script.startswith("cat /dev/zero >") and len(answer) <= 160)
    assert time.monotonic() - begun < 10


def test_a_machine_without_a_command_says_why() -> None:
    assert looked(Target("desk01", problem="no such connection")) == "no such connection"


def test_a_machine_that_hangs_costs_the_others_no_time() -> None:
    targets = [*(machine("sleep 60") for _ in range(3)), Target("good", LOCAL)]
    named = [Target(f"m{number}", target.command) for number, target in enumerate(targets)]

    async def run() -> tuple[float, Room]:
        room = Room(named, connect=3, answer=2)
        begun, seen = time.monotonic(), 0.0
        looking = asyncio.create_task(room.look_once())
        while room.machines[-1].answer is None and time.monotonic() - begun < 3:
            await asyncio.sleep(0.05)
        seen = time.monotonic() - begun
        await looking
        await room.close()
        return seen, room

    seen, room = asyncio.run(run())
    assert seen < 2.5
    assert [machine.gone is None for machine in room.machines] == [False, False, False, True]
