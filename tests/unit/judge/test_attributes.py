"""Extended attributes: who makes an entry gives it none, and overlay's own marks do not count."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import ROOT, directory, facts, file, finding, judged
from tests.unit.judge.test_entry_origins import COPIED_UP
from tests.unit.judge.test_predict_docker import options, predicted

from scratchlab.judge.prediction.predictions import Prediction
from scratchlab.model import Entry, Origin, Status

ON_ROOT = ROOT.id


def test_who_makes_an_entry_gives_it_none_and_a_bind_shows_what_was_there() -> None:
    found = options(Init=True, IpcMode="host", Tmpfs={"/t": ""})
    opened = {path for path, item in found.by_path.items() if not item.plain}
    assert opened == {"/sbin/docker-init", "/t"}
    own = directory("/", xattrs=(("user.x", b""),))
    assert not predicted(own).by_path["/"].plain
    assert predicted(directory("/")).by_path["/"].plain


@pytest.mark.parametrize(
    ("fields", "live", "phrases"),
    [
        ({}, file("/x", xattrs=(("security.selinux", b"x"),)), []),
        ({}, file("/x", xattrs=(("trusted.a", b"x"), ("user.b", b""))),
         ["attributes: predicted none, found trusted.a, user.b"]),
        ({"plain": False}, file("/x", xattrs=(("trusted.a", b"x"),)), []),
    ],
)  # fmt: skip
def test_one_that_was_not_predicted_is_named(
    fields: dict[str, Any], live: Entry, phrases: list[str]
) -> None:
    prediction = Prediction("/x", Origin.ENGINE_INIT_LAYER, "rule", **fields)
    assert prediction.contradictions(live, None) == phrases


@pytest.mark.parametrize(
    "mark",
    ["trusted.overlay.origin", "user.overlay.impure", "user.fuseoverlayfs.origin",
     "security.selinux"],
)  # fmt: skip
def test_a_copy_with_a_mark_of_the_overlays_is_equal(mark: str) -> None:
    marked = COPIED_UP._replace(xattrs=((mark, b"1"), *COPIED_UP.xattrs))
    found = finding(
        judged(facts(), COPIED_UP._replace(mount=ON_ROOT), init=[COPIED_UP], writable=[marked]),
        "/.dockerenv",
    )
    assert found.origin is Origin.ENGINE_INIT_LAYER


def test_an_attribute_of_a_directory_of_the_images_was_written_later() -> None:
    """The init layer has the directory, too: it made files in it."""
    live = directory("/etc", ON_ROOT, xattrs=(("user.x", b""),))
    in_writable = directory("/etc", xattrs=(("trusted.overlay.origin", b"1"), ("user.x", b"")))
    found = finding(
        judged(facts(), live, image=[directory("/etc")], init=[directory("/etc")],
               writable=[in_writable]),
        "/etc",
    )  # fmt: skip
    assert (found.origin, found.status, found.differences) == (
        Origin.WRITTEN_LATER, Status.ALTERED, ("xattrs",),
    )  # fmt: skip
