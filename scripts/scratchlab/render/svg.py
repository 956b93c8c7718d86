"""The ladder or the time-lapse as one picture, drawn from what the report holds."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import TextIO

from jinja2 import Environment

from scratchlab.model import Json

_ROW, _COLUMN, _MARGIN, _TOP, _WORDS = 24, 62, 24, 190, 330
# Dark enough on white for small text (contrast of 4.5 and more), and told apart without colour
# by the words beside them.
_COLORS = {
    "image": "#1a7f37",
    "kernel": "#57606a",
    "runtime": "#0a6b84",
    "containerd": "#8250df",
    "engine": "#9a6700",
    "": "#57606a",
}
_BY_ORIGIN = {
    "image-layer": "image",
    "storage-driver": "image",
    "kernel": "kernel",
    "runtime-filesystem": "runtime",
    "runtime-device": "runtime",
    "runtime-mountpoint": "runtime",
    "runtime-mask": "runtime",
    "engine-init-layer": "engine",
    "engine-create": "engine",
    "engine-mount": "engine",
}


def ladder(found: Json, out: TextIO) -> None:
    """Draw the report's ``ladder``: entries down, rungs across, each maker in its colour."""
    title = f"{found['image']}: who makes what"
    about = "The same root filesystem on each rung; the first rung that shows an entry makes it."
    said = (title, about, "made there")
    _draw(found["rungs"], found["entries"], out, first="made_on", words=said)


def timelapse(found: Json, out: TextIO) -> None:
    """Draw the report's ``timelapse``: entries down, stages across."""
    title = f"{found['image']}: the life of one container"
    about = "Its root filesystem in each stage: entries appear, and vanish again."
    said = (title, about, "first seen then")
    _draw(found["stages"], found["entries"], out, first="made_in", words=said)


def _draw(
    steps: list[Json], entries: list[Json], out: TextIO, *, first: str, words: tuple[str, str, str]
) -> None:
    title, about, key = words
    longest = max((len(entry["path"]) for entry in entries), default=0)
    left = _MARGIN + max(150, 8 * longest) + _COLUMN // 2
    xs = [left + _COLUMN * number for number in range(len(steps))]
    right = left + _COLUMN * len(steps)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        resources.files(__package__).joinpath("steps.svg.j2").read_text("utf-8")
    )
    picture = template.generate(
        title=title,
        about=about,
        key=key,
        margin=_MARGIN,
        top=_TOP,
        row=_ROW,
        column=_COLUMN,
        words=right,
        width=right + _WORDS + _MARGIN,
        height=_TOP + _ROW * len(entries) + 56,
        steps=[{**step, "x": x} for step, x in zip(steps, xs, strict=True)],
        rows=list(_rows(entries, [step["id"] for step in steps], xs, first)),
    )
    for piece in picture:
        out.write(piece)


def _rows(entries: list[Json], ids: list[str], xs: list[int], first: str) -> Iterator[Json]:
    for entry in entries:
        maker = entry.get("maker", _BY_ORIGIN.get(entry["origin"], ""))
        cells = zip(ids, xs, entry["present"], strict=True)
        yield {
            **entry,
            "color": _COLORS[maker],
            "label": entry["maker"] if "maker" in entry else entry["origin"],
            "wrong": entry.get("agrees") is False,
            "cells": [
                {"x": x, "present": present, "made": bool(present) and name == entry[first]}
                for name, x, present in cells
            ],
        }
