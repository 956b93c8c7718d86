"""The table of experiments, read from table.toml: text is data, the code only picks keys."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from string import Template

from scratchlab.labels import Names
from scratchlab.model import Check, Verdict
from scratchlab.text import printable


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an experiment can fail or be skipped: why, and the act that mends it."""

    cause: str
    help: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """One row of the table. Texts are templates over :class:`Names` (``${container}``).

    ``module`` is the file of this package that probes and judges; ``article`` is what the article
    of 2017 saw; ``today`` says why a passing answer differs from 2017, by key; ``skip`` says why
    it cannot be tried on a machine; ``timeout`` is in seconds and bounds the probe;
    ``needs_host``: it looks at the machine that runs the engine, which an API does not show.
    ``side_by_side``: neighbours in the table that say so run at the same time, because none of
    them disturbs another or depends on one.
    """

    id: str
    module: str
    title: str
    claim: str
    command: str
    article: str
    expected: str
    timeout: float
    needs_host: bool = False
    side_by_side: bool = False
    depends_on: tuple[str, ...] = ()
    today: Mapping[str, str] = field(default_factory=dict)
    fault: Mapping[str, Fault] = field(default_factory=dict)
    skip: Mapping[str, Fault] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExperimentOutcome:
    """What a judge decided: ``fault`` is a key of the experiment's faults, None means passed.

    ``skip`` is a key of the reasons for which this machine cannot answer, None means it can.
    ``today`` are keys of the experiment's differences from 2017. ``expected`` replaces the
    table's sentence where it can be said more exactly. ``words`` fill the templates.
    """

    observed: str
    fault: str | None = None
    today: tuple[str, ...] = ()
    expected: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    skip: str | None = None


def check(experiment: Experiment, outcome: ExperimentOutcome, names: Names) -> Check:
    """The check that ``outcome`` makes of ``experiment``, with every text filled in."""
    words = {**names.words(), **outcome.words}
    verdict, told = Verdict.PASS, None
    if outcome.fault is not None:
        verdict, told = Verdict.FAIL, experiment.fault[outcome.fault]
    elif outcome.skip is not None:
        verdict, told = Verdict.SKIP, experiment.skip[outcome.skip]
    if told is None:
        cause = " ".join(fill(experiment.today[key], words) for key in outcome.today)
        advice = ""
    else:
        cause, advice = fill(told.cause, words), fill(told.help, words)
    return row(
        experiment,
        verdict,
        names,
        observed=outcome.observed,
        expected=outcome.expected or fill(experiment.expected, words),
        cause=cause,
        advice=advice,
    )


def row(
    experiment: Experiment,
    verdict: Verdict,
    names: Names,
    *,
    observed: str,
    expected: str = "",
    cause: str = "",
    advice: str = "",
) -> Check:
    """A check of ``experiment`` with the verdict given; texts are made safe to print."""
    words = names.words()
    return Check(
        id=experiment.id,
        title=fill(experiment.title, words),
        verdict=verdict,
        claim=fill(experiment.claim, words),
        command=fill(experiment.command, words),
        observed=printable(observed),
        expected=printable(expected or fill(experiment.expected, words)),
        cause=printable(cause),
        help=printable(advice),
        depends_on=experiment.depends_on,
    )


def fill(text: str, words: Mapping[str, str]) -> str:
    """``text`` with its ``${name}`` replaced; a name without a value stays as it is."""
    return Template(text).safe_substitute(words)


_MADE = {"depends_on", "fault", "skip"}  # what is more than text in the file


def _read() -> tuple[Experiment, ...]:
    data = tomllib.loads(resources.files(__package__).joinpath("table.toml").read_text("utf-8"))
    return tuple(
        Experiment(
            **{key: value for key, value in item.items() if key not in _MADE},
            depends_on=tuple(item.get("depends_on", ())),
            fault={key: Fault(**texts) for key, texts in item.get("fault", {}).items()},
            skip={key: Fault(**texts) for key, texts in item.get("skip", {}).items()},
        )
        for item in data["experiment"]
    )


EXPERIMENTS = _read()


# The experiments as documentation: the README's table, made from the table that is run.


# The README holds the table between these two lines; a test compares it with what is made here.
BEGIN, END = "<!-- experiments: begin -->", "<!-- experiments: end -->"


def markdown(table: Iterable[Experiment] = EXPERIMENTS, names: Names | None = None) -> str:
    """The experiments as a table in Markdown, one row each, with a newline at the end."""
    words = (names or Names()).words()
    rows = [
        (e.id, fill(e.claim, words), _code(fill(e.command, words)), fill(e.article, words))
        for e in table
    ]
    head = ("ID", "Claim", "Command a person types", "What the article saw in 2017")
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def in_sync(text: str) -> bool:
    """Whether ``text`` (a README) holds the table of today between its two marks."""
    return f"{BEGIN}\n{markdown()}{END}\n" in text


def _code(command: str) -> str:
    return f"`{command}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
