"""docs/injections.md depends on the saved cells alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.matrix import __main__ as matrix
from tests.matrix.columns import COLUMNS
from tests.matrix.images import IMAGES
from tests.matrix.mutations import MUTATIONS
from tests.matrix.run import numbers
from tests.matrix.variants import VARIANTS, Variant

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
        "host": {"kernel": "6.12", "cgroup_version": 2}, "measured": "2026-11-28 abc1234",
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
        "| docker-20.10 | docker 26.1.5 | overlay2 | runc 1.1.15 | 6.12, v2 | 3 of 3 | 1 of 2 "
        "| 2026-11-28 abc1234, unknown |",
        "| docker-26.1 | docker 26.1.5 | overlay2 | runc 1.1.15 | 6.12, v2 | 1 of 2 | 1 of 2 "
        "| 2026-11-28 abc1234, unknown |",
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
    assert saved["cells"][1]["measured"].endswith(f" {matrix.commit()}")


def test_names_of_variants_are_unique_for_each_engine() -> None:
    for engine in ("docker", "podman"):
        names = [variant.name for variant in VARIANTS if engine in variant.engines]
        assert len(names) == len(set(names))


def test_names_of_mutations_are_unique() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names))


def test_every_variant_has_an_image() -> None:
    assert {variant.image for variant in VARIANTS} <= {*IMAGES}


def entry(path: str, origin: str, **fields: Any) -> dict[str, Any]:
    return {"path": path, "origin": origin, "rule": None, "status": "only-live", "live": None,
            "prediction": "none", **fields}  # fmt: skip


def report(*entries: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "entries": entries, "mounts": [], "ghosts": [], "checks": [], "rules": [], "problems": [],
        "summary": {"explained": len(entries), "unexplained": 0, "missing": 0, "ghosts": 0},
        "engine": {}, "runtime": {}, "host": {}, "verdict": {"sentence": "all explained"}, **fields,
    }  # fmt: skip


def faults(variant: Variant, status: int, *entries: dict[str, Any], **fields: Any) -> list[str]:
    found: list[str] = numbers(report(*entries, **fields), variant, status)["faults"]
    return found


def test_path_that_a_variant_writes_must_be_reported_and_no_other() -> None:
    writes = Variant("writes", written=frozenset({"/new", "/gone"}))
    new, gone = entry("/new", "written-later"), {"path": "/gone", "kind": "deleted"}
    assert faults(writes, 3, new, ghosts=[gone]) == []
    assert faults(writes, 3, new) == ["/gone: written, but not reported"]
    assert faults(Variant("plain"), 3, new, entry("/x", "mounted-inside")) == [
        "/new: written-later, but nobody did that", "/x: mounted-inside, but nobody did that",
        "exit status 3: all explained",
    ]  # fmt: skip


def test_exit_status_of_a_variant_follows_from_what_it_writes() -> None:
    assert faults(Variant("plain"), 0, entry("/etc", "engine-init-layer")) == []
    assert faults(Variant("plain"), 1) == ["exit status 1: all explained"]
    writes = Variant("writes", written=frozenset({"/new"}))
    assert faults(writes, 0, entry("/new", "written-later")) == ["exit status 0: all explained"]


def test_missing_unexplained_and_contradicted_entries_are_faults() -> None:
    assert faults(
        Variant("plain"), 0, entry("/a", "unexplained"),
        entry("/b", "engine-mount", status="missing", prediction="predicted, but missing"),
    ) == [
        "/a: only-live unexplained", "/b: missing engine-mount", "/b: predicted, but missing",
    ]  # fmt: skip


def test_users_data_is_not_on_the_page() -> None:
    cell = numbers(
        report(entry("/data", "user-mount"), entry("/data/x", "user-data"), entry("/y", "kernel")),
        Variant("plain"), 0,
    )  # fmt: skip
    assert [*cell["origins"]] == ["/data", "/y"]
