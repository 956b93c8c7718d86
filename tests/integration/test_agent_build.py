"""The agent of debug containers: formatted, vetted, and the same bytes from any directory."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from scratchlab.collect.remote import agent
from scratchlab.experiments import e04_static_program

SOURCE = Path(agent.__file__).parent
ENVIRONMENT = {**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0", "GOOS": "linux"}


def go(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=SOURCE, env={**ENVIRONMENT, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_agent_is_formatted_and_vetted() -> None:
    assert go("gofmt", "-l", ".") == ""
    go("go", "vet", ".")


@pytest.mark.parametrize("architecture", ["386", "arm", "arm64", "ppc64le", "riscv64", "s390x"])
def test_agent_compiles_for_other_processors(architecture: str) -> None:
    go("gofmt", "-e", ".")
    go("go", "vet", ".", GOARCH=architecture)


def test_agent_is_static_and_independent_of_the_build_directory() -> None:
    first = agent.build("amd64")
    assert first == agent.binary("amd64")  # from the cache, built in another directory
    elf = e04_static_program.read_elf(io.BytesIO(first))
    assert (elf.bits, elf.interpreter, elf.dynamic) == (64, None, False)


def test_agent_reports_missing_arguments(tmp_path: Path) -> None:
    (tmp_path / "agent").write_bytes(agent.binary("amd64"))
    (tmp_path / "agent").chmod(0o755)
    done = subprocess.run([tmp_path / "agent"], capture_output=True, check=False)
    assert (done.returncode, done.stdout[5:]) == (1, b"too few arguments")
