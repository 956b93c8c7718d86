"""The ladder or the time-lapse of a report as one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple, TextIO

from jinja2 import Environment

from scratchlab.model import Json
from scratchlab.report.sections import (
    LadderEntrySection,
    LadderSection,
    StepSection,
    TimelapseEntrySection,
    TimelapseSection,
)

# In pixels: height of a row, width of a column, margin, space above, space for the labels.
_ROW, _COLUMN, _MARGIN, _TOP, _LABELS = 24, 62, 24, 190, 330
# By maker. Dark enough on white for small text (contrast of 4.5 and more); the label beside the
# mark tells makers apart without colour.
_COLORS = {
    "image": "#1a7f37",
    "kernel": "#57606a",
    "runtime": "#0a6b84",
    "containerd": "#8250df",
    "engine": "#9a6700",
    "": "#57606a",
}
_MAKERS = {
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


class _Row(NamedTuple):
    """One entry. ``first`` is the id of the step that made it or first showed it; ``agrees`` is
    False where maker and origin disagree.
    """

    path: str
    origin: str
    present: Sequence[bool | None]
    first: str
    maker: str
    label: str
    agrees: bool | None = None


class _Texts(NamedTuple):
    """The title, one sentence, and what a filled mark means."""

    title: str
    about: str
    key: str


def ladder(section: LadderSection, out: TextIO) -> None:
    """Draw the report's ``ladder``: entries down, rungs across, each maker in its colour."""
    title = f"{section['image']}: who makes what"
    about = "The same root filesystem on each rung; the first rung that shows an entry makes it."
    texts = _Texts(title, about, "made there")
    _draw(section["rungs"], list(map(_ladder_row, section["entries"])), texts, out)


def timelapse(section: TimelapseSection, out: TextIO) -> None:
    """Draw the report's ``timelapse``: entries down, stages across."""
    title = f"{section['image']}: the life of one container"
    about = "Its root filesystem in each stage: entries appear, and vanish again."
    texts = _Texts(title, about, "first seen")
    _draw(section["stages"], list(map(_timelapse_row, section["entries"])), texts, out)


def _ladder_row(entry: LadderEntrySection) -> _Row:
    return _Row(
        entry["path"], entry["origin"], entry["present"], entry["made_on"],
        maker=entry["maker"], label=entry["maker"], agrees=entry["agrees"],
    )  # fmt: skip


def _timelapse_row(entry: TimelapseEntrySection) -> _Row:
    return _Row(
        entry["path"], entry["origin"], entry["present"], entry["made_in"],
        maker=_MAKERS.get(entry["origin"], ""), label=entry["origin"],
    )  # fmt: skip


def _draw(steps: Sequence[StepSection], rows: Sequence[_Row], texts: _Texts, out: TextIO) -> None:
    longest = max((len(row.path) for row in rows), default=0)
    left = _MARGIN + max(150, 8 * longest) + _COLUMN // 2
    xs = [left + _COLUMN * number for number in range(len(steps))]
    right = left + _COLUMN * len(steps)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        resources.files(__package__).joinpath("steps.svg.j2").read_text("utf-8")
    )
    picture = template.generate(
        title=texts.title,
        about=texts.about,
        key=texts.key,
        margin=_MARGIN,
        top=_TOP,
        row=_ROW,
        column=_COLUMN,
        labels=right,
        width=right + _LABELS + _MARGIN,
        height=_TOP + _ROW * len(rows) + 56,
        steps=[{**step, "x": x} for step, x in zip(steps, xs, strict=True)],
        rows=list(_drawn(rows, [step["id"] for step in steps], xs)),
    )
    for piece in picture:
        out.write(piece)


def _drawn(rows: Sequence[_Row], ids: Sequence[str], xs: Sequence[int]) -> Iterator[Json]:
    """The rows as the template takes them."""
    for row in rows:
        yield {
            "path": row.path,
            "origin": row.origin,
            "color": _COLORS[row.maker],
            "label": row.label,
            "disagrees": row.agrees is False,
            "cells": [
                {"x": x, "present": there, "made": bool(there) and step_id == row.first}
                for step_id, x, there in zip(ids, xs, row.present, strict=True)
            ],
        }
