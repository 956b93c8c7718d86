"""The check of a Dockerfile FROM scratch; it needs no engine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from scratchlab.learn.desk import Desk
from scratchlab.learn.grading import Outcome, Said
from scratchlab.learn.steps import Step
from scratchlab.text import visible


def dockerfile(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """A Dockerfile FROM scratch that copies one file, and that file beside it."""
    return Outcome(tuple(_dockerfile(desk, step)))


def _dockerfile(desk: Desk, step: Step) -> Iterator[Said]:
    directory, file = str(step.options["directory"]), str(step.options["file"])
    where = {"path": desk.path(directory)}
    if desk.status(directory) is None:
        yield Said("no-directory", False, where)
        return
    text = desk.read_text(directory, "Dockerfile")
    if text is None:
        yield Said("no-dockerfile", False, where)
        return
    lines = [line.split() for line in _instructions(text)]
    bases = [words[1] for words in lines if words[0].upper() == "FROM" and len(words) > 1]
    base = bases[-1] if bases else ""
    if base != "scratch":
        yield Said("wrong-base", False, {"base": visible(base) or "nothing"})
    else:
        yield Said("base", True)
    copied = [words[1:] for words in lines if words[0].upper() in ("COPY", "ADD")]
    if not any(file in [os.path.normpath(name) for name in names[:-1]] for names in copied):
        yield Said("no-copy", False, {"file": file})
    yield from _file(desk, directory, file)


def _instructions(text: str) -> Iterator[str]:
    """The instructions of a Dockerfile, one a line: without comments, with lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def _file(desk: Desk, directory: str, file: str) -> Iterator[Said]:
    status = desk.status(directory, file)
    values = {"path": desk.path(directory, file), "file": file}
    if status is None or not stat.S_ISREG(status.st_mode):
        yield Said("no-file", False, values)
    elif status.st_size:
        yield Said("not-empty", False, {**values, "size": str(status.st_size)})
    elif stat.S_IMODE(status.st_mode) != 0o644:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        yield Said("mode", False, {**values, "mode": mode})
    else:
        yield Said("file", True, values)
