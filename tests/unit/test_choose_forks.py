"""How many machines at once: by memory and cores, unless somebody says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import choose_forks


@pytest.mark.parametrize(
    ("available", "cores", "number"),
    [
        (24_000, 2, 20),  # as before on the machines that were measured
        (1000, 2, 20),
        (700, 8, 10),
        (300, 2, 1),
        (0, 64, 1),
        (64_000, 8, 80),
        (2000, 8, 53),
    ],
)
def test_memory_and_cores_decide(available: float, cores: int, number: int) -> None:
    assert choose_forks.forks(available, cores) == number


@pytest.mark.parametrize("options", [["-f", "5"], ["-f5"], ["--forks", "5"], ["--fork=5"]])
def test_who_says_it_is_left_alone(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSIBLE_FORKS", raising=False)
    choose_forks.main(["-i", "room.yml", *options])
    assert capsys.readouterr().out == ""


def test_other_options_leave_the_choice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSIBLE_FORKS", raising=False)
    choose_forks.main(["-i", "room.yml", "--flush-cache", "--force-handlers", "-e", "f=1"])
    assert 1 <= int(capsys.readouterr().out) <= 10_000
    monkeypatch.setenv("ANSIBLE_FORKS", "3")
    choose_forks.main([])
    assert capsys.readouterr().out == ""


def test_a_limit_of_the_control_group_counts(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:  2097152 kB\n")
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    assert choose_forks.available_memory(tmp_path) == 2048
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("5\n")
    assert choose_forks.available_memory(tmp_path) == 2048
    (group / "memory.max").write_text(f"{700 << 20}\n")
    (group / "memory.current").write_text(f"{200 << 20}\n")
    assert choose_forks.available_memory(tmp_path) == 500


def test_only_what_every_start_of_python_has_is_imported() -> None:
    code = (
        "import os, sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1])\n"
        "import choose_forks; choose_forks.main([])\n"
        "print(sorted(set(sys.modules) - before))"
    )
    scripts = str(Path(choose_forks.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, scripts],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "['__future__', 'choose_forks']"
