"""What a person clicks and sees on the page of one report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from scratchlab.model import Origin, Status
from scratchlab.report import Report
from tests.browser import reports
from tests.browser.conftest import Show

Disk = Callable[[Report], Path]


def rows(page: Page) -> list[str]:
    """The last components of the paths on the page, top to bottom."""
    return page.locator("#rows .right .name").all_inner_texts()


def row(page: Page, name: str) -> str:
    return f"#rows .row:has(.right .name:text-is('{name}'))"


def chip(page: Page, value: str) -> None:
    page.click(f".chip[data-value='{value}']")


def test_made_up_reports_are_valid(disk: Disk) -> None:
    for make in (reports.sleep, reports.troubled, reports.drifted, reports.hostile):
        assert disk(make()).stat().st_size


def test_first_lines_count_entries_by_origin(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    story = " ".join(page.inner_text(".story").split())
    assert story == (
        "The container sees 26 entries: 1 from the image, 7 from the engine, "
        "17 from the runtime and 1 from the kernel."
    )
    assert "All explained, and as predicted" in page.inner_text(".verdict")
    assert "12 of 12 experiments passed" in page.inner_text(".verdict")
    assert page.title() == "sleep on student07: where everything came from"


def test_image_and_instance_are_side_by_side(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    assert page.locator("#rows .row").count() == 26
    sleep = page.locator(row(page, "sleep"))
    left, right = sleep.locator(".left .name"), sleep.locator(".right .name")
    assert left.inner_text() == right.inner_text() == "sleep"
    assert left.bounding_box()["y"] == right.bounding_box()["y"]  # type: ignore[index]
    assert page.locator("#rows .left .name:visible").count() == 2  # / and /sleep


def test_every_origin_has_a_colour_and_a_label(show: Show, disk: Disk) -> None:
    colours = {}
    for report in (reports.troubled(), reports.drifted()):
        page = show(disk(report))
        page.click("#open-all")
        for origin in page.locator("#rows .row[data-o]").all():
            name = origin.get_attribute("data-o") or ""
            assert origin.locator(".badge-o .label").inner_text()
            assert origin.locator(".sign").inner_text()
            colours[name] = origin.locator(".right").evaluate(
                "cell => getComputedStyle(cell).borderLeftColor"
            )
    assert set(colours) == set(Origin)
    assert len(set(colours.values())) == len(colours)


def test_click_shows_evidence_rule_and_both_sides(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    expect(page.locator("#detail")).to_be_hidden()
    page.click(row(page, "null"))
    detail = page.locator("#detail")
    expect(detail.locator("h3")).to_have_text("/dev/null")
    expect(detail).to_contain_text("runtime-device")
    expect(detail).to_contain_text("As predicted")
    expect(detail.locator(".facts-list li")).to_have_text("statcharacter device [1, 3]")
    expect(detail.locator(".level")).to_have_text("MUST")
    links = [link.get_attribute("href") or "" for link in detail.locator(".links a").all()]
    assert links[0].endswith("/config-linux.md#default-devices")
    assert links[1].startswith("https://github.com/opencontainers/runc/blob/v1.1.5/")
    expect(detail.locator(".away")).to_contain_text("-v /dev:/dev")
    expect(detail.locator("tr", has_text="device").last).to_contain_text("1:3")
    assert page.url.endswith("#path=%2Fdev%2Fnull")
    page.click(".close")
    expect(detail).to_be_hidden()


def test_address_opens_its_entry_and_its_experiment(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()), at="#path=%2Fetc%2Fhosts")
    expect(page.locator("#detail h3")).to_have_text("/etc/hosts")
    page.click(".dot:has-text('E07')")
    expect(page.locator("#experiments-7 .claim")).to_be_visible()
    page = show(disk(reports.sleep()), at="#%E0%A4")
    expect(page.locator("#detail")).to_be_hidden()


def test_ghosts_are_shown_at_their_path(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    ghost = page.locator(row(page, "old"))
    expect(ghost.locator(".left .name")).to_have_text("old")
    expect(ghost.locator(".right.ghost em")).to_have_text("shadowed")
    names = rows(page)
    assert names.index("null") < names.index("old") < names.index("ptmx"), (
        "in its directory's order"
    )
    ghost.click()
    expect(page.locator("#detail .ghost-words")).to_contain_text("mount of tmpfs on /dev")
    hosts = page.locator(row(page, "hosts"))
    expect(hosts.locator(".right em")).to_have_text("hides the image's")
    page.click(row(page, "run.conf"))
    expect(page.locator("#detail .differs")).to_have_count(2)  # size and mtime


def test_disagreement_is_emphasized(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    assert page.locator(".verdict.alarm b").inner_text() == (
        "1 unexplained, 1 missing, 2 checks failed (E07, E12), 1 problem of the image archive: "
        "/lost (missing), /opt/secret (unexplained); also 2 written, 1 changed, 1 deleted since "
        "the start"
    )
    expect(page.locator(".problems li")).to_have_text(
        "manifest.json and index.json name other layers"
    )
    expect(page.locator(row(page, "secret")).locator(".why.loud")).to_have_text(
        "nothing was predicted here"
    )
    page.click(row(page, "secret"))
    expect(page.locator("#detail .loud")).to_contain_text("Not as predicted")


def test_click_survives_a_redraw_between_press_and_release(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    page.locator(row(page, "null")).hover()
    page.mouse.down()
    page.set_viewport_size({"width": 1400, "height": 890})
    page.evaluate("document.dispatchEvent(new Event('resized'))")
    page.evaluate("document.getElementById('tree').dispatchEvent(new Event('scroll'))")
    page.mouse.up()
    expect(page.locator("#detail h3")).to_have_text("/dev/null")


def test_drift_is_neither_an_alarm_nor_as_expected(show: Show, disk: Disk) -> None:
    page = show(disk(reports.drifted()))
    verdict = page.locator(".verdict.drifted")
    assert verdict.locator("b").inner_text() == (
        "2 written, 2 mounted, 1 changed, 1 deleted since the start, 1 changed while read, all "
        "explained: /busy (changed while read), /later (mounted), /mounted (mounted), ..."
    )
    assert verdict.locator(".mark").inner_text() == "△"
    expect(page.locator(".verdict .bad")).to_have_count(0)
    assert page.locator(".look a").all_inner_texts() == ["/busy", "/later", "/mounted"]
    assert "changed while read" in page.inner_text(".look")
    expect(page.locator(".notes li")).to_have_text(reports.NOTES)
    story = " ".join(page.inner_text(".story").split())
    for part in ("1 from your mounts", "1 from a copy of the image", "1 from the host",
                 "1 from a later mount", "3 from a later write"):  # fmt: skip
        assert part in story
    for chip_ in ("user-data", "volume-copy", "host-mount", "mounted-inside", "written-later"):
        expect(page.locator(".chip[data-filter='origin']", has_text=chip_)).to_have_count(1)
    for status in ("deleted", "changed"):
        title = page.get_attribute(f".chip[data-filter='status'][data-value='{status}']", "title")
        assert title is not None
        assert "since the start" in title
        assert "process" not in title


def test_page_of_an_unknown_engine_is_as_expected_with_a_note(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep(notes=reports.NOTES[:1])))
    expect(page.locator(".verdict.as-expected")).to_have_count(1)
    expect(page.locator(".notes li")).to_have_text(reports.NOTES[:1])
    expect(page.locator(".look")).to_have_count(0)


def test_first_lines_link_to_what_differs(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    look = page.locator(".look")
    chip(page, "kernel")  # which hides all of them: an address overrides a filter
    assert look.locator("a").all_inner_texts() == ["/lost", "/opt/secret", "/opt", "E07", "E12"]
    look.locator("a", has_text="/opt/secret").click()
    expect(page.locator("#detail h3")).to_have_text("/opt/secret")
    expect(page.locator(row(page, "secret"))).to_be_in_viewport()
    look.locator("a", has_text="E07").click()
    expect(page.locator("#experiments-3")).to_be_in_viewport()
    assert show(disk(reports.sleep())).locator(".look").count() == 0


def test_filters_show_matches_and_the_directories_above(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    chip(page, "kernel")
    assert rows(page) == ["/", "dev/", "pts/", "ptmx"]
    assert page.inner_text("#count") == "1 of 38 entries shown"
    chip(page, "engine-mount")
    assert rows(page) == ["/", "dev/", "pts/", "ptmx", "etc/", "hostname", "hosts", "resolv.conf"]
    page.click("#clear")
    chip(page, "shadowed")
    assert rows(page) == ["/", "dev/", "console", "old"]
    chip(page, "shadowed")
    assert page.locator("#clear").is_hidden()
    assert len(rows(page)) == 38


def test_every_status_has_an_explanation(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    chips = page.locator("#statuses .chip")
    assert chips.count() == len(Status)
    assert all(chip.get_attribute("title") for chip in chips.all())
    expect(page.locator(".legend")).to_contain_text("only in the instance")


def test_search_narrows_while_typing(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    page.keyboard.press("/")
    page.keyboard.type("HOST")
    assert {"hostname", "hosts"} < set(rows(page))
    assert "null" not in rows(page)
    chip(page, "kernel")
    assert rows(page) == []
    assert page.inner_text("#count") == "0 of 26 entries shown"
    page.focus("#search")
    page.keyboard.press("Escape")
    assert len(rows(page)) == 26


def test_keyboard_reaches_everything(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    tree = page.locator("#tree")
    tree.focus()

    def active() -> str:
        name = tree.get_attribute("aria-activedescendant")
        return page.inner_text(f"#{name} .right .name")

    for key, name in (
        ("ArrowDown", "/"), ("ArrowDown", ".dockerenv"), ("ArrowDown", "dev/"),
        ("ArrowRight", "fd"), ("ArrowLeft", "dev/"), ("ArrowLeft", "dev/"), ("ArrowDown", "etc/"),
        ("End", "sys/"), ("Home", "/"), ("PageDown", "sys/"), ("PageUp", "/"),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert active() == name, key
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("#detail h3")).to_have_text("/sys")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#detail h3")).to_have_text("/sleep")  # the explanation follows
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()


def test_closed_directories_show_what_they_hold(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    page.click(f"{row(page, 'dev/')} .right .twist")
    directory = page.locator(row(page, "dev/"))
    expect(directory).to_have_attribute("aria-expanded", "false")
    expect(directory.locator(".holds")).to_have_text("15 inside")
    assert directory.locator(".below i").count() == 3  # devices, filesystems, the kernel's
    page.click("#close-all")
    assert rows(page) == ["/", ".dockerenv", "dev/", "etc/", "proc/", "sleep", "sys/"]
    page.click("#open-all")
    assert len(rows(page)) == 26


def test_experiments_show_commands_to_copy(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()), permissions=["clipboard-read", "clipboard-write"])
    assert page.locator(".check[open]").count() == 3  # what passed is closed
    failed = page.locator(".check.fail")
    expect(failed).to_contain_text("something wrote into the root")
    expect(failed).to_contain_text("docker diff sleep")
    failed.locator(".copy").click()
    expect(failed.locator(".copy")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "echo E07"
    expect(page.locator(".check.error .soft").last).to_have_text("It needs E07.")
    page.click(".check.pass summary")
    expect(page.locator(".check.pass")).to_contain_text("E01 was seen")


def test_copying_works_without_a_clipboard(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()))
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    )
    page.evaluate(
        "() => { document.execCommand = (what) => { document.body.dataset.did = what; }; }"
    )
    page.locator(".check.fail .copy").click()
    expect(page.locator("body")).to_have_attribute("data-did", "copy")


def test_light_and_dark_follow_the_system_and_the_button(show: Show, disk: Disk) -> None:
    def paper(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    report = disk(reports.sleep())
    light, dark = show(report), show(report, color_scheme="dark")
    assert paper(light) != paper(dark)
    light.click("#theme")
    assert paper(light) == paper(dark)
    for _ in range(5):  # Chromium writes down what to remember when it has time
        light.reload()
        if paper(light) == paper(dark):
            break
    assert paper(light) == paper(dark), "remembered"
    light.click("#theme")
    assert paper(light) != paper(dark)


def test_size_button_enlarges_the_page(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    before = page.locator(row(page, "null")).bounding_box()
    page.click("#size")
    after = page.locator(row(page, "null")).bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] > 1.25 * before["height"]


def test_phone_needs_no_sideways_scrolling(show: Show, disk: Disk) -> None:
    page = show(disk(reports.troubled()), viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(row(page, "null")).click()
    page.wait_for_timeout(1000)  # it scrolls smoothly
    detail = page.locator("#detail").bounding_box()
    chosen = page.locator(row(page, "null")).bounding_box()
    assert detail is not None
    assert chosen is not None
    assert chosen["y"] + chosen["height"] <= detail["y"], "the entry stays in sight"
    expect(page.locator("#detail .badge-o .label")).to_be_visible()


def test_ladder_quiz_and_mounts_need_no_sideways_scrolling(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()), viewport={"width": 360, "height": 740})
    page.click("#mounts summary")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_page_names_what_was_not_compared(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    left_out = page.locator(".left-out")
    expect(left_out.locator("summary")).to_have_text("Not compared: times of directories")
    left_out.locator("summary").click()
    expect(left_out).to_contain_text("unpacking touches them")


def test_report_without_rules_or_checks_is_shown(show: Show, disk: Disk) -> None:
    report = reports.sleep(checks=[])
    del report.head["rules"], report.head["not_compared"]  # as the first release wrote it
    page = show(disk(report))
    page.click(row(page, "null"))
    expect(page.locator("#detail")).to_contain_text("oci-device")
    assert page.locator("#experiments").count() == 0


def test_page_without_javascript_shows_the_summary(show: Show, disk: Disk, tmp_path: Path) -> None:
    show(disk(reports.troubled())).close()
    text = (tmp_path / "index.html").read_text("utf-8")
    assert "<noscript>" in text
    assert "something wrote into the root" in text.partition("<script")[0]
