"""What a killed run left in a temporary directory is removed by the next; nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scratchlab import temporary


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


def test_only_own_directories_of_dead_processes_are_removed(tmp_path: Path) -> None:
    dead = dead_pid()
    left = tmp_path / f"scratchlab-agent-{dead}-abc_1234"
    kept = [
        tmp_path / f"scratchlab-agent-{os.getpid()}-abc_1234",
        tmp_path / f"scratchlab-agent-{dead}-abc_1234.d",
        tmp_path / "scratchlab-agent-abc_1234",
        tmp_path / f"other-agent-{dead}-abc_1234",
        tmp_path / f"scratchlab-reading-{dead}-abc_1234",
    ]
    for path in (left, *kept):
        (path / "cache").mkdir(parents=True)
        (path / "cache" / "file").touch()
    link = tmp_path / f"scratchlab-agent-{dead}-abc_5678"
    link.symlink_to(kept[0])
    file = tmp_path / f"scratchlab-agent-{dead}-abc_9012"
    file.touch()
    if os.geteuid() == 0:
        foreign = tmp_path / f"scratchlab-agent-{dead}-foreign_"
        foreign.mkdir()
        os.chown(foreign, 65534, 65534)
        kept.append(foreign)
    made = Path(temporary.make("agent", str(tmp_path)))
    assert {*tmp_path.iterdir()} == {*kept, link, file, made}
    assert (kept[0] / "cache" / "file").exists()
