"""The process that reads a live root: what it has of ours, and what becomes of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.live.reader import RootReader
from scratchlab.collect.live.reader_process import ReaderProcess
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError
from scratchlab.lab import verification
from scratchlab.ledger import temporary_directory
from tests.integration.conftest import Run
from tests.integration.live_roots import attacker, comes_true, live, pid
from tests.integration.test_live_closed import _OVERLAY_ON_DEAD_FUSE

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def container(shell_image: Image, run_container: Run) -> Container:
    return run_container(shell_image)


def left_behind(owner: int) -> list[str]:
    """The directories of the readers of process ``owner``."""
    prefix = f"scratchlab-reading-{owner}-"
    return [name for name in os.listdir(temporary_directory()) if name.startswith(prefix)]


def test_it_writes_the_ledger_that_this_process_would_read(container: Container) -> None:
    with hold_process(pid(container)) as process:
        counts: list[int] = []
        with RootReader(process.root_fd, process.mounts, None) as reader:
            ledger, _ = reader.read(UserDataPlan(), progress=counts.append)
        process.recheck()
    with ledger, live(container) as own:
        assert list(ledger) == list(own)
    assert left_behind(os.getpid()) == []


def test_the_digest_that_the_process_makes_is_the_ledgers(container: Container) -> None:
    with hold_process(pid(container)) as process, live(container) as own:
        with RootReader(process.root_fd, process.mounts, None) as reader:
            ledger, _ = reader.read(UserDataPlan())
            assert left_behind(os.getpid()) == []
            assert reader.digest() == own.digest()
        ledger.close()
        with RootReader(process.root_fd, process.mounts, None) as reader:
            ledger, _ = reader.read(UserDataPlan())
        assert not os.path.exists(f"/proc/{reader.pid}")
        with ledger:
            assert ledger._digest == own.digest(), "the end of the block waits for it"


def test_a_digest_that_the_process_cannot_make_is_made_here(container: Container) -> None:
    with hold_process(pid(container)) as process, live(container) as own:
        reader = RootReader(process.root_fd, process.mounts, None)
        ledger, _ = reader.read(UserDataPlan())
        reader.close()
        with ledger:
            assert reader.digest() == ""
            assert ledger.digest() == own.digest()


def test_the_process_ends_with_the_ledger_or_with_an_error(container: Container) -> None:
    with hold_process(pid(container)) as process:
        with RootReader(process.root_fd, process.mounts, None) as reader:
            ledger, _ = reader.read(UserDataPlan())
            ledger.close()
            assert not os.path.exists(f"/proc/{reader.pid}")
        reader = RootReader(process.root_fd, process.mounts, None)
        ledger, _ = reader.read(UserDataPlan())
        reader.__exit__(RuntimeError, RuntimeError(), None)
        assert not os.path.exists(f"/proc/{reader.pid}")
        assert not ledger._digest, "nobody waited for it"
        ledger.close()
    assert left_behind(os.getpid()) == []


def test_verify_reads_with_the_process_that_it_is_given(
    engine: EngineClient, container: Container
) -> None:
    with ReaderProcess() as started:
        evidence, _ = verification.verify(engine, str(container.id), reader=started)
        evidence.close()
        assert not os.path.exists(f"/proc/{started.pid}")


def test_it_reads_with_a_process_that_was_started_before(container: Container) -> None:
    with ReaderProcess() as started, hold_process(pid(container)) as process:
        with RootReader(process.root_fd, process.mounts, None, process=started) as reader:
            assert reader.pid == started.pid
            ledger, _ = reader.read(UserDataPlan())
        process.recheck()
        assert started.ended()
    with ledger, live(container) as own:
        assert list(ledger) == list(own)


def test_a_process_that_was_started_and_is_gone_is_named(container: Container) -> None:
    with ReaderProcess() as started, hold_process(pid(container)) as process:
        os.kill(started.pid, signal.SIGKILL)
        assert started.ended()
        with pytest.raises(LabError, match=r"ended before it was done \(signal 9\)"):
            RootReader(process.root_fd, process.mounts, None, process=started)
    assert left_behind(os.getpid()) == []


def test_a_process_that_is_given_nothing_ends_with_its_caller() -> None:
    command = [sys.executable, "-c", _IDLE]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "scripts"}
    ) as caller:
        assert caller.stdout
        number = int(caller.stdout.readline())
        stat = Path(f"/proc/{number}/stat")
        assert comes_true(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", 20)
        caller.kill()
    assert comes_true(lambda: not os.path.exists(f"/proc/{number}"), 20)


_IDLE = """
import time
from scratchlab.collect.live.reader_process import ReaderProcess
process = ReaderProcess()
print(process.pid, flush=True)
time.sleep(600)
"""


def open_files(directory: Path) -> Iterator[tuple[str, int]]:
    """What the descriptors in /proc/PID/fd are, and the device that each lies on."""
    for file in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield os.readlink(file), file.stat().st_dev


def test_it_has_no_descriptor_and_no_session_of_ours(container: Container) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    with hold_process(pid(container)) as process:
        with RootReader(process.root_fd, process.mounts, None) as reader:
            directory = Path(f"/proc/{reader.pid}/fd")
            # It waits for what to read of the user's data.
            assert comes_true(lambda: len(os.listdir(directory)) > 6, 20)
            root = os.fstat(process.root_fd).st_dev
            links = [link for link, device in open_files(directory) if device != root]
            assert os.getsid(reader.pid) == reader.pid
            assert os.readlink(f"/proc/{reader.pid}/cwd") == "/"
        own = ("/dev/null", "socket:", temporary_directory(), "/proc/", "anon_inode:[event")
        assert [link for link in links if not link.startswith(own)] == []
        assert links.count("/dev/null") == 3
        assert not any("pipe:" in link for link in links)
    os.close(read)
    os.close(write)


# It takes requests and never answers: no signal ends who asked (Linux fs/fuse/dev.c
# request_wait_answer()).
_SILENT_FUSE = _OVERLAY_ON_DEAD_FUSE.replace(
    "sys.stdin.read()",
    "import threading\n"
    "def take():\n    while True:\n        os.read(device, 200000)\n"
    "threading.Thread(target=take, daemon=True).start()\nsys.stdin.read()",
)

_STUCK = """
import os, sys
from scratchlab.collect.live.reader import RootReader
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError
with hold_process(int(sys.argv[1])) as process:
    # As if the engine had made it: so the walk enters it.
    devices = {mount.device for mount in process.mounts if mount.fstype == "overlay"}
    try:
        with RootReader(process.root_fd, process.mounts, devices, silence=4) as reader:
            reader.read(UserDataPlan())
    except LabError as error:
        print(reader.pid, error)
