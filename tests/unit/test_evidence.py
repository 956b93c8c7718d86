"""Saved evidence is complete or absent, reproducible, and never loaded when damaged."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from scratchlab import evidence
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import LayerChange, LayerStep, Ledger
from scratchlab.model import Container, Entry, Facts, Image, Kind

OF_SCHEMA_1 = sorted((Path(__file__).parent / "judge" / "evidence").glob("*/facts.json"))
ROOT = Entry("/", Kind.DIRECTORY, 0o755)
FILE = Entry(
    "/caf\udce9\n", Kind.FILE, 0o644, size=2, sha256="ab" * 32, xattrs=(("user.a", b"\0"),)
)


STEPS = (
    LayerStep(0, LayerChange.MADE, (), Kind.FILE, 3),
    LayerStep(2, LayerChange.CHANGED, ("uid", "sha256"), Kind.FILE, 4),
    LayerStep(3, LayerChange.REMOVED),
)


def collected(*, layers: bool = True) -> EvidenceSet:
    image = Ledger([ROOT])
    image.put_histories([(FILE.path, STEPS)])
    return EvidenceSet(
        facts=Facts(container=Container(id="c0ffee", inspect={"Name": "/x"})),
        image=image,
        live=Ledger([ROOT, FILE]),
        init=Ledger([ROOT]) if layers else None,
        writable=Ledger([FILE]) if layers else None,
    )


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.mark.parametrize("layers", [True, False])
def test_saved_evidence_is_loaded_unchanged(tmp_path: Path, layers: bool) -> None:
    before = collected(layers=layers)
    before.save(str(tmp_path / "e"))
    after = evidence.load(str(tmp_path / "e"))
    assert after.facts == before.facts
    assert list(after.live) == [ROOT, FILE]
    assert list(after.image) == [ROOT]
    assert list(after.image.histories()) == [(FILE.path, STEPS)]
    assert (after.init is not None, after.writable is not None) == (layers, layers)


def test_saving_loaded_evidence_writes_the_same_bytes(tmp_path: Path) -> None:
    collected().save(str(tmp_path / "a"))
    evidence.load(str(tmp_path / "a")).save(str(tmp_path / "b"))
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_every_file_is_printable_ascii(tmp_path: Path) -> None:
    collected().save(str(tmp_path / "e"))
    text = b"".join(files(tmp_path / "e").values()).decode("ascii")
    assert all(char == "\n" or char.isprintable() for char in text)


def test_only_the_owner_may_read_saved_evidence(tmp_path: Path) -> None:
    collected().save(str(tmp_path / "e"))
    assert stat.S_IMODE(os.stat(tmp_path / "e").st_mode) == 0o700


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    collected().save(str(tmp_path / "e"))
    assert "facts.json" in files(tmp_path / "e")


def test_a_directory_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(LabError, match="is not empty"):
        collected().save(str(tmp_path))
    assert files(tmp_path) == {"mine": b"x"}


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("x")
    with pytest.raises(LabError, match="cannot write evidence"):
        collected().save(str(tmp_path / "e"))
    assert files(tmp_path) == {"e": b"x"}


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    broken = collected()
    broken.live.close()
    with pytest.raises(Exception, match="closed"):
        broken.save(str(tmp_path / "e"))
    assert files(tmp_path) == {}


def test_a_directory_without_evidence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no evidence in .*--save-evidence"):
        evidence.load(str(tmp_path))


def _edit_json(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        head = json.loads(path.read_text())
        change(head)
        path.write_text(json.dumps(head))

    return edit


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a flipped digit": (
        "live.jsonl",
        lambda p: p.write_bytes(p.read_bytes().replace(b"420", b"421")),
    ),
    "a lost line": ("live.jsonl", lambda p: p.write_bytes(p.read_bytes().split(b"\n", 1)[1])),
    "a torn line": ("live.jsonl", lambda p: p.write_bytes(p.read_bytes()[:-9])),
    "a line twice": ("image.jsonl", lambda p: p.write_bytes(p.read_bytes() * 2)),
    "bytes for text": ("init.jsonl", lambda p: p.write_bytes(b"\xff\0")),
    "a deep nest": ("init.jsonl", lambda p: p.write_bytes(b"[" * 100_000)),
    "a lost file": ("writable.jsonl", Path.unlink),
    "facts torn": ("facts.json", lambda p: p.write_bytes(p.read_bytes()[:-20])),
    "facts empty": ("facts.json", lambda p: p.write_bytes(b"")),
    "facts a list": ("facts.json", lambda p: p.write_text("[]")),
    "facts deep": ("facts.json", lambda p: p.write_bytes(b"[" * 100_000)),
    "another schema": ("facts.json", _edit_json(lambda h: h.update(schema="x"))),
    "no ledgers": ("facts.json", _edit_json(lambda h: h.update(ledgers={}))),
    "no facts": ("facts.json", _edit_json(lambda h: h.update(facts=3))),
    "an odd fact": (
        "facts.json",
        _edit_json(lambda h: h.update(facts={"container": {"pid": "1"}})),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_evidence_is_an_error(tmp_path: Path, name: str) -> None:
    collected().save(str(tmp_path / "e"))
    file, damage = DAMAGES[name]
    damage(tmp_path / "e" / file)
    with pytest.raises(LabError, match=rf"{file}"):
        evidence.load(str(tmp_path / "e"))


def test_evidence_of_schema_1_is_read_and_written_as_schema_2(tmp_path: Path) -> None:
    read = []
    for facts in OF_SCHEMA_1:
        if json.loads(facts.read_text())["schema"] != "scratchlab-evidence-1":
            continue
        read.append(facts)
        with evidence.load(str(facts.parent)) as first:
            copy = tmp_path / facts.parent.name
            first.save(str(copy))
            assert json.loads((copy / "facts.json").read_text())["schema"] == evidence.SCHEMA
            with evidence.load(str(copy)) as second:
                assert second.facts == first.facts
                assert list(second.image) == list(first.image)
                assert list(second.live) == list(first.live)
    assert len(read) >= 8, "the sets of real engines"


def test_oddities_that_schema_1_calls_problems_are_notes(tmp_path: Path) -> None:
    oddity, contradiction = "layer 0: ../a leads out of the root: taken as /a", "index.json differs"
    facts = Facts(image=Image(problems=(oddity, contradiction)), problems=("no config.json",))
    for schema, problems, notes in (
        ("scratchlab-evidence-1", (contradiction,), (oddity,)),
        ("scratchlab-evidence-2", (oddity, contradiction), ()),
    ):
        directory = tmp_path / schema
        EvidenceSet(facts, Ledger([ROOT]), Ledger([ROOT])).save(str(directory))
        _edit_json(lambda head, schema=schema: head.update(schema=schema))(directory / "facts.json")  # type: ignore[misc]
        found = evidence.load(str(directory)).facts
        assert (found.image.problems, found.image.notes) == (problems, notes)
        assert found.problems == facts.problems, "the judge makes notes of these"


def test_evidence_of_a_later_schema_is_an_error(tmp_path: Path) -> None:
    collected().save(str(tmp_path / "e"))
    _edit_json(lambda head: head.update(schema="scratchlab-evidence-3"))(tmp_path / "e/facts.json")
    with pytest.raises(LabError, match="its schema is not scratchlab-evidence-2"):
        evidence.load(str(tmp_path / "e"))
