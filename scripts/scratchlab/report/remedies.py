"""The remedy of a check in a report, which may be older than this program, or forged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from scratchlab.remedy import Remedy, Step, advise, harmless, lab, of_section
from scratchlab.report.sections import CheckSection

MOST = 12  # steps of a remedy, and commands of a step
# How older programs named ./lab in their sentences.
_OLD_CALL = re.compile(r"\./lab(?: reset)?(?: --tags \w+)?(?: -e lab_patience=\d+)?(?: && \./lab)?")
_AROUND = " :;,.()"


def remedy_of(check: CheckSection, clean: Callable[[str], str] = str) -> Remedy:
    """The remedy of ``check``, every text passed through ``clean``.

    A command that could do harm where it is read becomes a part of its sentence.
    """
    if "remedy" not in check:
        return _of_old_help(check["help"]).filled(clean)
    steps = of_section(cast("list[dict[str, Any]]", check["remedy"][:MOST])).steps
    return Remedy(tuple(map(_harmless, steps))).filled(clean)


def _harmless(step: Step) -> Step:
    kept = tuple(command for command in step.commands[:MOST] if harmless(command))
    told = [command.text for command in step.commands[:MOST] if not harmless(command)]
    return Step(": ".join(filter(None, (step.text, *told))), kept)


def _of_old_help(text: str) -> Remedy:
    """A sentence in which ``./lab`` is named, as steps; any other as it is."""
    steps, at = [], 0
    for match in _OLD_CALL.finditer(text):
        calls = [call.removeprefix("./lab").strip() for call in match[0].split(" && ")]
        steps.append(Step(text[at : match.start()].strip(_AROUND), lab(*calls)))
        at = match.end()
    if not steps:
        return advise(text)
    rest = text[at:].lstrip(_AROUND)
    return Remedy((*steps, *([Step(rest)] if rest else [])))
