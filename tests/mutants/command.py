"""The command: faults, the score, and the survivors that have no reason yet."""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants import DECIDING, LEAST, kept
from tests.mutants.faults import WORK, Fault, prepare

REASONS = Path(__file__).with_name("survivors.toml")
_SEED = 13


@dataclass(frozen=True)
class Score:
    """The faults that the tests noticed, and those that they did not."""

    noticed: tuple[Fault, ...]
    survivors: tuple[Fault, ...]
    every: int  # faults that could be put in

    @property
    def share(self) -> float:
        """The part that was noticed, from 0 to 1."""
        tried = len(self.noticed) + len(self.survivors)
        return len(self.noticed) / tried if tried else 0.0

    def without_reason(self) -> list[Fault]:
        """The survivors that REASONS does not list."""
        known = reasons()
        return [fault for fault in self.survivors if str(fault) not in known]

    def by_module(self) -> str:
        """A line for each module: how many of its faults were noticed, and of how many."""
        noticed = Counter(fault.module for fault in self.noticed)
        tried = noticed + Counter(fault.module for fault in self.survivors)
        return "\n".join(f"{name}: {noticed[name]}/{tried[name]}" for name in sorted(tried))

    def __str__(self) -> str:
        tried = len(self.noticed) + len(self.survivors)
        part = "all" if tried == self.every else f"{tried} of {self.every}, by chance"
        return f"{part}: {len(self.noticed)} noticed, {len(self.survivors)} not, {self.share:.1%}"


def reasons() -> dict[str, str]:
    """Why each fault that REASONS lists survives."""
    groups = tomllib.loads(REASONS.read_text()).get("group", [])
    return {fault.strip(): group["reason"] for group in groups for fault in group["faults"]}


def score(
    modules: Sequence[str] = (), sample: int = 0, minutes: float = math.inf, *, listed: bool = False
) -> Score:
    """Put in the faults of ``modules`` (none: all that decide), in an order by chance that is the
    same each time: the first ``sample`` of them (0: all), as many as are begun within ``minutes``.
    What earlier runs found and still holds is not tried again; what REASONS lists is tried where
    ``listed`` says so, and otherwise counts as a survivor.
    Raises RuntimeError where a test fails without a fault.
    """
    snapshot = kept.Snapshot.take()
    faults = prepare(modules or DECIDING)
    random.Random(_SEED).shuffle(faults)
    asked = faults[: sample or None]
    before = kept.load(kept.KEPT, snapshot)
    known = frozenset[str]() if listed else reasons().keys()
    new = [
        asdict(fault)
        for fault in asked
        if kept.name(fault) not in before and str(fault) not in known
    ]
    asked_for = {"faults": new, "minutes": minutes, "kept": str(kept.KEPT)}
    (WORK / "asked.json").write_text(json.dumps(asked_for | asdict(snapshot)))
    environment = {**os.environ, "PYTHONPATH": f"{WORK / 'src'}:{WORK}"}
    if new:
        subprocess.run(
            [sys.executable, "-m", "tests.mutants.session"], cwd=WORK, env=environment, check=True
        )
        if failed := json.loads((WORK / "failed.json").read_text()):
            names = ", ".join(failed[:3])
            raise RuntimeError(f"{len(failed)} tests fail without a fault: {names}")
    found = kept.load(kept.KEPT, snapshot)
    found |= {kept.name(fault): False for fault in asked if str(fault) in known}
    return Score(
        tuple(fault for fault in asked if found.get(kept.name(fault)) is True),
        tuple(fault for fault in asked if found.get(kept.name(fault)) is False),
        len(faults),
    )


def main(arguments: Sequence[str]) -> int:
    """Print the score and what has no reason; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, default=0, metavar="N")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="N")
    parser.add_argument("--listed", action="store_true")
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args(arguments)
    found = score(options.modules, options.sample, options.minutes, listed=options.listed)
    unknown = found.without_reason()
    print("\n".join([*map(str, unknown), found.by_module()]))
    print(f"{found}; {len(unknown)} of them without a reason in {REASONS.name}")
    return int(found.share < LEAST or bool(unknown))
