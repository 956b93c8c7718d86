"""Hatch's build hook: puts the commit into the sdist and the wheel of scratchlab."""

from __future__ import annotations

import atexit
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "scripts"))

from scratchlab.commit import FILE, of_repository  # noqa: E402 - it is found by the path above


class CommitHook(BuildHookInterface[Any]):
    """Adds ``scratchlab/commit.txt`` where it is built in a checkout; an sdist has it already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the file and its place; ``build_data`` is hatch's."""
        place = "scripts/scratchlab" if self.target_name == "sdist" else "scratchlab"
        commit = of_repository(ROOT)
        if commit and version != "editable":
            directory = TemporaryDirectory()
            atexit.register(directory.cleanup)
            path = Path(directory.name) / FILE
            path.write_text(f"{commit}\n", encoding="ascii")
            build_data["force_include"][str(path)] = f"{place}/{FILE}"
