"""The parts of a release: archives that are the same bytes everywhere, and one list of needs."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import tomllib
import zlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import release
from scratchlab import __version__

ROOT = Path(__file__).parents[2]


@given(st.binary(max_size=300) | st.integers(0, 200_000).map(bytes))
def test_stored_gzip_is_gzip(data: bytes) -> None:
    packed = release.stored_gzip(data)
    assert gzip.decompress(packed) == data
    assert zlib.decompressobj(31).decompress(packed) == data
    assert len(packed) < len(data) + 40 + len(data) // 1000


def packed(names: list[str], *, mode: int, mtime: int, level: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=level) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime, info.uname = len(name), mode, mtime, "someone"
            tar.addfile(info, io.BytesIO(name.encode()))
    return out.getvalue()


def test_repacked_archive_depends_on_names_contents_and_x_bits_alone() -> None:
    one = packed(["b", "a"], mode=0o664, mtime=1, level=1)
    two = packed(["a", "b"], mode=0o600, mtime=2, level=9)
    assert one != two
    assert release.repacked(one, 77, {}) == release.repacked(two, 77, {})
    assert release.repacked(one, 77, {}) != release.repacked(
        packed(["a", "b"], mode=0o755, mtime=1, level=1), 77, {}
    )
    changed = release.repacked(one, 77, {"a": b"other"})
    with tarfile.open(fileobj=io.BytesIO(changed)) as tar:
        assert [(one.name, one.mode, one.mtime, one.uid) for one in tar] == [
            ("a", 0o644, 77, 0), ("b", 0o644, 77, 0),
        ]  # fmt: skip
        file = tar.extractfile("a")
        assert file is not None
        assert file.read() == b"other"


def test_needs_of_the_package_are_those_of_the_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements/scratchlab.in").read_text().splitlines()
    assert project["dependencies"] == [line for line in lines if line and line[0] != "#"]


def test_one_version_everywhere() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text("utf-8"))["version"] == __version__
    heads = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert heads[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d", heads[1])


def test_the_changelog_has_the_sections_of_keep_a_changelog() -> None:
    order = ["Added", "Changed", "Deprecated", "Fixed", "Removed", "Security"]
    for version in (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1:]:
        sections = re.findall(r"^### (.*)$", version, re.M)
        assert sections == [name for name in order if name in sections], version.splitlines()[0]


def test_checkout_with_changes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scratchlab.commit.of_repository", lambda _: "0123")
    monkeypatch.setattr(release, "git", lambda *_: " M lab")
    with pytest.raises(release.ReleaseError, match="files differ from the commit: commit them"):
        release.checked_commit()
    monkeypatch.setattr("scratchlab.commit.of_repository", lambda _: "")
    with pytest.raises(release.ReleaseError, match="is not a git checkout"):
        release.checked_commit()


def test_program_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(release.ReleaseError, match=r"^sh failed: second$"):
        release.run("sh", "-c", "echo first >&2; echo second >&2; exit 1", cwd=tmp_path)
