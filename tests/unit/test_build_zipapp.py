"""Building scratchlab as one file, by several hosts or terminals at the same time."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import build_zipapp

# Installs one file, slowly, so that all builds overlap.
INSTALLER = """
import os, sys, time
place = sys.argv[sys.argv.index("--target") + 1]
os.makedirs(place)
open(place + "/module.py", "w").write(os.environ.get("PIP_USER", ""))
time.sleep(0.5)
"""


@pytest.fixture
def slow_installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "installer.py"
    script.write_text(INSTALLER)
    monkeypatch.setattr(build_zipapp, "installers", lambda: iter([[sys.executable, str(script)]]))
    # Each build is a process of its own.
    processes = iter(range(100))
    monkeypatch.setattr(os, "getpid", lambda: next(processes))


@pytest.mark.usefixtures("slow_installer")
def test_builds_at_the_same_time_share_the_dependencies(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(build_zipapp.dependencies, [tmp_path] * 4))
    assert len(set(found)) == 1
    assert (found[0] / "module.py").exists()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [found[0]]


@pytest.mark.usefixtures("slow_installer")
def test_pip_conf_with_user_installs_does_not_matter(tmp_path: Path) -> None:
    assert (build_zipapp.dependencies(tmp_path) / "module.py").read_text() == "0"


def test_directory_that_cannot_be_renamed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        build_zipapp.put_in_place(tmp_path / "nothing", tmp_path / "there")
