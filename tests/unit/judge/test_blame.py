"""Blame: which layer made an entry, by which line of the image's history."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.judge import blame
from scratchlab.judge.blame import Blame, LayerLine, LayerSum, LayerSums
from scratchlab.ledger import LayerChange, LayerStep, Ledger
from scratchlab.model import Entry, Image, Kind

HASH = "8e8ff0e7a2c1" + "0" * 52


# -- the line of a layer ----------------------------------------------------------------------


HIDDEN = "RUN (its build arguments hide the command)"


@pytest.mark.parametrize(
    ("created_by", "instruction"),
    [
        # The classic builder (and buildah, which writes the same).
        (
            "/bin/sh -c apt-get update &&     apt-get install -y nginx",
            "RUN apt-get update && apt-get install -y nginx",
        ),
        (f"/bin/sh -c #(nop) ADD file:{HASH} in / ", "ADD file:8e8ff0e7a2c1... in /"),
        (f"/bin/sh -c #(nop) COPY dir:{HASH} in /app ", "COPY dir:8e8ff0e7a2c1... in /app"),
        ('/bin/sh -c #(nop)  CMD ["nginx"]', 'CMD ["nginx"]'),
        ("/bin/bash -o pipefail -c #(nop) WORKDIR /srv", "WORKDIR /srv"),
        ("|2 TOKEN=a b VERSION=1 /bin/sh -c make install", "RUN make install"),
        # BuildKit.
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("RUN |1 TOKEN=secret /bin/sh -c make # buildkit", "RUN make"),
        ("RUN /bin/bash -euxo pipefail -c make # buildkit", "RUN make"),
        ("RUN |1 TOKEN=a b /bin/bash -o pipefail -c make # buildkit", "RUN make"),
        ("RUN |0 /bin/sh -c make # buildkit", "RUN make"),
        # The values end where the shell begins. Without one, or with two, that is not known.
        ("RUN |1 A=1 /tool --flag # buildkit", HIDDEN),
        ("RUN |1 TOKEN=my secret phrase /tool --flag # buildkit", HIDDEN),
        ("RUN |2 A=secret value B=1 /tool # buildkit", HIDDEN),
        ("RUN |1 TOKEN=use sh -c secret /bin/sh -c echo # buildkit", HIDDEN),
        ("RUN |1 A=1", HIDDEN),
        ("COPY . /app # buildkit", "COPY . /app"),
        ("WORKDIR /app", "WORKDIR /app"),
        # kaniko writes the instruction itself.
        ("RUN apt-get update", "RUN apt-get update"),
        # docker commit writes the container's command; buildah commit the shell.
        ("sleep 600", "sleep 600"),
        ("/bin/sh", "/bin/sh"),
        ("bash -c", "bash -c"),
        # Others.
        (
            "# debian.sh --arch 'amd64' out/ 'bookworm'",
            "# debian.sh --arch 'amd64' out/ 'bookworm'",
        ),
        ("", ""),
        ("RUN /bin/sh -c apt-get update \\\n  && true", "RUN apt-get update \\ && true"),
    ],
)
def test_the_words_of_builders_are_left_out(created_by: str, instruction: str) -> None:
    assert blame.shortened(created_by) == instruction


@given(st.text())
def test_an_instruction_is_one_short_line(created_by: str) -> None:
    found = blame.shortened(created_by)
    assert len(found) <= blame.MOST_SHOWN
    assert "\n" not in found


def test_of_a_long_instruction_as_much_is_shown_as_fits() -> None:
    most = "x" * blame.MOST_SHOWN
    assert blame.shortened(most) == most
    assert blame.shortened(f"{most}y") == f"{most[:-3]}..."


def test_a_hostile_line_costs_no_time() -> None:
    for text in ("|1 " + "/" * 4_000_000, "sh" + " -a pipefail" * 400_000, "|" + "1" * 4_000_000):
        assert blame.shortened(text)


def step(created_by: str, created: str = "", **fields: Any) -> dict[str, Any]:
    return {"created_by": created_by, "created": created, **fields}


def test_empty_layers_are_passed_over() -> None:
    config = {
        "history": [
            step("/bin/sh -c #(nop) ADD file:x in /", "2024-01-02T03:04:05.123456789Z"),
            step("/bin/sh -c #(nop)  ENV A=1", empty_layer=True),
            step("RUN /bin/sh -c make # buildkit", "2024-01-03T00:00:00+02:00", comment="a\nb"),
        ]
    }
    first, second = blame.layer_lines(config, 2)
    assert str(first) == "ADD file:x in /, 2024-01-02"
    assert second == LayerLine(
        1, "RUN make", "2024-01-03T00:00:00+02:00", "RUN /bin/sh -c make # buildkit", "a b"
    )
    assert blame.why_unknown(config, 2) == ""


@pytest.mark.parametrize(
    ("history", "why"),
    [
        (None, "the image has no history"),
        ([], "the image has no history"),
        ("text", "the image has no history"),
        ([step("a")], "the image's history tells of 1 layers, the image has 2"),
        ([step("a"), "text"], "the image's history tells of 1 layers, the image has 2"),
        (
            [step("a"), step("b"), step("c")],
            "the image's history tells of 3 layers, the image has 2",
        ),
    ],
)
def test_a_history_that_does_not_fit_says_nothing(history: object, why: str) -> None:
    config = {"history": history}
    assert blame.layer_lines(config, 2) == (LayerLine(0), LayerLine(1))
    assert blame.why_unknown(config, 2) == why


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "yesterday", 5, None])
def test_a_date_that_is_none_is_left_out(created: object) -> None:
    (line,) = blame.layer_lines({"history": [{"created_by": 7, "created": created}]}, 1)
    assert line == LayerLine(0)
    assert str(line) == ""


def test_without_an_instruction_the_comment_is_said() -> None:
    (line,) = blame.layer_lines({"history": [{"comment": "Imported from -"}]}, 1)
    assert str(line) == "Imported from -"


# -- the history of an entry ------------------------------------------------------------------


def made(layer: int, size: int = 0, kind: Kind = Kind.FILE) -> LayerStep:
    return LayerStep(layer, LayerChange.MADE, (), kind, size)


def changed(layer: int, *fields: str, size: int = 0) -> LayerStep:
    return LayerStep(layer, LayerChange.CHANGED, fields, Kind.FILE, size)


def repeated(layer: int, kind: Kind = Kind.FILE, size: int = 0) -> LayerStep:
    return LayerStep(layer, LayerChange.REPEATED, (), kind, size)


DIRECTORY = Kind.DIRECTORY
REMOVED = LayerStep(9, LayerChange.REMOVED)


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (
            (made(3), changed(7, "uid"), REMOVED),
            "layer 3 made it, layer 7 changed its owner, layer 9 removed it",
        ),
        (
            (made(0), changed(1, "size", "sha256", "mtime")),
            "layer 0 made it, layer 1 changed its content",
        ),
        (
            (made(0), changed(1, "mode", "uid", "gid")),
            "layer 0 made it, layer 1 changed its mode, owner and group",
        ),
        ((made(0), changed(1, "mtime")), "layer 0 made it, layer 1 changed its time"),
        ((made(0), repeated(2)), "layer 0 made it, 1 layer has it again, unchanged"),
        ((made(0), repeated(2), repeated(3)), "layer 0 made it, 2 layers have it again, unchanged"),
        (
            (made(0), LayerStep(4, LayerChange.REPLACED, ("kind",), Kind.SYMLINK)),
            "layer 0 made it, layer 4 put a symlink in its place",
        ),
        ((), ""),
    ],
)
def test_a_history_is_told(history: tuple[LayerStep, ...], words: str) -> None:
    assert blame.told(history) == words


def test_every_field_has_a_word() -> None:
    for field in ("mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs", "mtime"):
        assert blame.told((made(0), changed(1, field)))


def test_the_maker_is_the_last_layer_that_changed_something() -> None:
    assert blame.maker(5, ()) == 5
    assert blame.maker(None, ()) is None
    assert blame.maker(8, (made(0), changed(2, "mode"), repeated(8))) == 2
    assert blame.maker(8, (made(3), repeated(8))) == 3
    assert blame.maker(8, (made(0), changed(2, "mode"), changed(5, "uid"))) == 5


def test_what_no_layer_has_is_made_by_no_line() -> None:
    """Also where the history tells of each layer."""
    image = Image(diff_ids=("sha256:1",), config={"history": [step("ADD x")]})
    ledger = Ledger([Entry("/d", DIRECTORY, 0o755), Entry("/d/f", Kind.FILE, 0o644, layer=0)])
    ledger.put_histories([("/gone", (made(0), REMOVED))])
    for path in ("/d", "/gone"):
        found = blame.blame(image, ledger, path)
        assert found is not None
        assert (found.layer, found.line) == (None, LayerLine(0))
        assert bool(found.history) is (path == "/gone")
    inside = blame.blame(image, ledger, "/d/f")
    assert inside is not None
    assert (inside.layer, inside.line.instruction) == (0, "ADD x")


def test_a_directory_that_no_layer_has_is_made_by_no_line() -> None:
    """Nothing is missing there, also where the history does not fit."""
    image = Image(diff_ids=("sha256:1",))
    ledger = Ledger([Entry("/d", DIRECTORY, 0o755), Entry("/d/f", Kind.FILE, 0o644, layer=0)])
    above, inside = blame.blame(image, ledger, "/d"), blame.blame(image, ledger, "/d/f")
    assert above == Blame(None, LayerLine(0), "", ())
    assert inside == Blame(0, LayerLine(0), "the image has no history", ())
    assert blame.blame(image, ledger, "/none") is None


# -- the sums ---------------------------------------------------------------------------------


def test_layers_are_summed_up() -> None:
    image = Ledger([
        Entry("/", Kind.DIRECTORY, 0o755),
        Entry("/a", Kind.DIRECTORY, 0o755, layer=2),
        Entry("/a/kept", Kind.FILE, 0o644, size=10, layer=0),
        Entry("/a/new", Kind.FILE, 0o644, size=7, layer=1, links="/a/new"),
        Entry("/a/other", Kind.FILE, 0o644, size=7, layer=1, links="/a/new"),
    ])  # fmt: skip
    image.put_histories([
        ("/a", (made(0, kind=DIRECTORY), repeated(1, DIRECTORY), repeated(2, DIRECTORY))),
        ("/a/new", (made(0, 5), changed(1, "size", size=7))),
        ("/a/old", (made(1, 100), LayerStep(2, LayerChange.REMOVED))),
        ("/d", (made(0, kind=DIRECTORY), LayerStep(2, LayerChange.REMOVED))),
    ])  # fmt: skip
    assert blame.layer_sums(image, 3) == LayerSums(
        (LayerSum(4, 15, 2, 5), LayerSum(4, 107, 1, 100), LayerSum(1, 0, 0, 0)), entries=4
    )
    # damaged evidence: no layer 1
    assert blame.layer_sums(image, 1) == LayerSums((LayerSum(4, 15, 2, 5),), entries=4)
