"""What was found so far, kept in a file: a run that was cut off goes on where it stopped.

A fault that a test noticed is not tried again while neither the file of its function nor that of
the test changes, as mutmut itself keeps results by function; a survivor, while nothing changes at
all.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.mutants.faults import ROOT, Fault

KEPT = ROOT / "build" / "mutants.jsonl"
Found = dict[str, bool]  # the name of a faulty version -> whether the tests noticed it


@dataclass(frozen=True)
class Snapshot:
    """The program, its tests and what makes the faults, as they are when the copy is made."""

    digests: dict[str, str]  # of each file: its path from ROOT -> SHA-256

    @classmethod
    def take(cls) -> Snapshot:
        """That of now. The list of survivors with their reasons decides nothing."""
        files = [
            path
            for directory in (ROOT / "scripts" / "scratchlab", ROOT / "tests")
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.suffix != ".pyc" and path.name != "survivors.toml"
        ]
        return cls(
            {str(p.relative_to(ROOT)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
        )

    def state(self, module: str, test: str | None) -> str:
        """The digest of what a result depends on: the files of ``module`` and of ``test``, or
        without a test everything.
        """
        path = "scripts/" + module.replace(".", "/")
        files = [f"{path}.py", f"{path}/__init__.py", test] if test else [*self.digests]
        lines = [f"{file} {self.digests.get(file)}" for file in files]
        return hashlib.sha256("\n".join([version("mutmut"), *lines]).encode()).hexdigest()[:32]


def add(file: Path, snapshot: Snapshot, fault: Fault, test: str | None, *, noticed: bool) -> None:
    """Write at once what was found of ``fault``; ``test`` is the file of the test that noticed it,
    from ROOT, None where it is not known.
    """
    line = {"fault": name(fault), "noticed": noticed, "module": fault.module, "test": test}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as kept:
        kept.write(json.dumps(line | {"state": snapshot.state(fault.module, test)}) + "\n")


def load(file: Path, snapshot: Snapshot) -> Found:
    """What ``file`` tells of ``snapshot``."""
    state = functools.cache(snapshot.state)
    found = {}
    for text in file.read_text().splitlines() if file.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:  # the run was ended while it wrote this line
            continue
        if line["state"] == state(line["module"], line["test"]):
            found[line["fault"]] = line["noticed"]
    return found


def name(fault: Fault) -> str:
    """The name of the faulty version, unique in the program."""
    return f"{fault.module}.{fault.version}"
