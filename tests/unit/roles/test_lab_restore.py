"""Outside of the lab's directories, what was there before stays, and shared directories too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.modules import lab_restore


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine below a directory, as an engine left it."""
    shared = {f"{tmp_path}{path}": names for path, names in lab_restore.SHARED.items()}
    monkeypatch.setattr(lab_restore, "SHARED", shared)
    for path in ("etc/docker", "etc/cni/net.d", "opt/containerd/bin", "run/docker/netns"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "etc/docker/key.json").write_text("{}")
    return tmp_path


def leftovers(root: Path, before: dict[str, str], *stays: str) -> list[str]:
    paths = {f"{root}{path}": state for path, state in before.items()}
    found: list[str] = lab_restore.leftovers(
        {"paths": paths}, list(paths), {f"{root}{path}" for path in stays}
    )
    return [path.removeprefix(str(root)) for path in found]


PATHS = ("/etc/docker", "/etc/cni", "/etc/cni/net.d", "/opt/containerd", "/run/docker")
ABSENT = dict.fromkeys(PATHS, "absent")


def test_everything_that_was_absent_goes(root: Path) -> None:
    assert leftovers(root, ABSENT) == [
        "/run/docker",
        "/opt/containerd/bin",
        "/opt/containerd",
        "/etc/docker/key.json",
        "/etc/docker",
        "/etc/cni/net.d",
        "/etc/cni",
    ]


def test_what_was_there_stays(root: Path) -> None:
    assert leftovers(root, dict.fromkeys(PATHS, "present")) == []
    assert leftovers(root, {}) == []


def test_what_belongs_to_an_engine_that_stays_stays(root: Path) -> None:
    assert leftovers(root, ABSENT, *PATHS) == []


@pytest.mark.parametrize("state", ["absent", "empty"])
def test_file_of_the_users_keeps_a_shared_directory(root: Path, state: str) -> None:
    for file in ("etc/docker/certs.pem", "etc/cni/net.d/mine.conflist", "opt/containerd/bin/mine"):
        (root / file).write_text("work")
    found: Any = leftovers(root, dict.fromkeys(PATHS, state))
    assert [path for path in found if not path.startswith("/run")] == ["/etc/docker/key.json"]


def test_files_of_the_users_in_shared_directories_are_named(root: Path) -> None:
    for file in ("etc/docker/certs.pem", "etc/cni/net.d/mine.conflist"):
        (root / file).write_text("work")
    going = [f"{root}{path}" for path in leftovers(root, ABSENT)]
    before = {"paths": {f"{root}{path}": state for path, state in ABSENT.items()}}
    found = lab_restore.others(before, list(before["paths"]), going)
    names = ["/etc/cni/net.d/mine.conflist", "/etc/docker/certs.pem"]
    assert [path.removeprefix(str(root)) for path in found] == names
    present = {"paths": dict.fromkeys(before["paths"], "present")}
    assert lab_restore.others(present, list(before["paths"]), []) == []


def test_directory_that_was_empty_is_emptied_and_stays(root: Path) -> None:
    assert leftovers(root, {"/run/docker": "empty"}) == ["/run/docker/netns"]


def test_students_results_are_named(tmp_path: Path) -> None:
    file = tmp_path / "anna" / lab_restore.RESULTS
    file.parent.mkdir(parents=True)
    file.touch()
    homes = [str(tmp_path / "anna"), str(tmp_path / "ben"), str(tmp_path / "anna")]
    assert lab_restore.students_files(homes) == [str(file)]
