"""How much one reading of a live root may cost, whatever the container claims."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.errors import LabError

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one reading, in bytes.

    Sizes are claims: a sparse file of 1 TiB takes no room and would take ten minutes to hash, and
    SHA-256 has no shortcut through zeros. A file past a limit keeps its entry, has no ``sha256``,
    and its ``note`` says which limit it met: it can be neither "same" nor "altered" in content.
    """

    file_bytes: int = 8 * _GIB
    # Of all files on the root's own mount, and of all files on each other mount (a volume, the
    # host's disk under -v /:/host), which no image content is compared with.
    root_bytes: int = 256 * _GIB
    mount_bytes: int = 16 * _GIB
    # Of all paths, plus ENTRY_COST each: what a ledger would have to hold. Beyond it, LabError.
    ledger_bytes: int = 8 * _GIB

    def too_many(self) -> LabError:
        """The error for a tree that no ledger can hold."""
        return LabError(
            f"the root holds more names than {self.ledger_bytes} bytes can list",
            "see what fills it, for example with `du --inodes`",
        )


ENTRY_COST = 256
