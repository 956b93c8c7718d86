"""What the comparison of image and container leaves out: this much, and every report lists it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scratchlab import render
from scratchlab.evidence import EvidenceSet
from scratchlab.idmap import IdMap
from scratchlab.judge import judge
from scratchlab.judge.compare import NOT_COMPARED, compare, differences
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Status
from scratchlab.report import canonical, read, write
from scratchlab.report.build import build

SECOND = 1_000_000_000
NEW, OLD = 1_700_000_000 * SECOND, 1_500_000_000 * SECOND
FILE = Entry("/a", Kind.FILE, 0o644, sha256="0" * 64, mtime=OLD)
# What the report lists -> an entry of the image, and how the container's may differ from it.
LEFT_OUT: dict[str, tuple[Entry, dict[str, Any]]] = {
    "times of directories": (Entry("/a", Kind.DIRECTORY, 0o755, mtime=OLD), {"mtime": NEW}),
    "times of links, devices and pipes": (
        Entry("/a", Kind.SYMLINK, 0o777, target="b", mtime=OLD),
        {"mtime": NEW},
    ),
    "fractions of a second": (FILE, {"mtime": OLD + 123_456_789}),
    "the label security.selinux": (FILE, {"xattrs": (("security.selinux", b"x"),)}),
}


@pytest.mark.parametrize(("image", "change"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_listed_attribute_is_not_compared(image: Entry, change: dict[str, Any]) -> None:
    assert differences(image, image._replace(**change), IdMap()) == ()


@pytest.mark.parametrize(
    ("image", "change"),
    [
        (FILE, {"mtime": NEW}),
        (FILE, {"mtime": OLD + SECOND}),
        (FILE, {"xattrs": (("security.capability", b"x"),)}),
        (Entry("/a", Kind.DIRECTORY, 0o755), {"mode": 0o700}),
        (Entry("/a", Kind.SYMLINK, 0o777, target="b"), {"target": "c"}),
        (FILE, {"links": "/b"}),
    ],
)
def test_an_unlisted_attribute_is_compared(image: Entry, change: dict[str, Any]) -> None:
    assert differences(image, image._replace(**change), IdMap()) == tuple(change)


def test_the_root_directory_is_not_compared() -> None:
    image, live = (
        Ledger([Entry("/", Kind.DIRECTORY, mode, mtime=time)])
        for mode, time in ((0o755, OLD), (0o555, NEW))
    )
    (pair,) = compare(image, live, IdMap())
    assert pair.status is Status.SAME


def test_link_counts_and_inode_numbers_are_not_in_a_ledger() -> None:
    assert not set(Entry._fields) & {"nlink", "ino", "atime", "ctime"}


def test_flags_of_the_filesystem_are_not_in_a_ledger() -> None:
    assert not set(Entry._fields) & {"flags", "attributes"}


def test_every_report_lists_what_was_not_compared(
    saved: Callable[[str], EvidenceSet], tmp_path: Path
) -> None:
    evidence = saved("docker-20.10.24-plain")
    built = build(evidence, judge(evidence, predict(evidence.facts, evidence.image)))
    write(built, str(tmp_path / "report.json"))
    report = read(str(tmp_path / "report.json"))
    listed = [(item["what"], item["why"]) for item in report.head["not_compared"]]
    assert listed == list(NOT_COMPARED)
    assert set(LEFT_OUT) < {what for what, _ in listed}
    assert canonical(report)["not_compared"] == report.head["not_compared"]
    out = io.StringIO()
    render.report("table", report, out)
    table = " ".join(out.getvalue().split())
    assert f"not compared: {', '.join(what for what, _ in listed)} " in table
