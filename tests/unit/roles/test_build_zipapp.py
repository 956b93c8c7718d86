"""Building the program leaves nothing in the home of who builds it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import build_zipapp

KEEPS_NOTHING = {"uv": "--no-cache", "pip": "--no-cache-dir"}


def test_no_installer_keeps_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0)
    )
    commands = list(build_zipapp.installers())
    names = ["uv" if Path(command[0]).name == "uv" else "pip" for command in commands]
    assert set(names) == {"uv", "pip"}
    for name, command in zip(names, commands, strict=True):
        assert KEEPS_NOTHING[name] in command, command
