"""The checks of the steps, by the name that a step's file gives.

Each takes the desk, the step and the words of the answer, looks at the live system, and returns an
outcome. None writes anything. Raises LabError where it cannot look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import cast

from scratchlab.errors import LabError
from scratchlab.learn.desk import Desk
from scratchlab.learn.grading import Outcome
from scratchlab.learn.steps import Step

Check = Callable[[Desk, Step, tuple[str, ...]], Outcome]

# Name of the check -> module of this package that defines it under the same name.
CHECKS: Mapping[str, str] = {
    "reserved": "images",
    "dockerfile": "dockerfiles",
    "image": "images",
    "archive": "images",
    "program": "programs",
    "static": "programs",
    "running": "containers",
    "process": "containers",
    "vanished": "containers",
    "limits": "containers",
    "predict": "roots",
    "look": "roots",
    "makers": "roots",
    "names": "roots",
    "quiz": "results",
    "exercise": "results",
}


def find_check(step: Step) -> Check:
    """The check of ``step``. Raises LabError for a name that no module has."""
    if step.check not in CHECKS:
        remedy = f"choose from {', '.join(CHECKS)}"
        raise LabError(f"the step {step.id} names an unknown check: {step.check}", remedy)
    module = import_module(f"{__name__}.{CHECKS[step.check]}")
    return cast(Check, getattr(module, step.check))
