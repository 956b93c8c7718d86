"""The page as a file: complete or not written, the report escaped in it, rows that add up."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import click
import pytest
from tests.browser import reports

from build_zipapp import members
from scratchlab.cli.commands import scratchlab
from scratchlab.cli.report_page import write_report_page
from scratchlab.errors import LabError
from scratchlab.model import Engine, Facts, Host, Origin, Runtime
from scratchlab.render.html import templates
from scratchlab.render.html.compact import RowWriter
from scratchlab.render.words import ORIGINS
from scratchlab.report import write
from scratchlab.report.convert import rules_cited
from scratchlab.report.sections import EntrySection


class Tags(HTMLParser):
    """What a browser sees in a page: tags, attributes, and the links that it fetches."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "link":
            self.links += [value or "" for name, value in attrs if name == "href"]


def run(*arguments: str) -> int:
    status = scratchlab.main([*arguments], standalone_mode=False)
    assert isinstance(status, int)
    return status


def test_command_writes_a_page_and_exits_as_the_report_says(tmp_path: Path) -> None:
    file, html = tmp_path / "report.json", tmp_path / "index.html"
    for report, status in ((reports.sleep(), 0), (reports.troubled(), 1)):
        write(report, str(file))
        assert run("report", str(file), "--html", str(html)) == status
        assert html.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert html.stat().st_mode & 0o777 == 0o644
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index.html", "report.json"]


def test_several_reports_make_the_page_of_a_room(tmp_path: Path) -> None:
    html = tmp_path / "index.html"
    files = [tmp_path / name / "report.json" for name in ("student01", "student02")]
    for file in files:
        file.parent.mkdir()
        write(reports.sleep(), str(file))
    arguments = [*map(str, files), "--html", str(html)]
    assert run("report", *arguments) == 1, "two machines with one host name are disputed"
    assert "student02" in html.read_text("utf-8")
    files[1].write_text("{")
    assert run("report", *arguments) == 1
    assert "damaged" in html.read_text("utf-8")
    with pytest.raises(LabError, match=r"HOST/report\.json"):
        run("report", str(files[0]), str(tmp_path / "other.json"), "--html", str(html))


def test_page_names_the_pages_beside_it(tmp_path: Path) -> None:
    html, file = tmp_path / "index.html", tmp_path / "report.json"
    write(reports.sleep(), str(file))
    links = ["--link", "../index.html=The room", "--link", "worksheet.html=Worksheet"]
    run("report", str(file), "--html", str(html), *links)
    text = html.read_text("utf-8")
    assert '<a class="page" href="../index.html">The room</a>' in text
    assert '<a class="page" href="worksheet.html">Worksheet</a>' in text
    with pytest.raises(click.BadParameter, match="not URL=TITLE"):
        run("report", str(file), "--html", str(html), "--link", "worksheet.html")
    for others in ([], [str(file), "--html", str(html)]):
        with pytest.raises(click.UsageError, match="the page of one report"):
            run("report", str(file), *others, *links)


def test_failed_page_leaves_the_old_one(tmp_path: Path) -> None:
    html = tmp_path / "index.html"
    html.write_text("old")
    broken = reports.sleep()
    del cast("dict[str, Any]", broken.head)["summary"]
    with pytest.raises(Exception, match="summary"):
        write_report_page(broken, str(html))
    assert html.read_text() == "old"
    assert list(tmp_path.iterdir()) == [html]
    with pytest.raises(LabError, match="cannot write"):
        write_report_page(reports.sleep(), str(tmp_path / "no" / "directory.html"))


def test_page_refers_to_nothing_outside_and_escapes_everything(tmp_path: Path) -> None:
    html = tmp_path / "index.html"
    write_report_page(reports.hostile(), str(html))
    text = html.read_text("utf-8")
    assert text.count("<script") == text.count("</script") == 2
    tags = Tags()
    tags.feed(text)
    assert not {"src", "srcset", "action", "background", "onerror"}.intersection(tags.attributes)
    assert tags.names.isdisjoint({"img", "iframe", "object", "form", "base"})
    assert [link[:5] for link in tags.links] == ["data:"]
    assert not re.search(r"url\(|@import", text)
    for raw in ("<img", "\u202e", "\u2028", "\x1b", "\x07"):
        assert raw not in text


