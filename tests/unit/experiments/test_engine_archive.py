"""E10 with an engine elsewhere: its archive of the container, and how it is judged."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace

import pytest

from scratchlab.errors import LabError
from scratchlab.experiments import e10_engine_archive
from scratchlab.experiments.e10_debug_vantage import Observation, judge
from scratchlab.lab.listing import ListedEntry


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for member, data in members:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def member(
    name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o755, **more: object
) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode = kind, mode
    for key, value in more.items():
        setattr(made, key, value)
    return made


TREE = archive(
    (member("etc/", tarfile.DIRTYPE), b""),
    (member("etc/mtab", tarfile.SYMTYPE, 0o777, linkname="/proc/mounts"), b""),
    (member("sleep", uid=7, gid=8), b"program"),
    (member("again", tarfile.LNKTYPE, linkname="sleep"), b""),
    (member("null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3), b""),
)


def test_entries_are_those_of_the_archive_whatever_the_chunks() -> None:
    found = {one.path: one for one in e10_engine_archive.entries([TREE])}
    assert sorted(found) == ["/again", "/etc", "/etc/mtab", "/null", "/sleep"]
    digest = hashlib.sha256(b"program").hexdigest()
    assert found["/sleep"] == ListedEntry("/sleep", "file", 0o755, 7, 8, 7, digest)
    assert found["/again"] == replace(found["/sleep"], path="/again")
    assert found["/etc/mtab"].target == "/proc/mounts"
    assert found["/null"].device == (1, 3)
    bytewise = (TREE[number : number + 1] for number in range(len(TREE)))
    assert e10_engine_archive.entries(bytewise) == tuple(found[name] for name in sorted(found))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TREE[: TREE.index(b"program") + 3], "is damaged"),
        (archive((member("x", tarfile.LNKTYPE, linkname="y"), b"")), "a link to what it does not"),
        (b"no tar at all" * 100, "is damaged"),
    ],
    ids=["cut off", "dangling", "other"],
)
def test_damaged_archive_is_no_answer(content: bytes, words: str) -> None:
    with pytest.raises(LabError, match=words):
        e10_engine_archive.entries([content])


def test_larger_archive_than_allowed_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e10_engine_archive, "MOST_BYTES", 1024)
    with pytest.raises(LabError, match="larger than 1024"):
        e10_engine_archive.entries([TREE])


def test_both_views_alike_pass_and_say_which_they_are() -> None:
    both = e10_engine_archive.entries([TREE])
    outcome = judge(Observation(True, pruned=("/proc",), host=both, debug=both, archive=True))
    assert outcome.fault is None
    assert outcome.today == ("archive",)
    assert "5 entries alike" in outcome.observed
    assert "/proc not compared: mounts" in outcome.observed


def test_one_changed_bit_differs() -> None:
    both = e10_engine_archive.entries([TREE])
    changed = tuple(replace(one, mode=0o4755) if one.path == "/sleep" else one for one in both)
    outcome = judge(Observation(True, host=both, debug=changed, archive=True))
    assert outcome.fault == "differs"
    assert "in the engine's archive" in outcome.observed
