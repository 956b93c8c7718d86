"""One kept connection to one machine, over which it is asked again and again.

The machine runs a few lines of shell. Each line that it reads is a question: a word that nobody
there can know in advance. The answer begins and ends with that word, so what a login script prints
is no answer. A machine is its learner's, and may answer anything: bytes, lines and seconds of an
answer are limited, and its content is judged as a stranger's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import secrets
import shlex
import signal
import time

from scratchlab.classroom.live import Answer, SeenFile
from scratchlab.classroom.status import (
    DIRECTORY,
    HOME_FILE,
    MOST_BYTES,
    DamagedStatusError,
    read_status,
)
from scratchlab.text import printable
from scratchlab.watch.inventory import Target

MOST_FILES = 8  # accounts of one machine
LONGEST_LINE = 2 * MOST_BYTES
MOST_LINES = 200  # of one answer, with what a login script prints before it
LONGEST_REASON = 160  # characters
_KEPT = 2000  # bytes of what ssh says
# In base64, so that no status can look like the end of an answer. Not a link, not a pipe.
SCRIPT = f"""
LC_ALL=C; PATH=/usr/bin:/bin; export LC_ALL PATH
while read -r word; do
  echo "begin $word $(date +%s)"
  count=0
  for file in {DIRECTORY}/*.json "$HOME/{HOME_FILE}"; do
    [ -f "$file" ] && [ ! -L "$file" ] && [ "$count" -lt {MOST_FILES} ] || continue
    count=$((count + 1))
    echo "file $(stat -c %Y "$file") $(head -c {MOST_BYTES} "$file" | base64 -w 0)"
  done
  echo "end $word"
done
"""


class GoneError(Exception):
    """The machine does not answer; the message tells why and is safe to print."""


class Session:
    """A connection to ``target``. Use :meth:`look`, then :meth:`close`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._process: asyncio.subprocess.Process | None = None
        self._said = b""  # the last that ssh said
        self._listener: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether a process is there that may answer."""
        return self._process is not None

    async def look(self, seconds: float) -> Answer:
        """Ask the machine, and connect where there is no connection. Raises GoneError; then the
        connection is closed.
        """
        try:
            async with asyncio.timeout(seconds):
                process = self._process or await self._start()
                return await self._ask(process)
        except TimeoutError:
            reason = self._reason() or f"no answer for {seconds:.0f} s"
        except (OSError, ValueError, EOFError) as error:
            await self._listen_to_end()
            ended = isinstance(error, ConnectionError | EOFError)
            what = "the connection ended" if ended else str(error)
            reason = self._reason() or printable(what)[:LONGEST_REASON]
        await self.close()
        raise GoneError(reason)

    async def _start(self) -> asyncio.subprocess.Process:
        if not self.target.command:
            raise ValueError(self.target.problem)
        # ssh joins its arguments for a shell there; the others run what follows as it is.
        remote = self.target.command[-1] != "-c"
        script = f"exec sh -c {shlex.quote(SCRIPT)}" if remote else SCRIPT
        self._process = await asyncio.create_subprocess_exec(
            *self.target.command,
            script,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,  # Ctrl-C ends this program, which ends the group
            env={**os.environ, "LC_ALL": "C"},
        )
        self._listener = asyncio.create_task(self._listen(self._process))
        return self._process

    async def _ask(self, process: asyncio.subprocess.Process) -> Answer:
        if process.stdin is None or process.stdout is None:
            raise ValueError("it has no pipes")
        word = secrets.token_hex(16)
        process.stdin.write(f"{word}\n".encode())
        await process.stdin.drain()
        clock = -1
        files: list[SeenFile] = []
        for _ in range(MOST_LINES):
            line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            match line.split():
                case [b"begin", asked, number] if asked.decode("latin-1") == word:
                    clock, files = _number(number), []
                case [b"end", asked] if asked.decode("latin-1") == word and clock >= 0:
                    return Answer(time.monotonic(), clock, tuple(files[:MOST_FILES]))
                case [b"file", number, *content] if clock >= 0:
                    files.append(_seen(number, b"".join(content)))
        raise ValueError("it answers something else than scratchlab's status")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last that ssh says; it must never wait for a reader."""
        while process.stderr and (data := await process.stderr.read(_KEPT)):
            self._said = (self._said + data)[-_KEPT:]

    async def _listen_to_end(self) -> None:
        """What ssh said last may still be on its way."""
        if self._listener is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._listener), 0.5)

    def _reason(self) -> str:
        """The last line that ssh said; empty where it said nothing."""
        lines = [line for line in self._said.decode("utf-8", "replace").split("\n") if line.strip()]
        return printable(lines[-1].strip())[:LONGEST_REASON] if lines else ""

    async def close(self) -> None:
        """End the connection with all its processes."""
        process, self._process, self._said = self._process, None, b""
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            # The group, for a ProxyCommand; it may outlive ssh.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 1)
                break
        if self._listener is not None:
            self._listener.cancel()
        if process.stdin is not None:
            process.stdin.close()
        # To the end, which closes the pipes; a process that left the group may hold them open.
        with contextlib.suppress(TimeoutError, OSError, ValueError):
            async with asyncio.timeout(1):
                for pipe in (process.stdout, process.stderr):
                    while pipe is not None and await pipe.read(LONGEST_LINE):
                        pass


def _seen(changed: bytes, content: bytes) -> SeenFile:
    try:
        return SeenFile(_number(changed), read_status(base64.b64decode(content, validate=True)))
    except DamagedStatusError as error:
        return SeenFile(_number(changed), None, f"its status is damaged: {error}")
    except binascii.Error:
        return SeenFile(_number(changed), None, "its status is damaged: not in base64")


def _number(digits: bytes) -> int:
    """A time in seconds. Raises ValueError."""
    if not digits.isdigit() or len(digits) > 12:
        raise ValueError("it answers something else than scratchlab's status")
    return int(digits)
