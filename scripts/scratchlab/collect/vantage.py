"""From where a live root is read."""

from __future__ import annotations

from scratchlab.errors import LabError


def check(vantage: str) -> None:
    """Raise LabError for a vantage that this version cannot read from (``auto`` is ``host``)."""
    if vantage not in {"auto", "host"}:
        raise LabError(
            f"this version of scratchlab has no {vantage} vantage yet",
            "use --vantage host on the machine that runs the engine",
        )
