"""What a report tells of the image's layers, and of the weight of a change: see ``sections``."""

# No "from __future__ import annotations": __required_keys__ would not see NotRequired.
from typing import NotRequired, TypedDict


class LayerSection(TypedDict):
    """One layer of the image: an item of ``layers``."""

    layer: int
    instruction: str
    created_by: str
    created: str
    comment: str
    entries: int
    bytes: int
    hidden_entries: int
    hidden_bytes: int


class LayerStepSection(TypedDict):
    """What one layer did at a path: an item of ``history``."""

    layer: int
    change: str
    fields: NotRequired[list[str]]
    kind: NotRequired[str]
    size: NotRequired[int]


class DriftSection(TypedDict):
    """How much a change since the start weighs."""

    weight: str
    content: NotRequired[str]
    package: NotRequired[str]
