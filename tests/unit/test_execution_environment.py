"""The execution environment for AWX has the Ansible that ./lab installs."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_it_has_the_ansible_of_the_lab() -> None:
    found = yaml.safe_load((ROOT / "execution-environment.yml").read_text())
    assert found["version"] == 3
    lines = (ROOT / "requirements/lab.in").read_text().splitlines()
    (wanted,) = (line for line in lines if line.startswith("ansible-core"))
    assert found["dependencies"]["ansible_core"]["package_pip"] == wanted