"""


def test_a_filesystem_that_never_answers_holds_nobody(container: Container) -> None:
    with attacker(_SILENT_FUSE, str(pid(container))):
        started = time.monotonic()
        # The output is at its end although the reader still lives: nobody who waits for that, such
        # as Ansible, waits for the reader.
        output = subprocess.run(
            [sys.executable, "-c", _STUCK, str(pid(container))],
            env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        assert time.monotonic() - started < 30
        number, _, sentence = output.partition(" ")
        assert f"process {number} ends when the filesystem answers" in sentence
        assert "the live root was silent for 4 s" in sentence
        assert os.path.exists(f"/proc/{number}")
    assert comes_true(lambda: not os.path.exists(f"/proc/{number}"), 20)  # it answered: by its end


def test_a_reader_that_stops_is_ended(container: Container) -> None:
    with hold_process(pid(container)) as process:
        reader = RootReader(process.root_fd, process.mounts, None, silence=2)
        os.kill(reader.pid, signal.SIGSTOP)
        with reader, pytest.raises(LabError, match="silent for 2 s, and the reading was given up"):
            reader.read(UserDataPlan())
        assert not os.path.exists(f"/proc/{reader.pid}")
    assert left_behind(os.getpid()) == []


def test_a_reader_that_is_killed_is_named(container: Container) -> None:
    with hold_process(pid(container)) as process:
        reader = RootReader(process.root_fd, process.mounts, None)
        os.kill(reader.pid, signal.SIGKILL)
        with reader, pytest.raises(LabError, match=r"ended before it was done \(signal 9\)"):
            reader.read(UserDataPlan())


_CALLER = """
import sys, time
from scratchlab.collect.live.reader import RootReader
from scratchlab.collect.process import hold_process
with hold_process(int(sys.argv[1])) as process:
    reader = RootReader(process.root_fd, process.mounts, None)
    print(reader.pid, flush=True)
    time.sleep(600)
"""


def test_the_reader_ends_with_its_caller_and_cleans_up(container: Container) -> None:
    command = [sys.executable, "-c", _CALLER, str(pid(container))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "scripts"}
    ) as caller:
        assert caller.stdout
        number = int(caller.stdout.readline())
        assert comes_true(lambda: len(os.listdir(f"/proc/{number}/fd")) > 6, 20)
        caller.kill()
    assert comes_true(lambda: not os.path.exists(f"/proc/{number}"), 20)
    assert left_behind(caller.pid) == []


# A FUSE filesystem that takes requests and never answers, mounted in the container.
_SILENT = """
import os, sys, threading
from tests.integration.live_roots import enter_mounts_of, mount
device = os.open("/dev/fuse", os.O_RDWR)
enter_mounts_of(int(sys.argv[1]))
mount("x", "/srv", "fuse", f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other")
def take():
    while True:
        os.read(device, 200000)
threading.Thread(target=take, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""

_LOOK = """
import sys
from scratchlab.collect.host_files import HostRootFiles
from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.process import hold_process
from scratchlab.collect.second_look import look_again
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind
with hold_process(int(sys.argv[1])) as process:
    print("held", flush=True)
    sys.stdin.readline()
    closed = closed_ways(process.mounts, process.root_mount)
    seen = Ledger([Entry("/srv/data", Kind.FILE, 0o644)])
    print(*(look.sight for look in look_again(process.root_fd, seen, ["/srv/data"], closed)))
    print(*HostRootFiles(process.root_fd, closed).heads(["/srv/data", "/bin/sh"], 4))
"""


def test_a_filesystem_that_came_after_the_reading_holds_nobody(container: Container) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LOOK, str(pid(container))], env={"PYTHONPATH": "scripts"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as looking:  # fmt: skip
        assert looking.stdout
        assert looking.stdout.readline() == "held\n"
        with attacker(_SILENT, str(pid(container))):
            output, _ = looking.communicate("go\n", timeout=30)
    assert output == "gone\nNone b'\\x7fELF'\n"
