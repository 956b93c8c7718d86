"""docs/injections.md depends on the saved cells alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.matrix import __main__ as matrix
from tests.matrix.columns import COLUMNS
from tests.matrix.variants import VARIANTS

PLAIN = {"/etc": ["docker-init-folder", "0755 0:0"], "/dev/null": ["oci-device", "0666 0:0"]}
RULE = {"id": "oci-device", "title": "the runtime supplies the default devices", "level": "MUST",
        "clause": "https://spec.example/#devices", "source": "https://source.example/",
        "symbol": "AllowedDevices"}  # fmt: skip


def cell(name: str, origins: dict[str, list[str]], *faults: str) -> dict[str, Any]:
    return {
        "name": name, "explained": 30, "total": 30 + len(faults), "faults": list(faults),
        "origins": origins, "rules": {"oci-device": RULE},
        "engine": {"name": "docker", "version": "26.1.5", "storage_driver": "overlay2"},
        "runtime": {"name": "runc", "version": "1.1.15"},
        "host": {"kernel": "6.12", "cgroup_version": 2},
    }  # fmt: skip


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the page, and two measured columns beside it."""
    init = {**PLAIN, "/sbin/docker-init": ["docker-init-program", "0755 0:0"]}
    cells = [cell("plain", PLAIN), cell("tty", PLAIN), cell("init", init)]
    broken = [cell("plain", PLAIN), cell("tty", PLAIN, "/x: only-live unexplained"),
              {"name": "init", "refused": "docker run: docker: no | such thing"}]  # fmt: skip
    mutations = [{"name": "a mode", "lacks": []}, {"name": "a time", "lacks": ["not found"]}]
    for name, column in (("docker-20.10", cells), ("docker-26.1", broken)):
        measured = {"cells": column, "mutations": mutations}
        (tmp_path / f"{name}.json").write_text(json.dumps(measured))
    monkeypatch.setattr(matrix, "CELLS", tmp_path)
    monkeypatch.setattr(matrix, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(sys, "argv", ["matrix", "--show", "--write"])
    return tmp_path / "page.md"


def test_page_shows_the_measured_columns_and_cells(page: Path) -> None:
    assert matrix.main() == 1  # one cell is not explained, one mutation of each column not found
    text = page.read_text()
    for line in (
        "| docker-20.10 | docker 26.1.5 | overlay2 | runc 1.1.15 | 6.12, v2 | 3 of 3 | 1 of 2 |",
        "| docker-26.1 | docker 26.1.5 | overlay2 | runc 1.1.15 | 6.12, v2 | 1 of 2 | 1 of 2 |",
        "| `/dev/null` | oci-device 0666 | all |",
        "| init | all | `/sbin/docker-init` docker-init-program 0755 |  |",
        "No difference anywhere: tty. *all* means every column with that option.",
        "| tty | 30/30 | 30/31, **1 faults** |",
        "| init | 30/30 | refused |",
        r"| init | no \| such thing | docker-26.1 |",
        "| oci-device | the runtime supplies the default devices | "
        "[MUST](https://spec.example/#devices) | [AllowedDevices](https://source.example/) |",
    ):
        assert line in text.splitlines()


def test_same_cells_make_the_same_page(page: Path) -> None:
    matrix.main()
    before = page.read_bytes()
    matrix.main()
    assert page.read_bytes() == before


def test_new_cells_replace_older_ones_of_the_same_name(page: Path) -> None:
    (column,) = (column for column in COLUMNS if column.name == "docker-26.1")
    matrix.record(column, {"cells": [cell("tty", PLAIN)], "mutations": []}, whole=False)
    saved = matrix.saved()["docker-26.1"]
    assert [(cell["name"], cell.get("faults")) for cell in saved["cells"]] == [
        ("plain", []), ("tty", []), ("init", None),
    ]  # fmt: skip
    assert len(saved["mutations"]) == 2


def test_names_of_variants_are_unique_for_each_engine() -> None:
    for engine in ("docker", "podman"):
        names = [variant.name for variant in VARIANTS if engine in variant.engines]
        assert len(names) == len(set(names))
