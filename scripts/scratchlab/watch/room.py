"""All machines of a room, looked at every few seconds. One that is gone costs no other one time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from scratchlab.classroom.live import Machine
from scratchlab.watch.inventory import Target
from scratchlab.watch.session import GoneError, Session

AT_ONCE = 16  # connections that are being made
AGAIN_AT_ONCE = 4  # of them, to machines that were gone
LONGEST_PAUSE = 60.0  # seconds until a machine that is gone is tried again


@dataclass(slots=True)
class Room:
    """The machines of a room. ``connect`` and ``answer``: after how many seconds a connection that
    is being made, and a machine that is asked, is given up.
    """

    targets: Sequence[Target]
    connect: float = 10.0
    answer: float = 5.0
    _machines: dict[str, Machine] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _again: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AGAIN_AT_ONCE))

    def __post_init__(self) -> None:
        for target in self.targets:
            self._machines[target.name] = Machine(target.name)
            self._sessions[target.name] = Session(target)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines as they were seen last, in the order of the inventory."""
        return tuple(self._machines.values())

    async def look_once(self) -> None:
        """Ask every machine once; returns when the last has answered or was given up."""
        await asyncio.gather(*(self._look(target.name) for target in self.targets))

    async def watch(self, every: float, changed: Callable[[], None]) -> None:
        """Ask every machine each ``every`` seconds until cancelled; ``changed`` is called after
        each answer.
        """
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(self.targets):
                # Not all at the same moment.
                delay = every * number / len(self.targets)
                group.create_task(self._keep_looking(target.name, every, delay, changed))

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    async def _keep_looking(
        self, name: str, every: float, delay: float, changed: Callable[[], None]
    ) -> None:
        await self._look(name)
        changed()
        await asyncio.sleep(delay)
        failures = 0
        while True:
            begun = time.monotonic()
            await self._look(name)
            changed()
            gone = self._machines[name].gone is not None
            failures = failures + 1 if gone else 0
            pause = min(every * 2 ** min(failures, 6), LONGEST_PAUSE) if gone else every
            await asyncio.sleep(max(pause - (time.monotonic() - begun), 0.1))

    async def _look(self, name: str) -> None:
        session, machine = self._sessions[name], self._machines[name]
        try:
            if session.connected:
                answer = await session.look(self.answer)
            else:
                # Machines that were gone wait for each other, not the others for them.
                places = self._places if machine.gone is None else self._again
                async with places:
                    answer = await session.look(self.connect)
        except GoneError as error:
            since = time.monotonic() if machine.gone is None else machine.gone
            self._machines[name] = replace(machine, gone=since, reason=str(error))
        else:
            self._machines[name] = Machine(name, answer)
