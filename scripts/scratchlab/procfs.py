"""``/proc/PID/stat``, parsed (proc_pid_stat(5))."""

from __future__ import annotations

from dataclasses import dataclass

KERNEL_THREAD = 0x00200000  # PF_KTHREAD of include/linux/sched.h


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The fields that the lab uses. ``start_time`` is in clock ticks after boot."""

    state: str
    parent: int
    flags: int
    start_time: int

    @property
    def ended(self) -> bool:
        """Whether the process is a zombie or dead."""
        return self.state in ("Z", "X", "x")


def started(pid: int) -> int | None:
    """When the running process ``pid`` was started, in clock ticks after boot; with its number that
    identifies it until the next boot. None if there is none, or it has ended (a zombie).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = parse_stat(file.read())
    except (OSError, ValueError):
        return None
    return None if stat.ended else stat.start_time


def parse_stat(text: bytes) -> ProcessStat:
    """Parse the content of ``/proc/PID/stat``. Raises ValueError where it is cut off."""
    # The second field is the command's name in parentheses and may hold any byte, ")" included.
    fields = text.rpartition(b")")[2].split()
    if len(fields) < 20:
        raise ValueError("/proc/PID/stat is cut off")
    return ProcessStat(
        state=fields[0].decode("ascii", "replace"),
        parent=int(fields[1]),
        flags=int(fields[6]),
        start_time=int(fields[19]),
    )
