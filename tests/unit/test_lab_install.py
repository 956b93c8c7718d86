"""``./lab`` makes its Python environment, or says in one line why it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unit.test_lab_environment import Lab


@pytest.fixture
def fresh(tmp_path: Path) -> Lab:
    """A checkout that has no .venv yet, on a machine without a network."""
    lab = Lab(tmp_path)
    shutil.rmtree(lab.here / ".venv")
    return lab


NO_NETWORK = {"HTTPS_PROXY": "http://me:secret@127.0.0.1:9", "PIP_RETRIES": "1"}


def test_network_that_fails_is_one_line_with_the_proxy(fresh: Lab) -> None:
    status, output = fresh.run("check", "-i", "desk01,", environment=NO_NETWORK)
    assert status == 2
    assert output.count("\n") == 2, output
    line = output.splitlines()[1]
    assert line.startswith("lab: pip cannot install uv: ProxyError('Cannot connect to proxy.'")
    assert "it needs PyPI by the proxy 127.0.0.1:9: check the network" in line
    assert "secret" not in output


def test_pip_conf_is_read_for_the_network_alone(fresh: Lab) -> None:
    """With ``user`` and ``target`` pip would refuse, or install somewhere else."""
    file = fresh.here / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://me:secret@127.0.0.1:9/simple\nuser = true\n"
        f"target = {fresh.here}/elsewhere\n"
    )
    environment = {"PIP_CONFIG_FILE": str(file), "PIP_RETRIES": "0"}
    _, output = fresh.run("check", "-i", "desk01,", environment=environment)
    assert "it needs 127.0.0.1:9/simple: check the network" in output
    log = (fresh.here / ".cache" / "install.log").read_text()
    assert "--user" not in log
    assert "secret" not in output
    assert not (fresh.here / "elsewhere").exists()
