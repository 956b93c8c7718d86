"""Reports of schema 1 are read as reports of schema 2, wherever a report is read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.browser import reports

from scratchlab import render
from scratchlab.classroom.exercise import draw_exercise
from scratchlab.classroom.grading import regrade
from scratchlab.cli.commands import scratchlab
from scratchlab.course import grading_file
from scratchlab.earlier import problems_and_notes
from scratchlab.model import Json
from scratchlab.report import Report, read, write
from scratchlab.report.file import schema

# A real report: ./lab on Debian 12, the last commit that wrote schema 1.
REAL = Path(__file__).with_name("schema_1") / "real.json"
OLD = "process-write"
EXERCISE = next(e for e in map(draw_exercise, map(str, range(99))) if e.kind == "write")
NOTES = [
    # The image archive, in the words of commit 410b9c8 and of 9e5cef1, the last with schema 1.
    "layer 0: x has an extended attribute in LIBARCHIVE's form only, which Docker and containerd "
    "pass over",
    "layer 0: x has an extended attribute in LIBARCHIVE's form only, which Docker and containerd "
    "ignore",
    "layer 0: x is a character device 0:0, which overlayfs takes for a whiteout",
    "layer 12: x is a character device 0:0, which overlayfs treats as a whiteout",
    "layer 1 makes the root opaque: the specification hides all layers below, overlayfs nothing",
    "layer 1 hides /a and brings it anew: the specification lets nothing of the lower layers "
    "through, overlayfs as Docker uses it does for a directory",
    "layer 1 hides /a and adds it again: by the specification nothing of the lower layers shows, "
    "in overlayfs as Docker uses it a directory's entries do",
    "layer 1 has entries below /a and none for it: Docker gives that folder mode 0755, owner 0:0 "
    "and no attributes, containerd keeps the lower layer's",
    "layer 1 has entries below /a but none for it: Docker makes that directory with mode 0755, "
    "owner 0:0 and no attributes, containerd keeps the lower layer's",
    "layer 0: a is a hard link to b, which its layer does not hold: Docker refuses to load it",
    "layer 0: a is a hard link to b, which is not in its layer: Docker refuses to load it",
    "layer 0: ../a leads out of the root: taken as /a",
    "layer 0: ../a leads out of the root: read as /a",
    "layer 0: it holds metadata of the storage driver AUFS, which is left out",
    "layer 0: metadata of the storage driver AUFS is left out",
    "layer 0: /x comes twice in one layer, and the last counts: Docker refuses to load it",
    "layer 0: /x is twice in one layer, and the last counts: Docker refuses to load it",
    "layer 0: 7 more like it: /x is twice in one layer, and the last counts: Docker refuses to "
    "load it",
    "7 more like it: layer 1 has entries below /a but none for it: Docker makes that directory "
    "with mode 0755, owner 0:0 and no attributes, containerd keeps the lower layer's",
    "the archive holds the image for linux/s390x too: this machine's was read",
    "the archive also contains the image for linux/s390x: this machine's was read",
    "the history tells of 2 layers, the image has 1",
    "the image's history has 2 layers, the image has 1",
    # Facts.
    "no config.json of the runtime was found",
    "the runtime's config.json /run/x/config.json cannot be read: Permission denied",
    "the writable layer is /var/lib/docker/a for the engine, and /var/lib/docker/b for the kernel",
    "the debug container shares the container's user namespace: owners that have no number in it "
    "show as 65534, and attributes trusted.* do not show",
    "the debug container shares the container's user namespace: owners without a number in it "
    "show as 65534, and attributes trusted.* do not show",
    # Predictions.
    "no prediction: the engine 'lxd' is not known",
    "no prediction was made: docker 99.1 is not among the versions that the rules were read in; "
    "what is explained is explained by evidence",
    "no prediction: docker 99.1 is not among the versions that the rules were read in; origins are "
    "found by evidence alone",
]
PROBLEMS = [
    "the archive ends without its end marker: it may have been cut short",
    "the archive ends without its end marker: it may be truncated",
    "manifest.json lists no image: index.json was believed",
    "manifest.json lists no image: index.json was used",
    "index.json lists no image",
    "index.json does not list the image sha256:1 of manifest.json",
    "index.json gives the image 2 layers, manifest.json 1: the configuration proves manifest.json "
    "right",
    "index.json lists 2 layers for the image, manifest.json 1: the configuration proves "
    "manifest.json right",
    "index.json gives the layers in another order than manifest.json: the configuration proves "
    "manifest.json right",
    "index.json names another layer 0 than manifest.json: the configuration proves manifest.json "
    "right",
    "index.json lists another layer 0 than manifest.json: the configuration proves manifest.json "
    "right",
    "the manifest sha256:1 is there, its configuration is not",
    "the configuration of the manifest sha256:1 is missing",
    "a sentence that no version wrote",
]


def real() -> Json:
    data: Json = json.loads(REAL.read_text("utf-8"))
    assert data["schema"] == "scratchlab-report-1"
    return data


def entry(path: str, **changes: Any) -> Json:
    return reports.entry(path, OLD, reports.side(), **changes)


def drifted() -> Json:
    """The real report, if its container had been written to and a student had answered."""
    data = real()
    like = {"present": [False, True], "agrees": True, "kind": "file", "origin": OLD}
    data["entries"] += [
        entry("/written"),
        entry("/worse", prediction=f"predicted as kernel, found as {OLD}"),
    ]
    data["ghosts"] = [
        reports.ghost("/app", "deleted", OLD, "a process of the container"),
        reports.ghost("/run.conf", "changed", OLD, "a process in the container"),
        reports.ghost("/dev/x", "shadowed", "runtime-filesystem", "the tmpfs on /dev"),
    ]
    data["problems"] = [NOTES[-1], PROBLEMS[3]]
    data["ladder"]["entries"].append({"path": "/w", "maker": "engine", "made_on": "y", **like})
    stage = {key: value for key, value in like.items() if key != "agrees"}
    data["timelapse"]["entries"].append({"path": "/w", "made_in": "y", "detail": ["", ""], **stage})
    data["quiz"] = {
        "seed": data["host"]["name"], "taken": "2026-11-24T19:22:00+00:00",
        "container": data["container"]["id"], "problem": "", "points": 2, "of": 4,
        "answers": [
            {"path": "/w", "given": OLD, "answer": OLD, "verdict": "right", "hint": False},
            {"path": "/v", "given": "", "answer": "absent", "verdict": "wrong", "hint": True},
        ],
        "exercise": {"seed": EXERCISE.seed, "given_path": EXERCISE.path, "given_origin": OLD,
                     "path": EXERCISE.path, "origin": OLD, "points": 4, "of": 4},
    }  # fmt: skip
    data["host"]["name"] = EXERCISE.seed  # the exercise has to be the machine's own
    return data


def saved(directory: Path, data: Json) -> Path:
    file = directory / "old.json"
    file.write_text(json.dumps(data))
    return file


def loaded(directory: Path, data: Json) -> Report:
    return read(str(saved(directory, data)))


def test_real_report_of_schema_1_is_explained(tmp_path: Path) -> None:
    report = read(str(REAL))
    assert report.head["schema"] == "scratchlab-report-2"
    assert report.head["verdict"]["status"] == 0
    assert report.head["verdict"]["sentence"] == "all explained, and as predicted"
    assert (report.head["problems"], report.head["notes"]) == ([], [])
    old = real()
    assert list(report.entries) == old.pop("entries")
    added = {"schema": "scratchlab-report-2", "notes": [], "verdict": report.head["verdict"]}
    assert report.head == old | added, "and nothing else changed"


def test_what_is_read_of_schema_1_is_written_as_schema_2(tmp_path: Path) -> None:
    first = loaded(tmp_path, drifted())
    write(first, str(tmp_path / "new.json"))
    assert json.loads((tmp_path / "new.json").read_text())["schema"] == "scratchlab-report-2"
    second = read(str(tmp_path / "new.json"))
    assert second.head == first.head
    assert list(second.entries) == list(first.entries)


def test_process_write_reads_as_written_later_everywhere(tmp_path: Path) -> None:
    assert json.dumps(drifted()).count(OLD) > 9
    report = loaded(tmp_path, drifted())
    assert OLD not in json.dumps([report.head, list(report.entries)])
    worse = next(entry for entry in report.entries if entry["path"] == "/worse")
    assert worse["prediction"] == "predicted as kernel, found as written-later"
    assert [ghost["actor"] for ghost in report.head["ghosts"]] == [
        "the writable layer",
        "the writable layer",
        "the tmpfs on /dev",
    ]
    quiz = report.head["quiz"]
    assert (quiz["answers"][0]["given"], quiz["answers"][0]["answer"]) == ("written-later",) * 2
    assert quiz["exercise"] is not None
    assert quiz["exercise"]["given_origin"] == "written-later"
    assert report.head["ladder"]["entries"][-1]["origin"] == "written-later"
    assert report.head["timelapse"]["entries"][-1]["origin"] == "written-later"


def test_verdict_of_schema_1_is_decided_by_its_content(tmp_path: Path) -> None:
    verdict = loaded(tmp_path, drifted()).head["verdict"]
    assert verdict["status"] == 1
    assert {key: count for key, count in verdict["counts"].items() if count} == {
        "contradictions": 1,
        "problems": 1,
        "written": 1,
        "deleted": 1,
        "changed": 1,
    }
    calm = drifted()
    calm["problems"], calm["entries"] = [NOTES[-1]], calm["entries"][:-1]
    assert loaded(tmp_path, calm).head["verdict"]["status"] == 3
    calm["ghosts"], calm["entries"] = [], calm["entries"][:-1]
    assert loaded(tmp_path, calm).head["verdict"]["status"] == 0, "a note changes nothing"


def test_schema_1_with_a_verdict_of_its_own_is_damaged(tmp_path: Path) -> None:
    data = real() | {"verdict": reports.sleep().head["verdict"]}
    with pytest.raises(Exception, match="damaged report"):
        loaded(tmp_path, data)


@pytest.mark.parametrize("sentence", NOTES)
def test_oddity_of_schema_1_is_a_note(sentence: str) -> None:
    assert problems_and_notes([sentence]) == ((), (sentence,))


@pytest.mark.parametrize("sentence", PROBLEMS)
def test_contradiction_of_schema_1_stays_a_problem(sentence: str) -> None:
    assert problems_and_notes([sentence]) == ((sentence,), ())


def test_problems_and_notes_keep_their_order(tmp_path: Path) -> None:
    mixed = [sentence for pair in zip(PROBLEMS, NOTES, strict=False) for sentence in pair]
    report = loaded(tmp_path, real() | {"problems": mixed})
    assert report.head["problems"] == PROBLEMS
    assert report.head["notes"] == NOTES[: len(PROBLEMS)]


@pytest.mark.parametrize("form", ["table", "json", "tap", "junit"])
@pytest.mark.parametrize("data", [real(), drifted()], ids=["real", "drifted"])
def test_every_form_shows_a_report_of_schema_1(tmp_path: Path, form: str, data: Json) -> None:
    out = io.StringIO()
    render.report(form, loaded(tmp_path, data), out)
    assert out.getvalue()
    assert OLD not in out.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "mark"), [(real(), 0, "as-expected"), (drifted(), 1, "alarm")]
)
def test_page_of_a_report_of_schema_1(tmp_path: Path, data: Json, status: int, mark: str) -> None:
    html = tmp_path / "index.html"
    arguments = ["report", str(saved(tmp_path, data)), "--html", str(html)]
    assert scratchlab.main(arguments, standalone_mode=False) == status
    text = html.read_text("utf-8")
    assert f'<p class="verdict {mark}">' in text
    assert f'"{OLD}"' not in text


def test_grade_of_a_report_of_schema_1_is_graded_as_before(tmp_path: Path) -> None:
    grade = regrade(loaded(tmp_path, drifted()))
    assert grade is not None
    assert (grade.exercise_points, grade.exercise_of) == (4, 4)
    assert not [doubt for doubt in grade.doubts if "exercise" in doubt]


def test_grading_that_an_older_scratchlab_saved_is_read(tmp_path: Path) -> None:
    file = tmp_path / "graded.json"
    file.write_text(json.dumps(drifted()["quiz"]))
    grading = grading_file.load_grading(str(file))
    assert grading is not None
    assert grading["answers"][0]["given"] == "written-later"
    assert OLD not in json.dumps(grading)


def test_both_schemas_are_kept_beside_each_other() -> None:
    old, new = schema("scratchlab-report-1"), schema()
    assert (old["$id"], new["$id"]) == ("scratchlab-report-1", "scratchlab-report-2")
    added = {"expect", "left_out", "notes", "user_data", "verdict"}
    assert set(new["properties"]) - set(old["properties"]) == added
    assert OLD not in json.dumps(new)
