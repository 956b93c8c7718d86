"""Tables and pictures of the ladder and the time-lapse, from a real run and from hostile names."""

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
from scratchlab.lab.listing import ListedEntry
from scratchlab.ladder.model import LadderRun
from scratchlab.ladder.shapes import ladder_section, timelapse_section

OBSERVED = Path(__file__).parents[1] / "experiments" / "observed" / "docker-20.10.24.json"
EVIL = "/\x1b[31m<script>&\udcff\n'\"/x"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def observation() -> Observation:
    return codec.decode(Observation, json.loads(OBSERVED.read_text())["E15"])


def with_evil_name(run: LadderRun) -> LadderRun:
    line = ListedEntry(EVIL, "symlink", 0o777, 0, 0, 0, target=EVIL)
    rungs = tuple(replace(view, entries=(*view.entries, line)) for view in run.rungs)
    return replace(run, image="<b>&", rungs=rungs)


def drawn(view: str, section: Any) -> str:
    out = io.StringIO()
    ladder.VIEWS[view][1](section, out)
    return out.getvalue()


def printed(view: str, section: Any, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    ladder.VIEWS[view][0](section, out)
    out.flush()
    return raw.getvalue().decode(encoding)


def test_table_shows_the_maker_of_each_entry(
    observation: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = printed("ladder", ladder_section(observation.climb)).splitlines()
    row = next(line.split() for line in lines if line.startswith("/.dockerenv"))
    assert row[1:] == [*"·····●·", "engine", "engine-init-layer"]
    assert any(re.match(r"8 +gvisor: gVisor +runsc .* hides its root", line) for line in lines)
    agreeing = len(observation.climb.claims) - 1  # not the root, which every rung is given
    assert lines[-1].startswith(f"{agreeing} of {agreeing} origins by evidence")


def test_disagreement_is_shown_in_table_and_picture(observation: Observation) -> None:
    claims = tuple(
        replace(claim, origin="written-later") if claim.path == "/etc" else claim
        for claim in observation.climb.claims
    )
    section = ladder_section(replace(observation.climb, claims=claims))
    row = next(line for line in printed("ladder", section).splitlines() if line.startswith("/etc "))
    assert "written-later disagrees" in " ".join(row.split())
    assert "evidence says written-later" in drawn("ladder", section)


def test_timelapse_shows_how_an_entry_changes(observation: Observation, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    lines = printed("timelapse", timelapse_section(observation.life)).splitlines()
    row = " ".join(next(line for line in lines if line.startswith("/etc/hosts")).split())
    assert re.search(r"2 -rwxr-xr-x 0:0 0 B; 3 -rw-r--r-- 0:0 \d+ B \[ext4\]; 6 -rwxr", row)
    row = next(line for line in lines if line.startswith("/dev/pts/0"))
    assert row.split()[1:8] == [*"····●··"]


def test_terminal_without_circles_gets_letters(observation: Observation) -> None:
    text = printed("ladder", ladder_section(observation.climb), "ascii")
    row = next(line.split() for line in text.splitlines() if line.startswith("/.dockerenv"))
    assert row[1:8] == [*".....X."]


@pytest.mark.parametrize("view", ["ladder", "timelapse"])
def test_picture_is_valid_and_has_a_mark_for_each_step_and_entry(
    view: str, observation: Observation
) -> None:
    section: Any = (
        ladder_section(observation.climb)
        if view == "ladder"
        else timelapse_section(observation.life)
    )
    picture = ET.fromstring(drawn(view, section))
    assert picture.find(f"{SVG}title") is not None
    marks = [circle.get("r") for circle in picture.iter(f"{SVG}circle")]
    marks_due = [present for entry in section["entries"] for present in entry["present"]]
    legend = 1  # the legend has one mark of each kind
    first = "made_on" if view == "ladder" else "made_in"
    made = sum(1 for entry in section["entries"] if entry[first])
    assert marks.count("6.5") == made + legend
    assert marks.count("5.5") == marks_due.count(True) - made + legend
    assert marks.count("1.2") == marks_due.count(False) + legend


def test_hostile_names_are_escaped_in_terminal_and_picture(observation: Observation) -> None:
    section = ladder_section(with_evil_name(observation.climb))
    text, picture = printed("ladder", section), drawn("ladder", section)
    for output in (text, picture):
        assert "\x1b" not in output
        assert "\udcff" not in output
    assert "<script>" not in picture
    texts = [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]
    assert r"""/\x1b[31m<script>&\xff\x0a'"/x""" in texts


def test_empty_ladder_is_drawn() -> None:
    section = ladder_section(LadderRun("sleep", "sha256:0", ()))
    ET.fromstring(drawn("ladder", section))
    assert "0 of 0" in printed("ladder", section)
