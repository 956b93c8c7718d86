"""Checks of images and archives: experiments E01 to E03 on one's own image."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator

from scratchlab.collect.image import read_archive
from scratchlab.errors import LabError
from scratchlab.experiments import e01_reserved_name as e01
from scratchlab.experiments import e02_empty_image as e02
from scratchlab.experiments import e03_empty_archive as e03
from scratchlab.labels import Names
from scratchlab.learn.desk import Desk
from scratchlab.learn.grading import Outcome, Said
from scratchlab.learn.steps import Step
from scratchlab.text import visible

_MOST_FILES = 200  # of an unpacked archive
_MOST_BYTES = 256 << 20


def reserved(desk: Desk, _step: Step, words: tuple[str, ...]) -> Outcome:
    """The word that the engine itself uses when `scratch` is pulled (E01)."""
    seen = e01.probe(desk.lab())
    if e01.judge(seen).fault is not None:
        return Outcome((Said("other-answer", False, {"message": seen.message}),), counts=False)
    if not words:
        return Outcome((Said("no-answer", False),), counts=False)
    given = " ".join(words).lower()
    right = "reserved" in given and "not reserved" not in given
    return Outcome((Said("right" if right else "wrong", right),), answer="reserved")


def image(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """The image of one empty file: what E02 and E03 ask, of the student's own image."""
    name = desk.named(str(step.options["image"]))
    lab = desk.lab(Names(scratchtest=name))
    if lab.image(name) is None:
        return Outcome((Said("no-image", False, {"image": name, "others": _tags(desk)}),))
    values = {"image": name}
    for judged in (e03.judge(e03.probe(lab)), e02.judge(e02.probe(lab))):
        if judged.fault is not None:
            observed = judged.observed.splitlines()
            values |= {"observed": "; ".join(observed[:4]), **judged.placeholders}
            return Outcome((Said(judged.fault, False, values),))
    found = desk.image(name) or {}
    return Outcome((Said("right", True, values),), kept={"image": str(found.get("Id", ""))})


def _tags(desk: Desk) -> str:
    images = desk.engine.client.api.images()
    tags = sorted(tag for item in images for tag in item.get("RepoTags") or ())
    return ", ".join(map(visible, tags[:6])) or "none"


def archive(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """The image's archive, and its layer beside it: a file whose SHA-256 is the diff_id."""
    name = desk.named(str(step.options["image"]))
    file, saved = str(step.options["file"]), str(step.options["saved"])
    values = {"image": name, "file": desk.path(file), "saved": desk.path(saved)}
    found = desk.image(name)
    if found is None:
        return Outcome((Said("no-image", False, values),))
    status = desk.status(file)
    if status is None or not stat.S_ISREG(status.st_mode) or not status.st_size:
        return Outcome((Said("no-archive", False, values),))
    with desk.student.rights():
        try:
            with open(desk.path(file), "rb") as stream:
                read = read_archive(stream)
        except (LabError, OSError) as error:
            return Outcome((Said("not-an-archive", False, {**values, "error": str(error)}),))
    read.ledger.close()
    layers = [str(layer) for layer in (found.get("RootFS") or {}).get("Layers") or ()]
    if list(read.image.diff_ids) != layers:
        return Outcome((Said("other-image", False, values),))
    if desk.status(saved) is None:
        return Outcome((Said("archive", True, values), Said("not-unpacked", False, values)))
    digests = {layer.removeprefix("sha256:") for layer in layers}
    with desk.student.rights():
        layer = next((p for p, digest in _digests(desk.path(saved)) if digest in digests), "")
    if not layer:
        return Outcome((Said("archive", True, values), Said("no-layer", False, values)))
    values["layer"] = os.path.relpath(layer, desk.path(saved))
    return Outcome((Said("archive", True, values), Said("layer", True, values)))


def _digests(directory: str) -> Iterator[tuple[str, str]]:
    """The SHA-256 of each regular file below ``directory``, within bounds; links are left out."""
    count = total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            count, total = count + 1, total + status.st_size
            if count > _MOST_FILES or total > _MOST_BYTES:
                return
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    yield path, hashlib.file_digest(file, "sha256").hexdigest()
