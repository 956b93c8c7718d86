"""Checks of a live root: predicted, looked at, and explained by the verifier."""

from __future__ import annotations

from scratchlab.learn.checks.containers import container_runs
from scratchlab.learn.desk import Desk, Root, words_of
from scratchlab.learn.grading import Outcome, Said
from scratchlab.learn.steps import Step
from scratchlab.model import Origin
from scratchlab.render.words import ORIGINS
from scratchlab.text import visible


def maker(origin: Origin) -> str:
    """Who stands behind an origin, in one word: image, engine, runtime, kernel, ..."""
    return ORIGINS[origin].who.split()[-1]


def _root(desk: Desk, step: Step) -> Root | Outcome:
    """The root of the step's container; the outcome where it does not run."""
    name = desk.named(str(step.options["container"]))
    there = container_runs(desk, name, desk.named(str(step.options["image"])))
    return desk.root(name) if there.right else Outcome((there,), counts=False)


def predict(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """What the root will hold. Whatever is said is kept; what comes true counts."""
    root = _root(desk, step)
    if isinstance(root, Outcome):
        return root
    given = set(words_of(words)) - {"/"}
    if not given:
        return Outcome((Said("no-answer", False),), counts=False)
    true = set(root.names())
    part = len(given & true) / len(given | true)
    kept = {"given": " ".join(sorted(map(visible, given)))}
    return Outcome((Said("right", True, {"count": str(len(given))}),), part=part, kept=kept)


def look(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """The names in the root that the image does not have."""
    root = _root(desk, step)
    if isinstance(root, Outcome):
        return root
    true = {name for name in root.names() if f"/{name}" not in root.image}
    predicted = desk.store.kept(str(step.options.get("prediction", "")), "given").split()
    outcome = _compare(true, words)
    if outcome.right and predicted:
        every = set(root.names())
        values = {
            "came": _listed(set(predicted) & every), "not": _listed(set(predicted) - every),
            "more": _listed(every - set(predicted)),
        }  # fmt: skip
        said = (*outcome.said, Said("prediction", True, values))
        return Outcome(said, answer=outcome.answer)
    return outcome


def names(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """The names in a directory of the live root."""
    root = _root(desk, step)
    if isinstance(root, Outcome):
        return root
    return _compare(set(root.names(str(step.options["path"]))), words)


def _compare(true: set[str], words: tuple[str, ...]) -> Outcome:
    given = set(words_of(words))
    if not given:
        return Outcome((Said("no-answer", False),), counts=False)
    answer = " ".join(sorted(true))
    if given == true:
        return Outcome((Said("right", True, {"count": str(len(true))}),), answer=answer)
    said = []
    if given - true:
        said.append(Said("not-there", False, {"names": _listed(given - true)}))
    if true - given:
        said.append(Said("missing", False, {"count": str(len(true - given))}))
    return Outcome(tuple(said), answer=answer)


def makers(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """Who made each name in the root: NAME=MAKER, judged by the evidence of the verifier."""
    root = _root(desk, step)
    if isinstance(root, Outcome):
        return root
    true = {name: maker(finding.origin) for name, finding in root.names().items()}
    pairs = [word.partition("=") for word in words_of(words)]
    given = {name.strip("/"): who.lower() for name, sign, who in pairs if sign}
    known = {maker(origin) for origin in ORIGINS}
    odd = sorted(who for who in given.values() if who not in known)
    if not given or odd:
        values = {
            "odd": visible(odd[0]) if odd else "nothing",
            "known": "image engine runtime kernel",
        }
        return Outcome((Said("no-answer", False, values),), counts=False)
    wrong = {name for name, who in given.items() if true.get(name) not in (who, None)}
    strange = set(given) - set(true)
    left = set(true) - set(given)
    answer = " ".join(f"{name}={who}" for name, who in sorted(true.items()))
    said = [
        Said(key, False, {"names": _listed(group)})
        for key, group in (("wrong", wrong), ("not-there", strange), ("left-out", left))
        if group
    ]
    return Outcome(tuple(said) or (Said("right", True),), answer=answer)


def _listed(items: set[str]) -> str:
    return ", ".join(sorted(map(visible, items))) or "nothing"
