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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants import DECIDING, LEAST
from tests.mutants.faults import WORK, Fault, prepare

REASONS = Path(__file__).with_name("survivors.toml")
_SEED = 13


@dataclass(frozen=True)
class Score:
    """How many faults the tests noticed, and those that they did not."""

    noticed: int
    survivors: tuple[Fault, ...]
    every: int  # faults that could be put in

    @property
    def share(self) -> float:
        """The part that was noticed, from 0 to 1."""
        tried = self.noticed + len(self.survivors)
        return self.noticed / tried if tried else 0.0

    def without_reason(self) -> list[Fault]:
        """The survivors that REASONS does not list."""
        known = reasons()
        return [fault for fault in self.survivors if str(fault) not in known]

    def __str__(self) -> str:
        tried = self.noticed + len(self.survivors)
        part = "all" if tried == self.every else f"{tried} of {self.every}, by chance"
        return f"{part}: {self.noticed} noticed, {len(self.survivors)} not, {self.share:.1%}"


def reasons() -> dict[str, str]:
    """Why each fault that REASONS lists survives."""
    groups = tomllib.loads(REASONS.read_text()).get("group", [])
    return {fault.strip(): group["reason"] for group in groups for fault in group["faults"]}


def score(modules: Sequence[str] = (), sample: int = 0, minutes: float = math.inf) -> Score:
    """Put in the faults of ``modules`` (none: all that decide), in an order by chance that is the
    same each time: the first ``sample`` of them (0: all), as many as are begun within ``minutes``.
    Raises RuntimeError where a test fails without a fault.
    """
    faults = prepare(modules or DECIDING)
    random.Random(_SEED).shuffle(faults)
    asked = faults[: sample or None]
    text = json.dumps({"faults": [asdict(fault) for fault in asked], "minutes": minutes})
    (WORK / "asked.json").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{WORK / 'src'}:{WORK}"}
    subprocess.run(
        [sys.executable, "-m", "tests.mutants.session"], cwd=WORK, env=environment, check=True
    )
    results = json.loads((WORK / "results.json").read_text())
    if results["failed"]:
        names = ", ".join(results["failed"][:3])
        raise RuntimeError(f"{len(results['failed'])} tests fail without a fault: {names}")
    survivors = tuple(Fault(**fault) for fault in results["survivors"])
    return Score(results["noticed"], survivors, len(faults))


def main(arguments: Sequence[str]) -> int:
    """Print the score and what has no reason; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, default=0, metavar="N")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="N")
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args(arguments)
    found = score(options.modules, options.sample, options.minutes)
    unknown = found.without_reason()
    print("\n".join(map(str, unknown)))
    print(f"{found}; {len(unknown)} of them without a reason in {REASONS.name}")
    return int(found.share < LEAST or bool(unknown))
