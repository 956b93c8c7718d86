"""`scratchlab diff` and `verify --since` of real containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docker.models.images import Image

from tests.integration.conftest import Run, scratchlab

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]


def test_what_changed_since_a_report(
    shell_image: Image, run_container: Run, tmp_path: Path
) -> None:
    container, report = run_container(shell_image), str(tmp_path / "r.json")
    name = str(container.id)
    container.exec_run(["/bin/sh", "-c", "echo old > /srv/old"])
    assert scratchlab("verify", name, "--json", report).returncode == 3
    done = scratchlab("verify", name, "--since", report)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "no difference")

    container.exec_run(["/bin/sh", "-c", "echo new > /srv/new"])
    done = scratchlab("verify", name, "--since", report)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[2:] == [
        "+ /srv/new  file 0644 0:0 4 B  written-later",
        "0 only in A, 1 only in B, 0 differ",
        "whose: 1 written-later",
    ]
    policy = tmp_path / "expect.yml"
    policy.write_text("allow:\n  - path: /srv/new\n")
    assert scratchlab("verify", name, "--since", report, "--expect", str(policy)).returncode == 0

    other = run_container(shell_image)
    done = scratchlab("verify", str(other.id), "--since", report)
    assert done.returncode == 2
    assert "is of another container" in done.stderr


def test_a_container_a_report_and_an_image(
    shell_image: Image, run_container: Run, tmp_path: Path
) -> None:
    container, report = run_container(shell_image), str(tmp_path / "r.json")
    name, image = str(container.id), str(shell_image.tags[0])
    assert scratchlab("verify", name, "--json", report).returncode == 0
    same = scratchlab("diff", name, report)
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "no difference")
    container.exec_run(["/bin/sh", "-c", "echo more >> /srv/data"])
    done = scratchlab("diff", f"image:{image}", name, "--format", "json")
    assert done.returncode == 1
    found = {item["path"]: item for item in json.loads(done.stdout)["differences"]}
    assert found["/srv/data"]["change"] == "differs"
    assert found["/srv/data"]["fields"]["size"] == [8, 13]
    assert found["/srv/data"]["b"]["origin"] == "written-later"
    assert found["/dev"]["change"] == "only-b"
    assert "/bin/sh" not in found


def test_what_cannot_be_compared_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{}")
    for one in ("nobody-has-this", str(tmp_path / "r.json"), str(tmp_path / "none")):
        done = scratchlab("diff", one, one)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
