"""The documents: parts made from the program, links, commands that exist, a README to read."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from tests import documents
from tests.commands import classes, written

from scratchlab.classroom.roster import read_roster
from scratchlab.cli.commands import scratchlab
from scratchlab.report.policy import file as policy_file

ROOT = documents.ROOT
TRACKED = subprocess.run(
    ["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split("\0")
PAGES = [name for name in TRACKED if name]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
MADE = {"docs/injections.md"}  # by tests.matrix


def blocks(text: str) -> Iterator[str]:
    """The lines of all code blocks, continued ones joined, without comments."""
    inside = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside or line.startswith("    "):
            yield re.sub(r"\s+#\s.*", "", line).strip()


def commands(text: str) -> Iterator[str]:
    """The commands of the lab in code blocks and in backticks."""
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    for line in [*blocks(text), *quoted]:
        found = re.match(r"(?:\$ )?(?:sudo )?(scratchlab|\./lab)(?=\s|$)", line)
        if found:
            yield line[found.start(1) :]


@pytest.mark.parametrize("name", documents.PARTS)
def test_made_parts_are_up_to_date(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    parts = documents.PARTS[name]
    assert documents.renewed(text, parts) == text, "PYTHONPATH=scripts python3 -m tests.documents"


def test_a_part_that_is_out_of_date_is_found() -> None:
    text = "<!-- claims: begin -->\noutdated\n<!-- claims: end -->\nmore\n"
    renewed = documents.renewed(text, {"claims": documents.claims})
    assert "outdated" not in renewed
    assert renewed.endswith("<!-- claims: end -->\nmore\n")
    with pytest.raises(ValueError, match="no part claims"):
        documents.renewed("", {"claims": documents.claims})


def test_a_bar_ends_no_cell() -> None:
    assert documents.table(("a",), [("x | y\nz",)]).splitlines()[-1] == "| x \\| y z |"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name}: {link}"
        assert target.is_relative_to(ROOT), f"{name}: {link}"
        assert not anchor or anchor in anchors(target), f"{name}: {link}"


@pytest.mark.parametrize("name", PAGES)
def test_commands_exist(name: str) -> None:
    for command in commands((ROOT / name).read_text("utf-8")):
        assert problem(command) == "", f"{name}: {command}"


@pytest.mark.parametrize(
    "command",
    ["scratchlab verfy A", "scratchlab verify --jsn FILE", "./lab destry", "scratchlab exercise x"],
)
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    assert problem(command)


def problem(command: str) -> str:
    """What is wrong with the verb or the options of a command; nothing if they exist."""
    try:
        typed = re.split(r"[|;>&]|\s{2,}", command)[0]
        words = shlex.split(typed.replace("[", " ").replace("]", " "))
    except ValueError:
        return ""  # a part of a longer line, in which a quote is open
    if words[0] == "./lab":
        verbs = re.search(r"^    (lab \| .*)\) verb=", (ROOT / "lab").read_text(), re.M)
        assert verbs
        known = {*verbs.group(1).split(" | "), "help"}
        verb = words[1] if len(words) > 1 and words[1].islower() else "lab"
        return "" if verb.startswith("-") or verb in known else f"no verb {verb}"
    known_command: click.Command = scratchlab
    options = option_names(known_command)
    for word in words[1:]:
        if isinstance(known_command, click.Group) and word[:1].islower():
            found = known_command.get_command(click.Context(known_command), word)
            if found is None:
                return f"no command {word}"
            known_command = found
            options |= option_names(found)
        elif word.startswith("--") and word.partition("=")[0] not in options:
            return f"no option {word}"
    return ""


def option_names(command: click.Command) -> set[str]:
    return {"--help", *(name for one in command.params for name in one.opts)}


def unclassed(known: list[str], printed: list[str]) -> list[str]:
    """What is wrong with the table: a line for each command."""
    twice = sorted({command for command in known if known.count(command) > 1})
    return [
        *(f"twice in classes.toml: {command}" for command in twice),
        *(f"not in classes.toml: {one}" for one in dict.fromkeys(printed) if one not in known),
        *(f"in no document: {command}" for command in known if command not in printed),
    ]


def test_each_command_has_one_class_and_each_class_a_command() -> None:
    known = classes.read(classes.FILE.read_text("utf-8")).commands()
    assert unclassed(known, [one.command for one in written.everything()]) == []


def test_a_command_without_a_class_and_a_class_without_a_command_are_found() -> None:
    assert unclassed(["a", "b", "b"], ["a", "c"]) == [
        "twice in classes.toml: b",
        "not in classes.toml: c",
        "in no document: b",
        "in no document: b",
    ]


@pytest.mark.parametrize("name", sorted({*PAGES} - MADE))
def test_lines_of_prose_are_short(name: str) -> None:
    """But for tables, code, pictures and what is one word for a formatter, such as a link."""
    prose = re.sub(r"^```.*?^```|^<!-- .*?$|^(\s*\||!|    |<).*?$", "",
                   (ROOT / name).read_text("utf-8"), flags=re.M | re.S)  # fmt: skip
    long = [line for line in prose.splitlines() if len(line) > documents.WIDTH]
    assert [line for line in long if not re.search(r"\]\(\S+\)|`[^`]{40,}`", line)] == []


def test_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) < 120
    assert [line for line in lines if len(line) > documents.WIDTH] == []


def test_examples_are_what_they_say() -> None:
    inventory = yaml.safe_load((ROOT / "examples/classroom.yml").read_text("utf-8"))
    hosts = list(inventory["all"]["hosts"])
    roster = read_roster(str(ROOT / "examples/roster.csv"), hosts)
    assert [roster.of(host).name for host in hosts] == ["Ada Lovelace", "Grace Hopper",
                                                             "Edsger Dijkstra"]  # fmt: skip
    assert policy_file.read(str(ROOT / "examples/nginx-policy.yml"))
    workflow = yaml.safe_load((ROOT / "examples/verify-compose.yml").read_text("utf-8"))
    for step in workflow["jobs"]["verify"]["steps"]:
        command = step.get("run", "").removeprefix("sudo ")
        assert not command.startswith("scratchlab") or problem(command) == ""
