"""The table of experiments: its rows (from table.toml), their checks, and the README's copy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from string import Template

from scratchlab.labels import Names
from scratchlab.model import Check, Json, Verdict
from scratchlab.remedy import NOTHING, Command, Mendable, Remedy, Step, lab
from scratchlab.text import printable


@dataclass(frozen=True, slots=True)
class Explanation(Mendable):
    """Why an experiment failed or was skipped, and what the reader can do about it."""

    cause: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Experiment:
    """One row of the table. Its texts are templates: ``${container}`` is filled in by a check.

    ``module`` is the file of this package that probes and judges. ``command`` is what a person
    types, ``article`` what the article of 2017 saw. ``today``, ``fault`` and ``skip`` explain, by
    key, why a passing answer differs from the article's, why an answer fails, and why a machine
    cannot give one. ``timeout`` bounds the probe, in seconds. An experiment is run only once those
    that it ``depends_on`` have passed. ``after`` and ``after_command`` give the reasons, by id, why
    another one, or its command as it is typed, has to end before, whatever its outcome: the two
    would disturb each other. Whatever is not named here may run at the same time.
    """

    id: str
    module: str
    title: str
    claim: str
    command: str
    article: str
    expected: str
    timeout: float
    depends_on: tuple[str, ...] = ()
    after: Mapping[str, str] = field(default_factory=dict)
    after_command: Mapping[str, str] = field(default_factory=dict)
    today: Mapping[str, str] = field(default_factory=dict)
    fault: Mapping[str, Explanation] = field(default_factory=dict)
    skip: Mapping[str, Explanation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExperimentOutcome:
    """A judge's decision.

    ``fault`` is a key of the experiment's faults (None: passed), ``skip`` a key of the reasons why
    this machine cannot answer (None: it can), ``today`` are keys of the differences from 2017.
    ``expected`` replaces the table's text if the judge has a more exact one. ``placeholders`` holds
    values for the table's templates.
    """

    observed: str
    fault: str | None = None
    today: tuple[str, ...] = ()
    expected: str = ""
    placeholders: Mapping[str, str] = field(default_factory=dict)
    skip: str | None = None


_NOT_TEXT = {"depends_on", "fault", "skip"}  # keys of the file that need a conversion


def _read_table() -> tuple[Experiment, ...]:
    data = tomllib.loads(resources.files(__package__).joinpath("table.toml").read_text("utf-8"))
    return tuple(
        Experiment(
            **{key: value for key, value in item.items() if key not in _NOT_TEXT},
            depends_on=tuple(item.get("depends_on", ())),
            fault={key: _explanation(texts) for key, texts in item.get("fault", {}).items()},
            skip={key: _explanation(texts) for key, texts in item.get("skip", {}).items()},
        )
        for item in data["experiment"]
    )


def _explanation(texts: Json) -> Explanation:
    return Explanation(texts["cause"], Remedy(tuple(map(_step, texts["help"]))))


def _step(item: str | Json) -> Step:
    """A step of ``help``: a sentence, or ``say`` with commands: ``run``, calls of ``lab``."""
    if isinstance(item, str):
        return Step(item)
    run, calls = (_texts(item.get(key, ())) for key in ("run", "lab"))
    return Step(item["say"], (*map(Command, run), *lab(*calls)))


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


EXPERIMENTS = _read_table()


def fill_template(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its ``${name}`` replaced; a name without a value stays as it is."""
    return Template(text).safe_substitute(values)


def check_of_outcome(experiment: Experiment, outcome: ExperimentOutcome, names: Names) -> Check:
    """The check of ``experiment`` for a judge's ``outcome``, with every text filled in."""
    values = {**names.placeholders(), **outcome.placeholders}
    if outcome.fault is not None:
        verdict, explanation = Verdict.FAIL, experiment.fault[outcome.fault]
    elif outcome.skip is not None:
        verdict, explanation = Verdict.SKIP, experiment.skip[outcome.skip]
    else:
        today = " ".join(experiment.today[key] for key in outcome.today)
        verdict, explanation = Verdict.PASS, Explanation(today, NOTHING)
    return check_of_verdict(
        experiment,
        verdict,
        names,
        observed=outcome.observed,
        expected=outcome.expected or fill_template(experiment.expected, values),
        cause=fill_template(explanation.cause, values),
        advice=explanation.remedy.filled(lambda text: fill_template(text, values)),
    )


def check_of_verdict(
    experiment: Experiment,
    verdict: Verdict,
    names: Names,
    *,
    observed: str,
    expected: str = "",
    cause: str = "",
    advice: Remedy = NOTHING,
) -> Check:
    """The check of ``experiment`` for a ``verdict`` that no judge gave. Its texts are printable."""
    values = names.placeholders()
    return Check(
        id=experiment.id,
        title=fill_template(experiment.title, values),
        verdict=verdict,
        claim=fill_template(experiment.claim, values),
        command=fill_template(experiment.command, values),
        observed=printable(observed),
        expected=printable(expected or fill_template(experiment.expected, values)),
        cause=printable(cause),
        remedy=advice.filled(printable),
        depends_on=experiment.depends_on,
        article=fill_template(experiment.article, values),
    )
