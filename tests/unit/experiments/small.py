"""Small experiments for tests of what runs them, without an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from requests.exceptions import ConnectionError as ConnectionLost

from scratchlab.experiments.table import Experiment


@dataclass(frozen=True)
class Observation:
    """The observation of a test's probe."""

    good: bool = True


class Engine:
    """In place of an engine: it answers a ping or not, which a real engine cannot do on demand."""

    def __init__(self, alive: bool = True) -> None:
        self.alive = alive
        self.client = self
        self.api = None

    def ping(self) -> bool:
        if not self.alive:
            raise ConnectionLost("gone")
        return True


Make = Callable[..., Experiment]


def good(_: Any) -> Observation:
    return Observation()


def bad(_: Any) -> Observation:
    return Observation(good=False)
