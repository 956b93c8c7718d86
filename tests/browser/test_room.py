"""The page of a room in a real browser: what a person clicks and sees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from scratchlab.classroom.roster import Student
from scratchlab.classroom.seats import Seat, save_seats
from scratchlab.cli.classroom import build_classroom
from tests import rooms
from tests.browser.conftest import DESK, Visit
from tests.browser.test_access import PHONE, violations
from tests.rooms import Reports, made

HOSTILE = '"><img src=x onerror=alert(1)></title></style></script><script>alert(1)</script>\x1b[31m'

HOSTILE_STUDENT = Student(HOSTILE, HOSTILE, HOSTILE)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Six machines: two engines, one stopped, one tampered with, one unreachable, one hostile."""
    reports = Reports(tmp_path / "reports")
    reports.machine("anna")
    podman = made("ben", engine={"name": "podman", "version": "4.3.1"}, runtime={"name": "crun"})
    (reports.machine("ben", podman) / "index.html").write_text("<!DOCTYPE html><title>x</title>")
    stopped = [rooms.check(i, "fail" if i == "E07" else "pass", "it stopped", "docker start sleep")
               for i in rooms.CHECKS]  # fmt: skip
    reports.machine("cleo", made("cleo", checks=stopped))
    tree = rooms.tree()
    tree[14]["image"]["sha256"] = "0" * 64
    reports.machine("dora", made("dora", tree, image={"ledger_digest": "sha256:" + "cd" * 32}))
    reports.machine("emil", report=None, state="unreachable", reason="no route to host")
    hostile = made("finn", checks=[rooms.check(HOSTILE, "fail", HOSTILE, HOSTILE)])
    reports.machine("finn", hostile)
    path = reports.finish()
    anna = Seat("anna", Student("Anna Müller", "4711"), "192.0.2.1", "student")
    save_seats(str(path), [anna, Seat("finn", HOSTILE_STUDENT)])
    build_classroom(str(path))
    return path / "index.html"


def names(page: Page) -> list[str]:
    return page.locator("#room tbody tr:visible th bdi").all_inner_texts()


def test_page_shows_who_needs_help_and_why(visit: Visit, room: Path) -> None:
    page = visit(room)
    expect(page.locator("h1")).to_have_text("3 of 6 machines passed every check")
    help_ = page.locator("#help")
    expect(help_.locator("article")).to_have_count(3)
    expect(help_).to_contain_text("no route to host")
    expect(help_).to_contain_text("docker start sleep")
    help_.locator("a", has_text="emil").click()
    expect(page.locator("tr:target th bdi")).to_have_text("emil")


def test_commands_are_copied_with_the_keyboard_from_a_file(visit: Visit, room: Path) -> None:
    page = visit(room)
    assert page.url.startswith("file://")
    # A browser that gives pages of files no clipboard; what is copied is noted instead.
    page.evaluate("""() => {
        Object.defineProperty(navigator, "clipboard", { value: undefined });
        document.execCommand = () => { document.body.dataset.did = document.activeElement.value; };
    }""")
    need = page.locator("#help article", has_text="emil")
    commands = need.locator("code").all_inner_texts()
    assert commands == ["ssh student@192.0.2.5", "./lab -i inventory/classroom.yml -l emil"]
    button = need.get_by_role("button").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-did", commands[1])
    expect(button).to_contain_text("Copied")
    expect(button).to_be_focused()


def test_page_without_scripts_has_no_button_that_does_nothing(visit: Visit, room: Path) -> None:
    page = visit(room, java_script_enabled=False)
    expect(page.locator("#help code").first).to_be_visible()
    assert page.get_by_role("button", name="Copy").count() == 0


def test_every_machine_has_a_link_to_its_row(visit: Visit, room: Path) -> None:
    page = visit(room)
    machines = page.locator(".machines a")
    assert machines.locator("bdi").all_inner_texts() == names(page)
    assert page.locator(".machines .fail bdi").all_inner_texts() == ["cleo", "emil", "finn"]
    expect(machines.nth(4)).to_have_attribute("title", "unreachable: no route to host")
    machines.nth(3).click()
    expect(page.locator("tr:target th bdi")).to_have_text("dora")


def test_difference_is_a_sentence_with_the_path(visit: Visit, room: Path) -> None:
    page = visit(room)
    sentence = page.locator("#differences .differs", has_text="ledger digest")
    expect(sentence).to_contain_text("4 of 5 have sha256:abababababab; dora differs in /sleep")
    expect(page.locator("#differences")).to_contain_text("ben differs: podman 4.3.1")


