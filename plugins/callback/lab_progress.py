"""Ansible callback: a run that one likes to watch, on a terminal.

One line for each stage (play) with its time, and below it what is being done now and for which
hosts. Warnings and failures are shown whole, by ansible.builtin.default, of which this is a
subclass. ``./lab`` chooses it, and only on a terminal. With -v, --check, --diff or --step, and if
anything in here fails, the default one goes on alone.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible import context
from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
name: lab_progress
type: stdout
short_description: Show stages with progress and time, and warnings and failures whole
description:
  - Shows one line for each play, and below it the current task with its hosts and its time.
  - Shows warnings and failures as M(ansible.builtin.default) does. Needs a terminal.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

TICK = 0.2  # seconds between two drawings of the last line
PARTS = "|/-\\"
NAMES = 3  # hosts that are named; of more, their number
ERASE = b"\r\x1b[K"


class CallbackModule(Default):  # type: ignore[misc]  # Ansible has no types
    """Draws one last line while Ansible works; everything else goes through Ansible's display."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lab_progress"

    def __init__(self) -> None:
        super().__init__()
        self._line = Line(self._display)
        self._stages: list[str] = []
        self._stage = 0  # of the running play, from 1
        self._began = self._stage_began = time.monotonic()
        self._tasks = self._changes = self._stage_tasks = self._stage_changes = 0
        self._running: dict[str, str] = {}  # task by host
        self._last_task = ""
        self._alone = False  # the default one goes on alone

    def _ours(self, default: Callable[..., None], own: Callable[..., None], *given: Any) -> None:
        """Do our own part, or, now and ever after it failed, Ansible's."""
        if not self._alone:
            try:
                own(*given)
            except Exception as error:
                self._alone = True
                self._line.close()
                self._display.warning(
                    f"the display of progress failed ({type(error).__name__}: {error}); "
                    "what follows is Ansible's own"
                )
        if self._alone:
            default(*given)

    # --- stages and tasks ---------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Learn which stages there are. Who asks for details gets Ansible's own words."""
        asked = any(context.CLIARGS.get(option) for option in ("check", "diff", "step"))
        self._alone = asked or self._display.verbosity > 0
        self._ours(super().v2_playbook_on_start, self._playbook, playbook)

    def _playbook(self, playbook: Any) -> None:
        self._stages = [play.get_name() for play in playbook.get_plays()]
        self._line.open(self._current)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Print the line of the stage before, and begin the next."""
        self._play = play
        self._ours(super().v2_playbook_on_play_start, self._begin, play)

    def _begin(self, play: Any) -> None:
        self._end_stage()
        # Plays without hosts are not announced, so counting would lose its place.
        later = self._stages[self._stage :]
        self._stage += 1 + (later.index(play.get_name()) if play.get_name() in later else 0)
        self._stage_began = time.monotonic()
        self._stage_tasks = self._stage_changes = 0
        self._running.clear()
        self._last_task = ""

    def _end_stage(self) -> None:
        if self._stage_tasks:
            changes = f", {self._stage_changes} changed" if self._stage_changes else ""
            self._display.display(
                f"{self._heading()}  {clock(time.monotonic() - self._stage_began)}"
                f"  {self._stage_tasks} done{changes}"
            )
        self._stage_tasks = 0

    def _heading(self) -> str:
        name = self._stages[self._stage - 1] if 0 < self._stage <= len(self._stages) else ""
        number = f"[{self._stage}/{len(self._stages)}]"
        return f"{number:>7} {name:<55}"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Say nothing: the last line names the task when it runs on a host."""
        self._ours(
            super().v2_playbook_on_task_start, lambda *_: self._name(task), task, is_conditional
        )

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """As above."""
        self._ours(super().v2_playbook_on_handler_task_start, self._name, task)

    def _name(self, task: Any) -> None:
        self._last_task_name = task.get_name().strip()
        self._last_task = short(task)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Note for which host the task runs now."""
        self._ours(super().v2_runner_on_start, self._start, host, task)

    def _start(self, host: Any, task: Any) -> None:
        self._running[host.name] = short(task)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Say nothing."""
        self._ours(super().v2_playbook_on_include, lambda _: None, included_file)

    # --- results ------------------------------------------------------------------------------

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count the task, and show its warnings."""
        self._ours(super().v2_runner_on_ok, self._finished, result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Show its warnings."""
        self._ours(super().v2_runner_on_skipped, self._left, result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Show the warnings of an item."""
        self._ours(super().v2_runner_item_on_ok, self._warn, result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """As above."""
        self._ours(super().v2_runner_item_on_skipped, self._warn, result)

    def v2_on_file_diff(self, result: Any) -> None:
        """Show no difference: --diff selects another display."""
        self._ours(super().v2_on_file_diff, lambda _: None, result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Show the failure whole."""
        self._running.pop(result._host.name, None)
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Show it whole."""
        self._running.pop(result._host.name, None)
        super().v2_runner_on_unreachable(result)

    def _left(self, result: Any) -> None:
        self._running.pop(result._host.name, None)
        self._warn(result)

    def _finished(self, result: Any) -> None:
        self._left(result)
        self._tasks += 1
        self._stage_tasks += 1
        if result._result.get("changed"):
            self._changes += 1
            self._stage_changes += 1

    def _warn(self, result: Any) -> None:
        if hasattr(self, "_handle_warnings_and_exception"):  # ansible-core 2.19 and later
            self._handle_warnings_and_exception(result)
        else:
            self._handle_warnings(result._result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the last stage and the sum; Ansible's recap only where a host dropped out."""
        self._ours(super().v2_playbook_on_stats, self._sum, stats)
        self._line.close()

    def _sum(self, stats: Any) -> None:
        self._end_stage()
        self._line.close()
        if stats.failures or stats.dark:
            super().v2_playbook_on_stats(stats)
        changed = f"{self._changes} of {self._tasks} tasks changed something"
        self._display.display(f"        {clock(time.monotonic() - self._began)} in all; {changed}")

    # --- the last line ------------------------------------------------------------------------

    def _current(self) -> str:
        """Return what is being done now, for which hosts, and since when."""
        now = time.monotonic()
        running = dict(self._running)
        task = next(reversed(running.values()), self._last_task)
        hosts = named([host for host, what in running.items() if what == task])
        part = PARTS[int(now / TICK) % len(PARTS)]
        spent = clock(now - self._stage_began)
        return f"{self._heading().rstrip()}  {spent}  {part} {task}{f': {hosts}' if hosts else ''}"


class Line:
    """The last line of the terminal. It gives way to whatever Ansible's display prints.

    It writes with os.write alone: a thread inside Python's own buffers would leave them locked in
    the processes that Ansible forks.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._own = display.display
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._shown = False
        self._text: Callable[[], str] = str
        self._out = -1

    def open(self, text: Callable[[], str]) -> None:
        """Draw what ``text`` returns from now on. Raises OSError if there is no terminal."""
        self._out = sys.stdout.fileno()
        os.get_terminal_size(self._out)
        self._text = text
        self._display.display = self._give_way
        atexit.register(self.close)
        threading.Thread(target=self._tick, daemon=True).start()

    def close(self) -> None:
        """Erase it, for good."""
        if os.getpid() != self._process:
            return
        self._stop.set()
        with self._lock:
            self._erase()
        self._display.display = self._own

    def _tick(self) -> None:
        while not self._stop.wait(TICK):
            with self._lock:
                if not self._stop.is_set():
                    try:
                        self._draw()
                    except Exception:  # a thread has nobody to tell; the run goes on without it
                        self._stop.set()

    def _draw(self) -> None:
        width = (os.get_terminal_size(self._out).columns or 80) - 1
        line = "".join(one if one.isprintable() else "?" for one in self._text())[:width]
        os.write(self._out, ERASE + line.encode(errors="replace"))
        self._shown = True

    def _erase(self) -> None:
        if self._shown:
            os.write(self._out, ERASE)
            self._shown = False

    def _give_way(self, *given: Any, **named: Any) -> Any:
        if os.getpid() != self._process:  # a worker: its lines come back here by Ansible's queue
            return self._own(*given, **named)
        with self._lock:
            self._erase()
            return self._own(*given, **named)


def short(task: Any) -> str:
    """Return the name of a task without that of its role."""
    name: str = task.get_name().rpartition(" : ")[2]
    return name.strip()


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def named(hosts: Iterable[str]) -> str:
    """Return the first hosts by name, and how many more there are."""
    names = sorted(hosts)
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")
