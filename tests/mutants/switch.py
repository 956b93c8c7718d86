"""The switch in each function that has faults: which version of it runs, and who called it.

The copies that mutmut writes import this in the place of mutmut's own, which looks at the
environment in each call.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

MutantDict = dict[str, Callable[..., Any]]
FAULT = "SCRATCHLAB_FAULT"  # variable: function and version, where it has to be there at import
seen: set[str] = set()  # names of the functions that were called
_cells: dict[str, tuple[MutantDict, list[str]]] = {}  # name of a function -> versions, chosen


def choose(function: str, version: str) -> None:
    """Let ``function`` (module and mutmut's name of it) be its ``version`` from now on."""
    _cells[function][1][0] = version


def switched(
    versions: MutantDict, is_classmethod: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorator that mutmut puts on each function. ``versions`` is filled later."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        chosen = ["_mutmut_orig"]
        name = ""

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            nonlocal name
            if not name:
                original = versions["_mutmut_orig"]
                name = f"{original.__module__}.{original.__name__.removesuffix('_orig')}"
                _cells[name] = versions, chosen
                function_asked, _, version_asked = os.environ.get(FAULT, "").partition(" ")
                if function_asked == name:
                    chosen[0] = version_asked
            seen.add(name)
            version = versions[chosen[0]]
            if is_classmethod:
                return getattr(args[0], version.__name__)(*args[1:], **options)
            return version(*args, **options)

        return call

    return decorate
