"""What the documents print: commands, the output that stands below them, and playbooks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# CHANGELOG.md tells of the past, and tests.matrix writes docs/injections.md.
NOT_READ = ("CHANGELOG.md", "docs/injections.md")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_PROMPT = re.compile(r"(?:\$|\w+#) ")
_COMMENT = re.compile(r"\s+#\s.*|^#.*")
_CELL = re.compile(r"`(?:sudo )?((?:scratchlab|\./lab) [^`]+)`")


@dataclass(frozen=True)
class Written:
    """A command, the document that prints it, and the lines of output below it there."""

    document: str
    command: str
    output: tuple[str, ...] = ()


def names() -> list[str]:
    """The documents whose commands are known, as paths from the top of the repository."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split("\0") if name and name not in NOT_READ]


def everything() -> list[Written]:
    """All commands of all documents, in their order."""
    return [one for name in names() for one in commands(name, (ROOT / name).read_text("utf-8"))]


def commands(document: str, text: str) -> Iterator[Written]:
    """The commands in code blocks without a language, and the table cells that are a command.

    A block with a prompt (`$` or `desk01#`) is a transcript: what has none is output.
    """
    for language, block in _FENCE.findall(text):
        if not language:
            lines = block.replace("\\\n", " ").splitlines()
            if any(map(_PROMPT.match, lines)):
                yield from _transcript(document, lines)
            else:
                yield from (Written(document, one) for one in map(_command, lines) if one)
    for row in re.findall(r"^\|(.*)\|$", text, re.M):
        for cell in re.split(r"(?<!\\)\|", row):
            if found := _CELL.fullmatch(cell.strip()):
                yield Written(document, found[1])


def _transcript(document: str, lines: Iterable[str]) -> Iterator[Written]:
    command, output = "", list[str]()
    for line in [*lines, "$ "]:
        prompt = _PROMPT.match(line)
        if not prompt:
            output.append(line)
            continue
        if command:
            yield Written(document, command, tuple(output))
        command, output = _command(line[prompt.end() :]), []


def _command(line: str) -> str:
    """The line without its comment, and without `sudo`: the stage is root."""
    return _COMMENT.sub("", line).strip().removeprefix("sudo ")


def playbooks() -> Iterator[tuple[str, str]]:
    """The playbooks that documents print, each with its document."""
    for name in names():
        for language, block in _FENCE.findall((ROOT / name).read_text("utf-8")):
            if language == "yaml" and re.search(r"^[- ] hosts:", block, re.M):
                yield name, block


def without_numbers(text: str) -> str:
    """What two runs of a command print alike: the words, without digits and line breaks."""
    return f" {' '.join(re.sub(r'[0-9][0-9,.]*', '0', text).split())} "


def missing(shown: Iterable[str], printed: str) -> list[str]:
    """The lines of ``shown`` that ``printed`` does not have, in their order, but for numbers and
    for where a line is wrapped. A line that begins with `...` stands for any number of lines."""
    rest, absent = without_numbers(printed), []
    for line in shown:
        wanted = without_numbers(line)
        if not line.strip() or line.strip().startswith("..."):
            continue
        if wanted in rest:
            rest = f" {rest.partition(wanted)[2]}"
        else:
            absent.append(line)
    return absent
