"""The switch in each function that has faults: which version of it runs, and whether it was called.

The copies that mutmut writes import this in the place of mutmut's own, which looks at the
environment in each call. Here a function is left as it is, and gets the code of a faulty version:
that costs nothing in a call, and the judge's functions are called a million times in a run.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, FunctionType
from typing import Any

MutantDict = dict[str, FunctionType]
FAULT = "SCRATCHLAB_FAULT"  # variable: function and version, where it has to be there at import
seen: set[str] = set()  # names of the functions that were called while it was watched
_switches: dict[str, tuple[FunctionType, MutantDict]] = {}  # name -> the function, its versions
_names: dict[int, str] = {}  # the number of a code object -> the name of its function


def switched(
    versions: MutantDict, is_classmethod: bool = False
) -> Callable[[FunctionType], Callable[..., Any]]:
    """The decorator that mutmut puts on each function. ``versions`` is filled later."""

    def decorate(function: FunctionType) -> Callable[..., Any]:
        parts = function.__qualname__.split(".")  # mutmut's names: x_NAME, xǁCLASSǁNAME
        mangled = f"x_{parts[0]}" if len(parts) == 1 else "ǁ".join(["x", *parts])
        name = f"{function.__module__}.{mangled}__mutmut"
        _switches[name] = function, versions
        _names[id(function.__code__)] = name
        asked, _, version = os.environ.get(FAULT, "").partition(" ")
        if asked == name:
            return _at_first_call(function, versions, version, is_classmethod=is_classmethod)
        return function

    return decorate


def _at_first_call(
    function: FunctionType, versions: MutantDict, version: str, *, is_classmethod: bool
) -> Callable[..., Any]:
    """``function`` as its ``version``, which may not be there before its module is imported."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        faulty = versions[version]
        if is_classmethod:
            return getattr(args[0], faulty.__name__)(*args[1:], **options)
        return faulty(*args, **options)

    return call


def choose(name: str, version: str) -> None:
    """Let the function (module and mutmut's name of it) be its ``version`` from now on."""
    function, versions = _switches[name]
    faulty = getattr(versions[version], "__func__", versions[version])  # that of a class method
    function.__code__ = faulty.__code__
    function.__defaults__ = faulty.__defaults__
    function.__kwdefaults__ = faulty.__kwdefaults__


@contextmanager
def watched() -> Iterator[None]:
    """Add to ``seen`` what is called meanwhile, in every thread."""

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and (name := _names.get(id(frame.f_code))):
            seen.add(name)

    threading.settrace(note)
    sys.settrace(note)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)
