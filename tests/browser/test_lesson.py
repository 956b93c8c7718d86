"""The page as a lesson: predict mode, search by reason, the fold, what the verdict counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from scratchlab.report import Report
from tests.browser import reports
from tests.browser.conftest import Show
from tests.browser.test_page import row, rows

Disk = Callable[[Report], Path]


def test_search_finds_origins_and_reasons_and_says_so_when_nothing_matches(
    show: Show, disk: Disk
) -> None:
    page = show(disk(reports.sleep()))
    page.fill("#search", "engine-mount")
    assert "hosts" in rows(page)
    page.fill("#search", "no such thing anywhere")
    expect(page.locator("#nothing")).to_be_visible()
    page.click("#nothing-clear")
    expect(page.locator("#nothing")).to_be_hidden()


def test_predict_mode_hides_the_maker_until_one_has_guessed(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    page.click("#predict")
    null = page.locator(row(page, "null"))
    expect(null.locator(".who")).to_have_text("who?")
    expect(null.locator(".why")).to_have_text("")
    assert null.get_attribute("data-o") is None
    null.click()
    detail = page.locator("#detail")
    expect(detail).not_to_contain_text("runtime-device")
    detail.locator("button", has_text="the runtime").click()
    expect(detail).to_contain_text("You were right")
    expect(detail).to_contain_text("1 of 1 guesses right")
    expect(page.locator(row(page, "null")).locator(".who")).to_contain_text("runtime-device")


def test_tree_is_above_the_fold_and_detail_begins_with_a_sentence(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()), viewport={"width": 1280, "height": 720})
    box = page.locator("#rows .row").nth(3).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 720
    page.click(row(page, "null"))
    expect(page.locator("#detail .sentence")).to_have_text("This device was made by the runtime.")


def test_alarm_brings_its_rows_into_view_and_marks_them(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    assert page.locator("#rows .row.trouble").count() > 0
    expect(page.locator("#rows .row.active.trouble")).to_have_count(1)
    expect(page.locator(".verdict")).to_contain_text("1 unexplained")
    numbers = [text.split()[0] for text in page.locator(".verdict span").all_inner_texts() if text]
    assert "0" not in numbers, "what was not found is not counted"


def test_skip_link_is_the_first_thing_that_the_keyboard_reaches(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"


def test_lesson_shows_claim_command_output_and_2017(show: Show, disk: Disk) -> None:
    check = {**reports.check("E05"), "output": "abc  -\n<b>x</b>", "article": "(implied)"}
    page = show(disk(reports.report(reports.sleep().entries, checks=[check])))
    page.click(".check summary")
    lesson = page.locator(".check")
    titles = lesson.locator(".step-title").all_inner_texts()
    assert titles[:4] == [
        "What the article says", "Try it", "What you should see",
        "What this command printed on student07",
    ]  # fmt: skip
    expect(lesson.locator(".output")).to_have_text("abc  -\n<b>x</b>")
    expect(lesson).to_contain_text("sudo scratchlab try E05")
    expect(lesson.locator(".beside")).to_contain_text("the article, 2017")
