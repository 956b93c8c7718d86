"""A directory is emptied in one instant: whole, or given up."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import lab_removal


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("volumes/data/_data/work", "image/x"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "engine-id").write_text("1")
    return tmp_path / "data"


def test_directory_is_emptied_and_stays(data: Path) -> None:
    lab_removal.empty(str(data))
    assert list(data.iterdir()) == []


def test_interrupted_run_leaves_nothing_that_counts(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_path: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lab_removal, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            lab_removal.empty(str(data))
    assert lab_removal.content(str(data)) == []
    (data / "volumes").mkdir()
    lab_removal.empty(str(data))
    assert list(data.iterdir()) == []


def test_link_is_removed_and_not_what_it_leads_to(data: Path) -> None:
    link = data.with_name("link")
    link.symlink_to(data)
    lab_removal.empty(str(link))
    assert lab_removal.content(str(data)) == ["engine-id", "image", "volumes"]
    lab_removal.remove(str(link))
    assert data.is_dir()
    assert not link.exists()


def test_nothing_is_no_error(tmp_path: Path) -> None:
    lab_removal.empty(str(tmp_path / "none"))
    lab_removal.remove(str(tmp_path / "none"))
    assert lab_removal.content(str(tmp_path / "none")) == []
