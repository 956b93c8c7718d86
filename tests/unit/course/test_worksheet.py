"""Worksheets and exercises: drawn by seed, graded on the machine, and graded again by readers."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms import TREE, entry, made, tree

from scratchlab.__main__ import main
from scratchlab.classroom import worksheet
from scratchlab.classroom.exercise import (
    KINDS,
    LEVELS,
    Exercise,
    check_exercise,
    draw_exercise,
)
from scratchlab.classroom.grading import grade, quiz_section, regrade
from scratchlab.classroom.worksheet import ABSENT, Question, draw_worksheet
from scratchlab.course import grading_file, quiz
from scratchlab.course.exercise_answer import read_answer
from scratchlab.course.quiz import hint_texts
from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.report import Report, read, write

REPORT = made("anna")
RIGHT = {question.path: question.answer for question in draw_worksheet(REPORT, "anna").questions}
SUBJECT = quiz.Subject("sleep", "sleep:latest", "sudo scratchlab")


WRONG = sorted(RIGHT)[0]


def nothing() -> None:
    """Keep nothing."""


def once(answers: dict[str, str]) -> dict[str, list[str]]:
    """Each question answered once."""
    return {path: [answer] for path, answer in answers.items()}


def test_worksheet_asks_for_present_and_absent_paths() -> None:
    truth = {path: origin for path, _, origin in TREE}
    sheet = draw_worksheet(REPORT, "anna")
    assert len(sheet.questions) == 12
    assert sum(question.answer == ABSENT for question in sheet.questions) >= 3
    for question in sheet.questions:
        assert question.answer == truth.get(question.path, ABSENT)


def test_worksheets_of_two_neighbours_ask_for_every_origin_in_the_container() -> None:
    sheets = [draw_worksheet(REPORT, seed).questions for seed in ("desk01", "desk02")]
    asked = {question.answer for questions in sheets for question in questions}
    assert asked == {origin for path, _, origin in TREE if path != "/"} | {ABSENT}


def test_same_seed_draws_the_same_and_others_differ() -> None:
    assert draw_worksheet(REPORT, "anna") == draw_worksheet(REPORT, "anna")
    sheets = {draw_worksheet(REPORT, f"student{number:02}").questions for number in range(24)}
    assert len(sheets) > 20


def test_one_more_entry_changes_at_most_one_question() -> None:
    more = [*tree(), entry("/dev/extra", "char-device", "runtime-device")]
    before = {question.path for question in draw_worksheet(REPORT, "anna").questions}
    after = {question.path for question in draw_worksheet(made("anna", more), "anna").questions}
    assert len(before - after) <= 1


def test_ghost_can_be_asked_for_and_is_absent() -> None:
    body = entry("/data/old", "file", "image-layer")["image"]
    hidden = {
        "path": "/data/old",
        "kind": "shadowed",
        "origin": "user-mount",
        "actor": "mount of tmpfs on /data",
        "evidence": [],
        "image": body,
    }
    sheets = [draw_worksheet(made("anna", ghosts=[hidden]), str(number)) for number in range(40)]
    questions = [question for sheet in sheets for question in sheet.questions]
    asked = [question for question in questions if question.path == "/data/old"]
    assert asked
    assert {question.answer for question in asked} == {ABSENT}
    assert all("tmpfs on /data" in question.explanation for question in asked)


def test_every_answer_has_a_hint_that_does_not_name_it() -> None:
    assert set(hint_texts()) == {ABSENT, *map(str, Origin)} - {"unexplained"}
    assert not [answer for answer, hint in hint_texts().items() if answer in hint and "-" in answer]


@pytest.mark.parametrize(
    ("answers", "read_hints", "points"),
    [
        (RIGHT, (), 24),
        ({}, (), 0),
        (dict.fromkeys(RIGHT, "hook-or-tool"), (), 0),
        (RIGHT, tuple(RIGHT), 12),
        ({**RIGHT, "/dev/nothing": "kernel"}, (), 24),
    ],
    ids=["right", "not at all", "wrong", "with every hint", "and an unexpected answer"],
)
def test_points(answers: dict[str, str], read_hints: tuple[str, ...], points: int) -> None:
    graded = grade(draw_worksheet(REPORT, "anna"), once(answers), read_hints)
    assert (graded.points, graded.of) == (points, 24)
    assert graded.unexpected_answers == tuple(sorted(set(answers) - set(RIGHT)))


def reported(points: int | None = None, **changes: Any) -> Report:
    graded = grade(draw_worksheet(REPORT, "anna"), once({**RIGHT, WRONG: "kernel"}))
    section = dict(quiz_section(graded, REPORT, "2026-03-02T10:00:00+00:00"))
    if points is not None:
        section["points"] = points
    return made("anna", quiz={**section, **changes})


def test_grading_survives_in_the_report(tmp_path: Path) -> None:
    write(reported(), str(tmp_path / "report.json"))
    found = regrade(read(str(tmp_path / "report.json")))
    assert found is not None
    assert (found.of, found.doubts) == (24, ())
    assert (
        found.points
        == grade(draw_worksheet(REPORT, "anna"), once({**RIGHT, WRONG: "kernel"})).points
    )


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"points": 99}, "claims 99 points"),
        ({"seed": "ben"}, "another machine's worksheet"),
        ({"container": "0" * 64}, "an earlier container"),
        ({"problem": "damaged grading"}, "damaged grading"),
    ],
)
def test_regrade_names_what_does_not_fit(changes: dict[str, Any], doubt: str) -> None:
    found = regrade(reported(**changes))
    assert found is not None
    assert doubt in " ".join(found.doubts)


def test_forged_score_is_not_the_grade() -> None:
    honest, forged = regrade(reported()), regrade(reported(points=99))
    assert honest is not None
    assert forged is not None
    assert forged.points == honest.points


@pytest.mark.parametrize("level", LEVELS)
def test_exercises_of_neighbours_differ_and_a_room_has_every_kind(level: str) -> None:
    drawn = [draw_exercise(f"desk{number:02}", level) for number in range(1, 41)]
    kinds = {kind for kind in KINDS if KINDS[kind].level == level}
    assert {exercise.kind for exercise in drawn} == kinds
    for one, other in itertools.pairwise(drawn):
        assert one.kind != other.kind
    counts = [sum(exercise.kind == kind for exercise in drawn) for kind in kinds]
    assert max(counts) - min(counts) <= 1


def test_there_are_ten_kinds_and_three_levels() -> None:
    assert len(KINDS) >= 10
    assert {kind.level for kind in KINDS.values()} == set(LEVELS)


def test_worksheets_of_neighbours_share_few_paths() -> None:
    sheets = [
        {question.path for question in draw_worksheet(REPORT, f"desk{number:02}").questions}
        for number in range(1, 41)
    ]
    shared = [len(one & other) for one, other in itertools.pairwise(sheets)]
    assert sum(shared) / len(shared) < 6.2


@given(st.text(), st.sampled_from(LEVELS))
def test_any_seed_draws_an_exercise_of_its_level(seed: str, level: str) -> None:
    drawn = draw_exercise(seed, level)
    assert drawn.level == level
    assert drawn.path.startswith("/")
    assert "DIR" not in drawn.path
    assert "DEV" not in drawn.path


def changed(origin: str, path: str) -> Report:
    return made("anna", [*tree(), entry(path, "file", origin)])


def test_exercise_is_graded_by_what_the_container_shows() -> None:
    drawn = Exercise("anna", "bind", "/srv/notes12")
    other = changed("user-mount", drawn.path)
    points = {
        answer: check_exercise(drawn, other, (answer,)).points
        for answer in (
            ("/srv/notes12", "user-mount"),
            ("/srv/notes12", "kernel"),
            ("/srv", "user-mount"),
            ("/", "user-mount"),
            ("/dev/null", "user-mount"),
        )
    }
    assert list(points.values()) == [4, 2, 1, 0, 0]


def test_second_answer_counts_half_and_no_later_one_lowers_the_best() -> None:
    drawn = Exercise("anna", "bind", "/srv/notes12")
    other = changed("user-mount", drawn.path)
    right, wrong = ("/srv/notes12", "user-mount"), ("/dev/null", "kernel")
    assert check_exercise(drawn, other, (wrong, right)).points == 2
    first = check_exercise(drawn, other, (right, wrong))
    assert (first.points, first.section()["first"]) == (4, 4)
    assert check_exercise(drawn, other, (right,), hints=1).points == 3


def test_missing_exercise_is_an_error_and_not_zero_points() -> None:
    drawn = Exercise("anna", "bind", "/srv/notes12")
    with pytest.raises(LabError, match="exercise start"):
        check_exercise(drawn, REPORT, (("/srv/notes12", "user-mount"),))


@pytest.mark.parametrize(("path", "origin"), [("/srv", "foo"), ("srv", "kernel"), ("/", "absent")])
def test_what_cannot_be_an_answer_is_not_one(path: str, origin: str) -> None:
    with pytest.raises(LabError):
        read_answer(path, origin)


def solved(seed: str, **changes: Any) -> Report:
    drawn = draw_exercise(seed, "easy")
    outcome = check_exercise(
        drawn, changed(str(drawn.origin), drawn.path), ((drawn.path, str(drawn.origin)),)
    )
    section = {**grading_file.empty_grading(), "exercise": {**outcome.section(), **changes}}
    return made("anna", quiz=section)


def test_exercise_of_another_machine_has_no_points() -> None:
    own, other = regrade(solved("anna")), regrade(solved("ben"))
    assert own is not None
    assert other is not None
    assert (own.exercise_points, own.doubts) == (4, ())
    assert (other.exercise_points, other.doubts) == (0, ("solved another machine's exercise",))


def test_claimed_points_of_an_exercise_are_not_the_grade() -> None:
    found = regrade(solved("anna", tries=[{"path": "/dev", "origin": "kernel"}], given_path="/dev"))
    assert found is not None
    assert found.exercise_points == 0
    assert "claims 4 points for the exercise, reached 0" in found.doubts


def test_second_answer_of_the_quiz_counts_half() -> None:
    sheet = draw_worksheet(REPORT, "anna")
    tries = {**once(RIGHT), WRONG: ["kernel", RIGHT[WRONG]]}
    graded = grade(sheet, tries)
    assert (graded.points, graded.first_points, graded.ended) == (23, 22, True)
    assert grade(sheet, {**tries, WRONG: ["kernel", "user-data", RIGHT[WRONG]]}).points == 22


@pytest.mark.parametrize(
    "content", ["", "[]", '{"answers": 3}', '{"answers": {"/dev": "nobody"}}', "[" * 99999, "\xff"]
)
def test_file_without_answers_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "answers.json").write_text(content, encoding="latin-1")
    with pytest.raises(LabError):
        quiz.read_answers(str(tmp_path / "answers.json"))


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 99999])
def test_damaged_grading_is_reported_and_the_report_is_still_made(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "graded.json").write_text(content)
    found = grading_file.grading_for_report(str(tmp_path / "graded.json"))
    assert found is not None
    assert "damaged grading" in found["problem"]
    write(made("anna", quiz=found), str(tmp_path / "report.json"))
    read(str(tmp_path / "report.json"))


def test_report_without_grading_has_no_quiz(tmp_path: Path) -> None:
    assert grading_file.grading_for_report(str(tmp_path / "none.json")) is None
    assert regrade(REPORT) is None


def test_grading_is_read_back_as_saved(tmp_path: Path) -> None:
    file = tmp_path / "quiz" / "graded.json"
    empty = grading_file.empty_grading()
    grading_file.save_grading(str(file), empty)
    assert grading_file.load_grading(str(file)) == json.loads(file.read_text()) == empty


def test_answer_is_told_only_after_the_last_try() -> None:
    sheet = draw_worksheet(REPORT, "anna")
    one, two = io.StringIO(), io.StringIO()
    quiz.print_graded(grade(sheet, {WRONG: ["user-data"]}), SUBJECT, one)
    assert f"WRONG  {WRONG} user-data" in one.getvalue()
    assert RIGHT[WRONG] not in one.getvalue()
    assert f"look: sudo scratchlab why sleep {WRONG}" in one.getvalue()
    quiz.print_graded(grade(sheet, {WRONG: ["user-data", "volume-copy"]}), SUBJECT, two)
    assert f"it is {RIGHT[WRONG]}" in two.getvalue()


@pytest.mark.parametrize("columns", [40, 60, 132])
def test_questions_and_answers_fit_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("click.prompt", lambda *_, **__: "1")
    out = io.StringIO()
    tries: dict[str, list[str]] = {}
    saved: list[int] = []
    sheet = draw_worksheet(REPORT, "desk02")
    quiz.ask_questions(
        sheet, SUBJECT, out, tries=tries, hints=[], save=lambda: saved.append(len(tries))
    )
    assert {answer for given in tries.values() for answer in given} == {"image-layer"}
    assert saved[-1] == len(sheet.questions)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= columns
    assert "\x1b" not in out.getvalue()


def test_interrupted_quiz_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet, tries, hints = draw_worksheet(REPORT, "anna"), dict[str, list[str]](), list[str]()
    typed = iter(["image-layer", "image-layer", "image-layer"])

    def prompt(*_: object, **__: object) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise click.Abort from None

    monkeypatch.setattr("click.prompt", prompt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(click.Abort):
        quiz.ask_questions(
            sheet, SUBJECT, io.StringIO(), tries=tries, hints=hints, save=lambda: None
        )
    assert sum(map(len, tries.values())) == 3
    asked = [path for path in tries if len(tries[path]) == 2]
    typed = iter(())
    with pytest.raises(click.Abort):
        quiz.ask_questions(
            sheet, SUBJECT, io.StringIO(), tries=tries, hints=hints, save=lambda: None
        )
    assert [path for path in tries if len(tries[path]) == 2] == asked


def test_the_best_of_many_questions_are_those_of_all_in_order() -> None:
    questions = [Question(f"/usr/{number}", "image-layer", "") for number in range(1000)]
    best = worksheet._Best("room3", 12)
    for question in questions:
        best.add(question)
        assert len(best._kept) < 12 * worksheet._SORTED_AT  # however many there are
    assert best.questions() == list(worksheet._ranked("room3", questions))[:12]


def results(tmp_path: Path) -> int:
    files = ("--report", str(tmp_path / "report.json"), "--keep", str(tmp_path / "graded.json"))
    return main(["results", *files])


def test_results_replace_the_answers_of_a_report_and_nothing_else(tmp_path: Path) -> None:
    grading_file.save_grading(str(tmp_path / "graded.json"), grading_file.empty_grading())
    write(made("anna"), str(tmp_path / "report.json"))
    before = read(str(tmp_path / "report.json"))
    assert results(tmp_path) == 0
    after = read(str(tmp_path / "report.json"))
    assert after.head.pop("quiz") == grading_file.empty_grading()
    assert (after.head, list(after.entries)) == (before.head, list(before.entries))
    (tmp_path / "graded.json").unlink()
    assert results(tmp_path) == 0
    assert "quiz" not in read(str(tmp_path / "report.json")).head


def test_results_without_a_report_are_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert results(tmp_path) == 2
    assert capsys.readouterr().err.count("\n") == 1
