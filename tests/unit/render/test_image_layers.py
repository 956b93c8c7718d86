"""`scratchlab image`: the layers after the entries, in the table and as JSON."""

from __future__ import annotations

import io
import json

from scratchlab import render
from scratchlab.ledger import LayerChange, LayerStep, Ledger
from scratchlab.model import Entry, Image, Kind

HISTORY = [
    {"created_by": "ADD root.tar / # buildkit", "created": "2024-05-06T07:08:09Z"},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": "RUN /bin/sh -c rm /old\x1b[31m # buildkit"},
]
STEPS = (LayerStep(0, LayerChange.MADE, (), Kind.FILE, 1500), LayerStep(1, LayerChange.REMOVED))


def shown(form: str, history: object = HISTORY) -> str:
    image = Image(diff_ids=("sha256:0", "sha256:1"), config={"history": history})
    ledger = Ledger([Entry("/new", Kind.FILE, 0o644, size=7, layer=0)])
    ledger.put_histories([("/old\n", STEPS)])
    out = io.StringIO()
    render.image(form, image, ledger, out)
    return out.getvalue()


def test_the_table_ends_with_the_layers() -> None:
    assert shown("table").splitlines()[4:] == [
        "layer  entries         bytes  hidden by later layers  made by",
        "    0        2         1,507  1 (1,500 B)             ADD root.tar /, 2024-05-06",
        "    1        0             0                          RUN rm /old\\x1b[31m",
    ]


def test_a_history_that_does_not_fit_is_said() -> None:
    *_, layer, last = shown("table", HISTORY[:2]).splitlines()
    assert layer.endswith("the history does not say")
    assert last == (
        "which instruction made which layer is not known: "
        "the image's history tells of 1 layers, the image has 2"
    )


def test_json_has_the_layers_and_what_they_removed() -> None:
    found = json.loads(shown("json"))
    assert [layer["instruction"] for layer in found["layers"]] == [
        "ADD root.tar /",
        "RUN rm /old\\x1b[31m",
    ]
    assert found["layers"][0]["hidden_bytes"] == 1500
    assert found["removed"] == [
        {
            "path": "/old\\x0a",
            "history": [
                {"layer": 0, "change": "made", "kind": "file", "size": 1500},
                {"layer": 1, "change": "removed"},
            ],
        }
    ]


def test_an_mtree_has_no_place_for_layers() -> None:
    assert "ADD" not in shown("mtree")