def test_search_filter_and_escape(visit: Visit, room: Path) -> None:
    page = visit(room)
    page.keyboard.press("/")
    page.keyboard.type("podman")
    assert names(page) == ["ben"]
    expect(page.locator("#count")).to_have_text("1 of 6 machines")
    page.keyboard.press("Escape")
    assert len(names(page)) == 6
    page.click(".chip[data-state='unreachable']")
    assert names(page) == ["emil"]
    expect(page.locator(".chip[data-state='unreachable']")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_sorting_by_a_column_and_back(visit: Visit, room: Path) -> None:
    page = visit(room)
    page.click("button[data-key='name']")
    page.click("button[data-key='name']")
    assert names(page) == ["finn", "emil", "dora", "cleo", "ben", "anna"]
    expect(page.locator("th[aria-sort='descending']")).to_have_text("machine")
    page.click("button[data-key='passed']")
    assert names(page)[:2] == ["emil", "finn"]


def test_student_points_and_age_stand_beside_the_machine(visit: Visit, room: Path) -> None:
    page = visit(room)
    anna = page.locator("#m-1")
    expect(anna).to_contain_text("Anna Müller")
    expect(page.locator("#room .parts")).to_contain_text("the student")
    expect(anna.locator("time")).to_have_text("2026-03-02 09:00:00 UTC")
    expect(anna.locator(".age")).to_have_text(re.compile(r"^\d+ days ago$"))
    page.keyboard.press("/")
    page.keyboard.type("müller")
    assert names(page) == ["anna"]
    page.keyboard.press("Escape")
    page.click("button[data-key='student']")
    assert names(page)[-1] == "anna"
    page.click("button[data-key='age']")
    expect(page.locator("#files a", has_text="moodle.csv")).to_have_attribute("href", "moodle.csv")
    agreement = "5 of 8 things that were compared are the same on every machine, 3 differ"
    expect(page.locator(".verdict")).to_contain_text(agreement)


def test_keys_open_a_report(visit: Visit, room: Path) -> None:
    page = visit(room)
    page.keyboard.press("/")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("tr:focus th bdi")).to_have_text("ben")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ben/index.html")


def test_hostile_text_is_only_text(visit: Visit, room: Path) -> None:
    page = visit(room)
    expect(page.locator("#help")).to_contain_text("<script>alert(1)</script>\\x1b[31m")
    assert page.locator("img, script:not([src]) >> nth=1").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESK, PHONE])
def test_page_of_a_room_has_no_violation(
    visit: Visit, room: Path, scheme: str, window: dict[str, int]
) -> None:
    context: dict[str, Any] = {"viewport": window, "color_scheme": scheme}
    page = visit(room, **context)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]


def test_page_without_scripts_is_complete(visit: Visit, room: Path) -> None:
    page = visit(room, java_script_enabled=False)
    assert names(page) == ["anna", "ben", "cleo", "dora", "emil", "finn"]


@pytest.mark.parametrize("sheet", ["anna/worksheet.html", "key.html", "cards.html"])
def test_sheets_print_and_have_no_violation(visit: Visit, room: Path, sheet: str) -> None:
    page = visit(room.parent / sheet)
    assert violations(page) == []
    assert page.pdf()
    text = page.locator("main").inner_text()
    assert ("image-layer" in text) == (sheet != "cards.html")
    assert ("ssh student@192.0.2.1" in text) == (sheet == "cards.html")


def test_five_hundred_machines_are_all_there(visit: Visit, tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    for number in range(500):
        reports.machine(f"student{number:03}")
    build_classroom(str(reports.finish()))
    page = visit(reports.directory / "index.html")
    assert len(names(page)) == 500


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_two_cards_fit_on_a_page(visit: Visit, tmp_path: Path, paper: str) -> None:
    reports = Reports(tmp_path / "reports")
    seats = []
    for number in range(6):
        reports.machine(f"desk{number}")
        student = Student("A name that is longer than most names are", "4711-4712-4713", "a@b")
        seats.append(
            Seat(f"desk{number}", student, "2001:db8::1", "student", "2222", "room-key", "Tulip-7")
        )
    path = reports.finish()
    save_seats(str(path), seats)
    build_classroom(str(path))
    pdf = visit(path / "cards.html").pdf(format=paper)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 3
