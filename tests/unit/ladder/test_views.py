"""The tables and the pictures, from what a real machine showed, and from hostile names."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from scratchlab import codec
from scratchlab.cli import ladder
from scratchlab.experiments.e15_built_by_hand import Observation
from scratchlab.lab.listing import ListedLine
from scratchlab.ladder import shapes
from scratchlab.ladder.model import RungRun
from scratchlab.model import Json

OBSERVED = Path(__file__).parents[1] / "experiments" / "observed" / "docker-20.10.24.json"
EVIL = "/\x1b[31m<script>&\udcff\n'\"/x"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def seen() -> Observation:
    return codec.decode(Observation, json.loads(OBSERVED.read_text())["E15"])


def evil(climb: RungRun) -> RungRun:
    line = ListedLine(EVIL, "symlink", 0o777, 0, 0, 0, target=EVIL)
    rungs = tuple(replace(view, entries=(*view.entries, line)) for view in climb.rungs)
    return replace(climb, image="<b>&", rungs=rungs)


def drawn(view: str, found: Json) -> str:
    out = io.StringIO()
    ladder.VIEWS[view][1](found, out)
    return out.getvalue()


def printed(view: str, found: Json, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    ladder.VIEWS[view][0](found, out)
    out.flush()
    return raw.getvalue().decode(encoding)


def test_the_table_says_who_made_what(seen: Observation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = printed("ladder", shapes.ladder(seen.climb)).splitlines()
    row = next(line.split() for line in lines if line.startswith("/.dockerenv"))
    assert row[1:] == [*"·····●·", "engine", "engine-init-layer"]
    assert any(re.match(r"8 +gvisor: gVisor +runsc .* hides its root", line) for line in lines)
    agreeing = len(seen.climb.claims)
    assert lines[-1].startswith(f"{agreeing} of {agreeing} origins by evidence")


def test_a_disagreement_is_on_the_table_and_on_the_picture(seen: Observation) -> None:
    claims = tuple(
        replace(claim, origin="process-write") if claim.path == "/etc" else claim
        for claim in seen.climb.claims
    )
    found = shapes.ladder(replace(seen.climb, claims=claims))
    row = next(one for one in printed("ladder", found).splitlines() if one.startswith("/etc "))
    assert "process-write disagrees" in " ".join(row.split())
    assert "evidence says process-write" in drawn("ladder", found)


def test_the_life_shows_what_an_entry_becomes(seen: Observation, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    lines = printed("timelapse", shapes.timelapse(seen.life)).splitlines()
    row = " ".join(next(line for line in lines if line.startswith("/etc/hosts")).split())
    assert re.search(r"2 -rwxr-xr-x 0:0 0 B; 3 -rw-r--r-- 0:0 \d+ B \[ext4\]; 6 -rwxr", row)
    row = next(line for line in lines if line.startswith("/dev/pts/0"))
    assert row.split()[1:8] == [*"····●··"]


def test_a_terminal_that_draws_no_circles_gets_letters(seen: Observation) -> None:
    text = printed("ladder", shapes.ladder(seen.climb), "ascii")
    row = next(line.split() for line in text.splitlines() if line.startswith("/.dockerenv"))
    assert row[1:8] == [*".....X."]


@pytest.mark.parametrize("view", ["ladder", "timelapse"])
def test_the_picture_is_sound_and_has_a_mark_for_each_sight(view: str, seen: Observation) -> None:
    found = shapes.ladder(seen.climb) if view == "ladder" else shapes.timelapse(seen.life)
    picture = ET.fromstring(drawn(view, found))
    assert picture.find(f"{SVG}title") is not None
    marks = [circle.get("r") for circle in picture.iter(f"{SVG}circle")]
    sights = [present for entry in found["entries"] for present in entry["present"]]
    keys = 1  # each kind of mark is explained once
    first = "made_on" if view == "ladder" else "made_in"
    made = sum(1 for entry in found["entries"] if entry[first])
    assert marks.count("6.5") == made + keys
    assert marks.count("5.5") == sights.count(True) - made + keys
    assert marks.count("1.2") == sights.count(False) + keys


def test_hostile_names_reach_neither_terminal_nor_picture_raw(seen: Observation) -> None:
    found = shapes.ladder(evil(seen.climb))
    text, picture = printed("ladder", found), drawn("ladder", found)
    for output in (text, picture):
        assert "\x1b" not in output
        assert "\udcff" not in output
    assert "<script>" not in picture
    texts = [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]
    assert r"""/\x1b[31m<script>&\xff\x0a'"/x""" in texts


def test_an_empty_ladder_is_drawn_too() -> None:
    found = shapes.ladder(RungRun("sleep", "sha256:0", ()))
    ET.fromstring(drawn("ladder", found))
    assert "0 of 0" in printed("ladder", found)