def test_rows_hold_what_the_entries_hold() -> None:
    report = reports.troubled()
    rows = RowWriter()
    found = list(rows.entries(report.entries))
    before: list[str] = []
    for row, entry in zip(found, report.entries, strict=True):
        before = [*before[: row[0]], *row[1].split("/")]
        assert "/".join(before) == entry["path"]
        assert rows.texts[row[4]] == (entry["rule"] or "")
        assert [rows.texts[at] for at in row[5][1::2]] == [
            fact["detail"] for fact in entry["evidence"]
        ]
        assert (row[9] is None) == (entry["live"] is None)
    sleep = found[[entry["path"] for entry in report.entries].index("/sleep")]
    assert sleep[9] == 29, "equal to the image's side, on mount 29: written once"


def test_path_that_is_a_prefix_of_the_next_keeps_its_name() -> None:
    side = reports.side("directory", sha256=None)
    paths = ["/", "/a", "/a/b", "/a/b", "/a", "/ab"]
    entries = [cast("EntrySection", reports.entry(path, "kernel", side)) for path in paths]
    rows = RowWriter().entries(entries)
    before: list[str] = []
    for row, path in zip(rows, paths, strict=True):
        before = [*before[: row[0]], *row[1].split("/")]
        assert "/".join(before) == path


def test_every_origin_has_words_and_its_own_sign() -> None:
    assert set(ORIGINS) == set(Origin)
    assert len({words.code for words in ORIGINS.values()}) == len(Origin)
    css = templates.asset("report.css")
    for origin in Origin:
        assert css.count(f"--{origin}: #") == 3, "light, dark, dark of the system"


def test_zipapp_holds_the_assets() -> None:
    package = Path(templates.__file__).parents[1]
    carried = dict(members(package))
    for file in (package / "html").iterdir():
        if file.name == "__pycache__":
            continue
        assert carried[f"html/{file.name}"] == file.read_bytes()


@pytest.mark.parametrize(
    ("facts", "rule", "link"),
    [
        (Facts(engine=Engine(name="docker", version="20.10.24+dfsg1")), "docker-dockerenv",
         "https://github.com/moby/moby/blob/v20.10.24/daemon/initlayer/setup_unix.go"),
        (Facts(engine=Engine(name="docker", version="29.1.3")), "docker-dockerenv",
         "https://github.com/moby/moby/blob/docker-v29.1.3/daemon/initlayer/setup_unix.go"),
        (Facts(engine=Engine(name="docker", version="29.1.3")), "docker-network-files",
         "https://github.com/moby/moby/blob/docker-v29.1.3/daemon/container/container_unix.go"),
        (Facts(runtime=Runtime(name="runc", version="1.1.5+ds1")), "oci-filesystem",
         "https://github.com/opencontainers/runc/blob/v1.1.5/libcontainer/rootfs_linux.go"),
        (Facts(runtime=Runtime(name="crun", version="1.21")), "oci-filesystem",
         "https://github.com/containers/crun/blob/1.21/src/libcrun/linux.c"),
        (Facts(host=Host(kernel="6.12.48-cloud-amd64")), "devpts-node",
         "https://github.com/torvalds/linux/blob/v6.12/fs/devpts/inode.c"),
    ],
)  # fmt: skip
def test_rules_link_their_source_at_the_version_that_ran(
    facts: Facts, rule: str, link: str
) -> None:
    (found,) = rules_cited([rule, rule, "no-such-rule"], facts)
    assert found["source"] == link


def test_data_cannot_end_its_script_block() -> None:
    value = {"</script>": "<!--\u2028&\ud800"}
    text = templates.data(value)
    assert not set("<>&\u2028").intersection(text)
    assert json.loads(text) == value
