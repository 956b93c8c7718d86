"""Checks of the program: is it there, can it be started, what does it need? (E04)"""

from __future__ import annotations

import os
import stat

from scratchlab.experiments.e04_static_program import read_elf
from scratchlab.learn.desk import Desk, words_of
from scratchlab.learn.grading import Outcome, Said
from scratchlab.learn.steps import Step

STATIC, DYNAMIC = "static", "dynamic"


def program(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """The source, and the program that was built from it: an ELF file that may be executed."""
    directory, file = str(step.options["directory"]), str(step.options["file"])
    source = str(step.options["source"])
    values = {"path": desk.path(directory, file), "source": desk.path(directory, source)}
    if desk.read_text(directory, source) is None:
        return Outcome((Said("no-source", False, values),))
    status = desk.status(directory, file)
    if status is None or not stat.S_ISREG(status.st_mode):
        return Outcome((Said("source", True, values), Said("no-program", False, values)))
    said = [Said("source", True, values)]
    what, problem = _linked(desk, directory, file)
    if what is None:
        return Outcome((*said, Said("no-elf", False, {**values, "problem": problem})))
    if not status.st_mode & stat.S_IXOTH:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return Outcome((*said, Said("no-exec", False, {**values, "mode": mode})))
    return Outcome((*said, Said("program", True, {**values, "size": f"{status.st_size:,}"})))


def static(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """Static or dynamic? The program headers of the file decide; it has to be static."""
    directory, file = str(step.options["directory"]), str(step.options["file"])
    values = {"path": desk.path(directory, file)}
    if desk.status(directory, file) is None:
        return Outcome((Said("no-program", False, values),), counts=False)
    what, detail = _linked(desk, directory, file)
    if what is None:
        return Outcome((Said("no-elf", False, {**values, "problem": detail}),), counts=False)
    given = [word.lower() for word in words_of(words)]
    if given not in ([STATIC], [DYNAMIC]):
        return Outcome((Said("no-answer", False, values),), counts=False)
    if given != [what]:
        return Outcome((Said("wrong", False, values),), answer=what)
    if what == DYNAMIC:  # the answer is right, and the program is not what the next step needs
        said = Said("dynamic", False, {**values, "interpreter": detail or "a linker"})
        return Outcome((said,), counts=False)
    return Outcome((Said("right", True, values),), answer=what)


def _linked(desk: Desk, directory: str, file: str) -> tuple[str | None, str]:
    """``static`` or ``dynamic``, with the interpreter; None with the problem."""
    with desk.student.rights():
        try:
            fd = os.open(desk.path(directory, file), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(fd, "rb") as opened:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    return None, "it is not a regular file"
                elf = read_elf(opened)
        except ValueError as error:
            return None, str(error)
        except OSError as error:
            return None, str(error.strerror)
    if elf.interpreter is None and not elf.dynamic:
        return STATIC, ""
    return DYNAMIC, elf.interpreter or ""
