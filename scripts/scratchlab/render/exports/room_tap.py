"""The room as TAP version 13 (testanything.org): one test a machine."""

from __future__ import annotations

import json
from typing import TextIO

from scratchlab.classroom.results import Classroom, MachineState
from scratchlab.render.terminal.classroom import STATE_WORDS


def render(room: Classroom, out: TextIO) -> None:
    """Write it to ``out``; a room without machines is a plan that cannot be met."""
    out.write(f"TAP version 13\n1..{len(room.machines) or 1}\n")
    for number, seat in enumerate(room.machines, 1):
        passed = seat.state is MachineState.PASSED
        name = seat.name.replace("#", "\\#")
        out.write(f"{'ok' if passed else 'not ok'} {number} - {name} {STATE_WORDS[seat.state]}\n")
        if not passed:
            # A JSON string is a YAML string, and holds no raw control character.
            out.write(f"  ---\n  reason: {json.dumps(seat.reason)}\n")
            out.write(f"  help: {json.dumps(seat.help)}\n  ...\n")
