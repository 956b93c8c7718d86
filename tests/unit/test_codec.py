"""The model's data survive JSON, and any other JSON is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab import codec
from scratchlab.model import Container, Entry, Facts, Finding, Host, Kind, Mount, Origin, Status

NAMES = st.text(st.characters(exclude_characters="\0"), max_size=20) | st.binary(max_size=20).map(
    lambda raw: raw.replace(b"\0", b"").decode(errors="surrogateescape")
)
ENTRIES = st.builds(
    Entry,
    path=NAMES.map("/{}".format),
    kind=st.sampled_from(Kind),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 1),
    size=st.integers(0, 2**63),
    sha256=st.none() | st.just("ab" * 32),
    target=st.none() | NAMES,
    device=st.none() | st.tuples(st.integers(0, 4095), st.integers(0, 2**20)),
    xattrs=st.lists(st.tuples(NAMES, st.binary(max_size=30)), max_size=3).map(tuple),
    mtime=st.none() | st.integers(-(2**62), 2**62),
    links=st.none() | NAMES,
    layer=st.none() | st.integers(0, 127),
    mount=st.none() | st.integers(0, 2**31),
    note=st.none() | NAMES,
)


@given(ENTRIES)
def test_every_entry_survives_json(entry: Entry) -> None:
    text = json.dumps(codec.encode(entry), sort_keys=True)
    assert text.isascii()
    assert codec.decode(Entry, json.loads(text)) == entry


def test_facts_survive_json() -> None:
    mount = Mount(7, 1, (0, 39), "/", "/a b", ("ro",), (), "overlay", "overlay", ("rw",))
    facts = Facts(
        host=Host(cgroup_version=2, existing=frozenset({"/proc/keys", "/proc/acpi"})),
        container=Container(id="ab", inspect={"State": {"Pid": 1}}, uid_map=((0, 1, 2),)),
        mounts=(mount,),
    )
    assert codec.decode(Facts, json.loads(json.dumps(codec.encode(facts)))) == facts


def test_findings_survive_json() -> None:
    entry = Entry("/x", Kind.FILE, 0o644)
    finding = Finding("/x", Status.ONLY_LIVE, Origin.WRITTEN_LATER, live=entry)
    assert codec.decode(Finding, codec.encode(finding)) == finding


def test_sets_are_written_in_order() -> None:
    names = [f"/proc/{number}" for number in range(50)]
    assert codec.encode(Host(existing=frozenset(names)))["existing"] == sorted(names)


def test_fields_at_their_default_are_left_out() -> None:
    assert codec.encode(Entry("/", Kind.DIRECTORY, 0)) == {
        "path": "/",
        "kind": "directory",
        "mode": 0,
    }


GOOD: dict[str, Any] = {"path": "/", "kind": "directory", "mode": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "755"}, "Entry.mode"),
        ({"mode": True}, "Entry.mode"),
        ({"mode": None}, "Entry.mode"),
        ({"kind": "door"}, "Entry.kind"),
        ({"device": [1]}, "Entry.device"),
        ({"device": [1, "2"]}, "Entry.device"),
        ({"device": {"1": 2}}, "Entry.device"),
        ({"xattrs": [["user.x", "%%%"]]}, "base64"),
        ({"xattrs": "user.x"}, "Entry.xattrs"),
        ({"colour": "red"}, "no field colour"),
    ],
)
def test_a_value_that_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(codec.MismatchError, match=message):
        codec.decode(Entry, GOOD | change)


def test_a_missing_field_is_named_as_missing() -> None:
    with pytest.raises(codec.MismatchError, match="missing"):
        codec.decode(Entry, {"path": "/"})


SCALARS = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(JSON)
def test_any_json_is_an_entry_or_a_mismatch(data: Any) -> None:
    with pytest.raises(codec.MismatchError):
        codec.decode(Entry, data)
