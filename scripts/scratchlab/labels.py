"""The names of the lab's own images and containers, and the labels that mark them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LABEL = "io.scratchlab.lab"  # on a container
IMAGE_LABEL = "io.scratchlab.image"  # on an image; a container inherits its image's labels


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the lab's objects on this host."""

    scratchtest: str = "scratchtest"  # image: one empty file
    image: str = "sleep"  # image: the static program
    container: str = "sleep"
    debug: str = "scratchlab-debug"  # image: a shell that needs no registry
    binary: str = "/var/lib/scratchlab/build/sleep/sleep"  # the program as it was built
    limits: str = "scratchlab-limits"  # image: a program that runs into limits

    def placeholders(self) -> dict[str, str]:
        """The values for the table's placeholders: ``container`` for ``${container}``."""
        return {name: getattr(self, name) for name in self.__slots__}


def is_ours(labels: Mapping[str, Any] | None) -> bool:
    """Whether these labels (of an image or a container) mark an object of the lab."""
    return LABEL in (labels or {})
