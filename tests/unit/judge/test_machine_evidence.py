"""Containers of other engines and of Debian's packages, and tampered ones: what is found in each.

The evidence is that of make_machine_evidence.py; machine_evidence.toml says what it shows beside
what image, engine and runtime put there. ``python -m tests.unit.judge.test_machine_evidence``
writes it again; read what changed.
"""

from __future__ import annotations

import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.judge.conftest import NAMES, SAVED
from tests.unit.judge.make_machine_evidence import CASES
from tests.unit.judge.test_merged_usr import found

from scratchlab import evidence
from scratchlab.evidence import EvidenceSet

Saved = Callable[[str], EvidenceSet]
FILE = Path(__file__).with_name("machine_evidence.toml")
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads(FILE.read_text()) if FILE.exists() else {}
# What is listed: nobody but the engine, the runtime, the kernel and the image made all else.
LISTED = ("written-later", "mounted-inside", "host-mount", "hook-or-tool", "unexplained",
          "volume-copy", "user-mount")  # fmt: skip
GONE = ("deleted", "changed")


def shown(evidence_set: EvidenceSet) -> dict[str, Any]:
    """What machine_evidence.toml lists of ``evidence_set``."""
    everything = found(evidence_set)

    def listed(section: str) -> dict[str, str]:
        return {
            path: words
            for path, words in everything[section].items()
            if any(origin in LISTED for origin in words.split(", "))
        }

    ghosts = everything["ghosts"].items()
    sections = {
        "entries": listed("entries"),
        "mounts": listed("mounts"),
        "ghosts": {path: words for path, words in ghosts if words.startswith(GONE)},
        "sentences": everything["sentences"],
    }
    return {
        "status": everything["status"],
        **{name: rows for name, rows in sections.items() if rows},
    }


def test_every_case_has_its_evidence_and_is_expected_to_show_something() -> None:
    assert sorted(EXPECTED) == sorted(set(CASES) & set(NAMES))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_is_shown_is_what_was_done(saved: Saved, name: str) -> None:
    assert shown(saved(name)) == EXPECTED[name]


def main() -> None:
    """Write machine_evidence.toml again."""
    lines = ["# What the evidence of make_machine_evidence.py shows: see test_machine_evidence.py."]
    for name in sorted(set(CASES) & set(NAMES)):
        with tempfile.TemporaryDirectory() as directory:
            with tarfile.open(SAVED / f"{name}.tar.gz") as archive:
                archive.extractall(directory, filter="data")
            with evidence.load(directory) as loaded:
                rows = shown(loaded)
        lines += ["", f'["{name}"]', f"status = {rows.pop('status')}"]
        for section, paths in rows.items():
            lines.append(f'["{name}".{section}]')
            lines += [f'"{path}" = "{words}"' for path, words in sorted(paths.items())]
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
