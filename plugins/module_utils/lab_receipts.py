"""Reads and checks all receipts of the lab before anything is changed.

Needs only the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import (
    INDEX,
    ReceiptError,
    read_json,
    remedy,
)

# A type; a list of one shape; a tuple of the possible values; a dictionary of keys, "*" for any.
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
    ("packages.pending", TEXTS),
    ("images.json", {"*": {"content": str, "id": str, "earlier?": [str]}}),
    ("engine.json", {"supervisor?": str}),
    ("members-*.json", [str]),
    (
        "file-*.json",
        {
            "content": (str, None),
            "mode": (int, None),
            "uid": (int, None),
            "gid": (int, None),
            "keys": [str],
            "written": str,
        },
    ),
    ("files.json", {"files": [str], "before": [str]}),
    ("decision.json", {"*": object}),
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
            f"from a backup, or run: mkdir -p {receipts} && echo '{{}}' >{path} (then all that is "
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
    match shape:
        case type():
            # In JSON, and unlike in Python, true is no number.
            good = isinstance(value, shape) and (shape is not int or not isinstance(value, bool))
            return "" if good else f"{where} is {_kind(value)}, not {_article(shape)}"
        case tuple():
            if any(_is_one_of(value, one) for one in shape):
                return ""
            return f"{where} is {_kind(value)}, not {' or '.join(map(_article, shape))}"
        case list():
            if not isinstance(value, list):
                return f"{where} is {_kind(value)}, not a list"
            inner = (misfit(one, shape[0], f"{where}[{n}]") for n, one in enumerate(value))
            return next(filter(None, inner), "")
    if not isinstance(value, dict):
        return f"{where} is {_kind(value)}, not an object"
    missing = [key for key in shape if key[-1] not in "?*" and key not in value]
    if missing:
        return f"{where} has no {missing[0]}"
    known = {key.removesuffix("?"): inner for key, inner in shape.items()}
    for key, inner_value in value.items():
        inner_shape = known.get(key, known.get("*", object))
        wrong = misfit(inner_value, inner_shape, key if where == "it" else f"{where}.{key}")
        if wrong:
            return wrong
    return ""


def _is_one_of(value: Any, one: Any) -> bool:
    if isinstance(one, type):
        return isinstance(value, one) and not isinstance(value, bool)
    return type(value) is type(one) and bool(value == one)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def _article(shape: Any) -> str:
    names = {dict: "an object", str: "a text", bool: "true or false", int: "a number"}
    return names.get(shape, "null" if shape is None else repr(shape))
