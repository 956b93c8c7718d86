"""What was found so far, kept in a file: a run that was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.mutants.faults import ROOT, Fault

KEPT = ROOT / "build" / "mutants.jsonl"
Found = dict[str, bool]  # the name of a faulty version -> whether the tests noticed it


def fingerprint() -> str:
    """The digest of all that a result depends on: the program, its tests and what makes the
    faults. The list of survivors with their reasons decides nothing.
    """
    digest = hashlib.sha256(version("mutmut").encode())
    for directory in (ROOT / "scripts" / "scratchlab", ROOT / "tests"):
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.suffix != ".pyc" and path.name != "survivors.toml":
                content = path.read_bytes()
                digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
                digest.update(content)
    return digest.hexdigest()


def load(file: Path, state: str) -> Found:
    """What ``file`` tells of the program and the tests whose fingerprint is ``state``. The file of
    another state is begun again.
    """
    head = json.dumps({"state": state})
    lines = file.read_text().splitlines() if file.exists() else []
    if lines[:1] != [head]:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{head}\n")
        return {}
    return dict(_results(lines[1:]))


def add(file: Path, fault: Fault, noticed: bool) -> None:
    """Write at once what was found of ``fault``."""
    with file.open("a") as kept:
        kept.write(json.dumps([name(fault), noticed]) + "\n")


def name(fault: Fault) -> str:
    """The name of the faulty version, unique in the program."""
    return f"{fault.module}.{fault.version}"


def _results(lines: Iterable[str]) -> Iterable[tuple[str, bool]]:
    for line in lines:
        try:
            key, noticed = json.loads(line)
        except json.JSONDecodeError:  # the run was ended while it wrote this line
            continue
        yield key, noticed
