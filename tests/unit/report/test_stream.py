"""A report is read in bounded memory, and as ``json.loads`` reads it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.browser import reports

from scratchlab.report import read, stream, write
from scratchlab.report.stream import load_object

ROOT = Path(__file__).parents[3]
MOST = 1 << 20

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["a", "entries", "z", '"\\']), values, max_size=4)


def load(data: bytes) -> Any:
    items: list[Any] = []
    loaded = load_object(io.BytesIO(data), "entries", items.append, most=MOST)
    if isinstance(loaded, dict) and isinstance(loaded.get("entries"), list):
        assert loaded["entries"] == []
        loaded["entries"] = items
    return loaded


@pytest.fixture(params=[1, 2, 7, 1 << 18])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_CHUNK", request.param)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-le"])
@pytest.mark.parametrize("indent", [None, 3])
def test_an_object_is_read_as_json_reads_it(encoding: str, indent: int | None) -> None:
    @given(objects | values)
    def check(value: Any) -> None:
        text = json.dumps(value, indent=indent, ensure_ascii=encoding != "utf-8")
        assert load(text.encode(encoding)) == value

    check()


@pytest.mark.usefixtures("chunk")
@given(objects, st.data())
def test_a_cut_or_garbled_text_is_refused_as_json_refuses_it(
    value: Any, data: st.DataObject
) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    garbled = text[:at] + data.draw(st.sampled_from(["", ",", "]", "}", '"', "1", "\0", ":"]))
    garbled += text[at + data.draw(st.integers(0, 2)) :]
    try:
        expected = json.loads(garbled)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - any: they become one message
            load(garbled.encode())
    else:
        assert load(garbled.encode()) == expected


def test_lone_surrogates_and_a_byte_order_mark_are_read() -> None:
    assert load(b'\xef\xbb\xbf{"entries": ["\\ud800", "\xed\xa0\x80"]}') == {
        "entries": ["\ud800", "\ud800"]
    }


@pytest.mark.parametrize(
    "text", [b"", b"\0" * 9, b"{} {}", b'{"entries": [], "entries": []}', b"[" * 100_000]
)
def test_what_is_not_one_object_is_refused(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        load(text)


def test_an_endless_stream_is_refused_at_its_bound() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = b" " * len(buffer)
            return len(buffer)

    with pytest.raises(ValueError, match="too large"):
        load_object(io.BufferedReader(Endless()), "entries", print, most=MOST)


def test_a_reformatted_report_is_the_same_report(tmp_path: Path) -> None:
    report, path = reports.hostile(), tmp_path / "report.json"
    write(report, str(path))
    before = read(str(path))
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=2, ensure_ascii=True))
    after = read(str(path))
    assert after.head == before.head == report.head
    assert list(after.entries) == list(before.entries) == list(report.entries)


def test_a_page_of_many_entries_takes_less_than_100_mib(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(reports.huge(30_000), str(path))  # 150 MiB when the report was held
    code = (
        "import re, sys\n"
        "from scratchlab.__main__ import main\n"
        "status = main(['report', sys.argv[1], '--html', sys.argv[1] + '.html'])\n"
        # Not ru_maxrss, which begins with that of the parent.
        "print(status, re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
    )
    status, kibibytes = map(int, done.stdout.split())
    assert status == 0
    assert kibibytes < 100 << 10
