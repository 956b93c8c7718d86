"""The ladder and the time-lapse: a slider each, and what each step shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from scratchlab.report import Report
from tests.browser import reports
from tests.browser.conftest import Show

Disk = Callable[[Report], Path]


def gone(section: Locator) -> list[str]:
    return section.locator("tr.gone th").all_inner_texts()


def test_ladder_shows_who_makes_an_entry(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()))
    ladder = page.locator("#ladder")
    slider = ladder.locator("input[type=range]")
    slider.press("End")
    assert gone(ladder) == []
    expect(ladder.locator(".step:visible")).to_contain_text("4. docker what docker adds")
    slider.press("Home")
    assert gone(ladder) == ["/.dockerenv/", "/dev/", "/proc/"]
    expect(ladder.locator(".step:visible code")).to_have_text("chroot --run")
    expect(slider).to_have_attribute("aria-valuetext", "1. chroot what chroot adds chroot 1.0")
    slider.press("ArrowRight")
    assert gone(ladder) == ["/.dockerenv/", "/dev/"]
    expect(ladder.locator("tr.new th")).to_have_text("/proc/")
    made = ladder.locator("tr", has_text="/.dockerenv").locator("td.made")
    expect(made).to_have_attribute("data-step", "3")
    expect(ladder.locator("tr", has_text="/proc")).to_contain_text("evidence disagrees")
    expect(ladder.locator("tr", has_text="/dev/")).to_contain_text("agrees")


def test_ladder_begins_at_its_foot_and_leaves_out_what_was_not_measured(
    show: Show, disk: Disk
) -> None:
    page = show(disk(reports.climbed()))
    ladder = page.locator("#ladder")
    expect(ladder.locator(".step:visible")).to_contain_text("1. chroot")
    assert ladder.locator("thead .col").all_inner_texts()[-1] == "docker"
    expect(ladder).to_contain_text("Not measured here: gvisor")
    expect(ladder).to_contain_text("not installed: apt-get install runsc")
    assert ladder.locator("td.unknown").count() == 0


def test_timelapse_from_the_image_to_the_end(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()))
    life = page.locator("#timelapse")
    null = life.locator("tr", has_text="/dev/null")
    expect(null.locator(".now")).to_have_text("drwxr-xr-x 0:0")
    slider = life.locator("input[type=range]")
    slider.press("Home")
    expect(null.locator(".now")).to_have_text("")
    assert gone(life) == ["/.dockerenv/", "/dev/", "/dev/null/"]
    slider.press("End")
    assert len(gone(life)) == 5
    assert page.locator("#ladder tr.gone").count() == 3, "each has its own slider"


def test_play_goes_through_the_stages_and_stops(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()))
    page.clock.install()
    life = page.locator("#timelapse")
    slider, button = life.locator("input[type=range]"), life.locator(".play")
    slider.press("End")
    button.click()
    expect(button).to_contain_text("Pause")
    for value in ("0", "1", "2", "3"):
        expect(slider).to_have_value(value)
        page.clock.run_for(1400)
    expect(button).to_contain_text("Play")
    expect(slider).to_have_value("3")


def test_mounts_are_in_a_table(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()))
    mounts = page.locator("#mounts")
    expect(mounts.locator("h2")).to_contain_text("2, 1 of them inside kernel filesystems")
    mounts.locator("summary").click()
    expect(mounts.locator("tr", has_text="/proc/acpi")).to_be_visible()
    expect(mounts.locator("tr", has_text="/proc/acpi")).to_contain_text("mask")


def test_quiz_answers_are_beside_the_machines_answers(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()))
    quiz = page.locator("#quiz")
    expect(quiz.locator("h2")).to_contain_text("3 of 8 points, 2026-11-24 19:22")
    table = {
        row.locator("th").inner_text(): " ".join(
            " ".join(row.locator("td").all_inner_texts()).split()
        )
        for row in quiz.locator("tbody tr").all()
    }
    assert table == {
        "/etc/hosts": "EM engine-mount ✔ right with a hint EM engine-mount",
        "/usr": "IM image-layer ✘ wrong not there",
        "/dev/null": "no answer not answered DV runtime-device",
    }
    expect(quiz).to_contain_text("answered /opt")


def test_table_follows_the_slider_on_a_phone(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()), viewport={"width": 360, "height": 740})
    ladder = page.locator("#ladder")
    slider, chosen = ladder.locator("input[type=range]"), ladder.locator("thead .at")
    for key, name in (("End", "docker"), ("Home", "chroot")):
        slider.press(key)
        expect(chosen).to_have_text(name)
        column, entry = chosen.bounding_box(), ladder.locator("thead th").first.bounding_box()
        assert column is not None
        assert entry is not None
        assert entry["x"] + entry["width"] <= column["x"] + 1, "not below the names"
        assert column["x"] + column["width"] <= 360
    expect(ladder.locator(".legend")).to_contain_text("made on this rung")
