"""A student's home, shell and names for the tests of the guided path, on the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHIM = f"""#!/bin/sh
PYTHONPATH={ROOT}/scripts exec {sys.executable} -m scratchlab "$@"
"""


@dataclass(frozen=True)
class Learner:
    """A student with a home of their own; their names begin with ``word``."""

    home: Path
    word: str

    @classmethod
    def make(cls, home: Path, word: str) -> Learner:
        """A new home with a program `scratchlab` that is this source tree."""
        programs = home / "bin"
        programs.mkdir(parents=True)
        (programs / "scratchlab").write_text(SHIM)
        (programs / "scratchlab").chmod(0o755)
        learner = cls(home, word)
        assert learner.learn("start", "--name", word).returncode == 0
        return learner

    def environment(self) -> dict[str, str]:
        """The student's environment; Go's cache is shared, and nothing is fetched."""
        environment = {key: value for key, value in os.environ.items() if key[:4] != "SUDO"}
        environment |= {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:{os.environ['PATH']}:/usr/local/go/bin",
            "GOCACHE": os.environ.get("GOCACHE", "/tmp/scratchlab-test-gocache"),
            "GO111MODULE": "off",
            "LC_ALL": "C.UTF-8",
        }
        environment.pop("XDG_STATE_HOME", None)
        return environment

    def type(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Type lines into a shell."""
        return subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def learn(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`scratchlab learn WORDS`."""
        return subprocess.run(
            [str(self.home / "bin/scratchlab"), "learn", *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def check(self, *words: str) -> dict[str, Any]:
        """What `learn check --format json` says."""
        done = self.learn("check", *words, "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def record(self) -> dict[str, Any]:
        """The store."""
        found: dict[str, Any] = json.loads(
            (self.home / ".local/state/scratchlab/learn.json").read_text()
        )
        return found
