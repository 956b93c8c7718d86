"""Reads and checks all receipts of the lab before anything is changed.

Needs only the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    INDEX,
    ReceiptError,
    read_json,
    remedy,
)

# A type, a value, a list of one shape, a tuple of possible shapes, a dictionary by key ("*": any).
# A key that ends in "?" may be missing.
TEXTS = {"*": str}
SHAPES: tuple[tuple[str, Any], ...] = (
    (
        "before.json",
        {
            "schema?": int,
            "paths?": {"*": ("absent", "empty", "present")},
            "groups?": {"*": bool},
            "units?": {"*": {"*": bool}},
            "sysctls?": TEXTS,
            "interfaces?": [str],
            "firewall?": TEXTS,
            "engine?": {"dockerd?": str, "running?": bool, "*": object},
            "go?": TEXTS,
        },
    ),
    ("packages.json", {"*": ("purge", "remove")}),
    ("packages.pending", (TEXTS, None)),
    (
        "images.json",
        {
            "*": {
                "content": str,
                "id": str,
                "earlier?": [str],
                "context?": str,
                "asked?": str,
                "state?": str,
            }
        },
    ),
    ("engine.json", {"supervisor?": str}),
    ("members-*.json", [str]),
    (
        "file-*.json",
        (
            {
                "content": (str, None),
                "mode": (int, None),
                "uid": (int, None),
                "gid": (int, None),
                "keys": [str],
                "written": str,
            },
            None,
        ),
    ),
    ("files.json", ({"files": [str], "before": [str]}, None)),
    ("decision.json", ({"*": object}, None)),
    (INDEX, [str]),
)
# Written once the lab has begun to change the machine; older versions of the lab kept no index.
FIRST = "before.json"
AFTER_FIRST = ("engine.json", "images.json")


def is_receipt(name: str) -> bool:
    """Return whether the lab writes a receipt of that name."""
    return any(fnmatch(name, pattern) for pattern, _ in SHAPES)


def problems(receipts: Path, traces: Iterable[Path] = ()) -> list[str]:
    """Return what is wrong with the receipts, each with its file and the remedy.

    ``traces`` are files of the lab that are never there without receipts.
    """
    if not receipts.is_dir() or not any(receipts.iterdir()):
        found = [str(path) for path in traces if path.exists()]
        path = receipts / FIRST
        if not found:
            return []
        return [
            f"{receipts} is gone, although the lab was here ({', '.join(found)}): put it back "
            f"from a backup, or run: mkdir -p {receipts} && echo {{}} >{path} (then all that is "
            "on this machine counts as there before the lab)"
        ]
    bad = []
    for path in sorted(receipts.iterdir()):
        shape = next((shape for pattern, shape in SHAPES if fnmatch(path.name, pattern)), None)
        if shape is not None:
            bad += _problem(path, shape)
    return bad + [f"{path} is gone: {remedy(path)}" for path in _gone(receipts)]


def _problem(path: Path, shape: Any) -> list[str]:
    try:
        wrong = misfit(read_json(path, None), shape)
    except ReceiptError as error:
        return [str(error)]
    except OSError as error:
        return [f"{path} cannot be read ({error.strerror}): {remedy(path)}"]
    return [f"{path} is damaged ({wrong}): {remedy(path)}"] if wrong else []


def _gone(receipts: Path) -> list[Path]:
    try:
        listed = read_json(receipts / INDEX, [])
    except ReceiptError:
        listed = []  # named as damaged
    names = {name for name in listed if isinstance(name, str)}
    if any((receipts / name).exists() for name in AFTER_FIRST):
        names.add(FIRST)
    return [receipts / name for name in sorted(names) if not (receipts / name).exists()]


def misfit(value: Any, shape: Any, where: str = "it") -> str:
    """Return what in ``value`` does not have the ``shape``, or nothing."""
    if isinstance(shape, tuple):
        wrong = [misfit(value, one, where) for one in shape]
        if not all(wrong):
            return ""
        inner = [text for text in wrong if f"{where} is " not in text]
        return inner[0] if inner else f"{where} is {_shown(value)}, not {_shown(shape)}"
    if isinstance(shape, list) and isinstance(value, list):
        return _first(misfit(one, shape[0], f"{where}[{n}]") for n, one in enumerate(value))
    if isinstance(shape, dict) and isinstance(value, dict):
        return _misfit_of_keys(value, shape, where)
    if isinstance(shape, type):
        # In JSON, and unlike in Python, true is no number.
        good = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    else:
        good = not isinstance(shape, dict | list) and value == shape
    return "" if good else f"{where} is {_shown(value)}, not {_shown(shape)}"


def _misfit_of_keys(value: dict[str, Any], shape: dict[str, Any], where: str) -> str:
    for key in shape:
        if key[-1] not in "?*" and key not in value:
            return f"{where} has no {key}"
    shapes = {key.removesuffix("?"): inner for key, inner in shape.items()}
    prefix = "" if where == "it" else f"{where}."
    return _first(
        misfit(inner, shapes.get(key, shapes.get("*", object)), prefix + key)
        for key, inner in value.items()
    )


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _shown(one: Any) -> str:
    """Return a value or a shape in words."""
    if isinstance(one, tuple):
        return " or ".join(map(_shown, one))
    types: dict[Any, str] = {str: "a text", int: "a number", bool: "true or false"}
    if isinstance(one, type):
        return types.get(one, "an object")
    if isinstance(one, dict):
        return "an object"
    return "a list" if isinstance(one, list) else json.dumps(one)
