#!/usr/bin/env python3
"""``./lab watch``: look at a room while a lesson runs.

No experiment and no Ansible but for the inventory, which is read once: each machine has one kept
connection, over which one small file is read every few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rich.console import Console
from rich.live import Live

from room import found_roster, listed_inventory
from scratchlab.classroom.live import Limits, Need, Row, rows_of
from scratchlab.classroom.roster import merged, roster_of_variables
from scratchlab.classroom.seats import hosts_of, variables_of
from scratchlab.errors import LabError
from scratchlab.render.html.live_page import write_live
from scratchlab.render.terminal import console
from scratchlab.render.terminal.live import live_table, log_line, told
from scratchlab.text import printable, visible
from scratchlab.watch.inventory import targets_of
from scratchlab.watch.room import Room
from scratchlab.watch.server import Server, parse_place

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = "scratchlab-watch-1"  # of what --json prints
MOST_SECONDS = 3600
WIDE = 400  # columns of a file or pipe: a line there is not cut


class Watch:
    """A room and what is shown of it."""

    def __init__(self, room: Room, names: Mapping[str, str], options: argparse.Namespace) -> None:
        self.room, self.names, self.options = room, names, options
        self.limits = Limits(60 * options.stuck, 60 * options.idle)
        self._told: dict[tuple[str, str], tuple[str, ...]] = {}

    def rows(self) -> tuple[Row, ...]:
        """The rows as they are now."""
        return rows_of(self.room.machines, time.monotonic(), self.limits, self.names)

    def page(self) -> str:
        """The page as it is now."""
        out = io.StringIO()
        write_live(self.rows(), clock(), self.options.every, out)
        return out.getvalue()

    def tell(self) -> None:
        """Print what has changed since the last time, one line a learner."""
        for row in self.rows():
            key, news = (row.machine, row.student), told(row)
            if self._told.get(key) != news and row.need is not Need.CONNECTING:
                self._told[key] = news
                print(log_line(row, clock()), flush=True)

    def as_json(self) -> str:
        """The rows as one line of JSON."""
        rows = [{**dataclasses.asdict(row), "waiting": row.waiting} for row in self.rows()]
        return json.dumps({"schema": SCHEMA, "at": int(time.time()), "rows": rows})


class Parser(argparse.ArgumentParser):
    """A wrong option is one line."""

    def error(self, message: str) -> NoReturn:
        """End with one line."""
        self.exit(2, f"lab: {printable(message)}; see: {self.prog} --help\n")


def clock() -> str:
    """The time of day here."""
    return time.strftime("%H:%M:%S")


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = Parser(prog="./lab watch", description="Look at a room while a lesson runs.")
    parser.add_argument("-i", "--inventory", action="append", default=[], help="the room")
    parser.add_argument("-l", "--limit", help="only these machines")
    parser.add_argument("-e", "--extra-vars", action="append", default=[], help="as for Ansible")
    for name in ("--vault-password-file", "--vault-id"):
        parser.add_argument(name, action="append", default=[], help="as for Ansible")
    parser.add_argument("-J", "--ask-vault-password", action="store_true", help="as for Ansible")
    parser.add_argument(
        "--every", type=_seconds, default=5, metavar="N", help="seconds between looks (default: 5)"
    )
    parser.add_argument("--once", action="store_true", help="look once and end")
    parser.add_argument("--json", action="store_true", help="print each look as one line of JSON")
    parser.add_argument(
        "--serve",
        nargs="?",
        const="",
        metavar="ADDRESS:PORT",
        help="also serve a page (default: 127.0.0.1:8018); at another address its URL has a token",
    )
    parser.add_argument(
        "--stuck",
        type=_minutes,
        default=15,
        metavar="MIN",
        help="minutes at one step after which a learner is called stuck (default: 15)",
    )
    parser.add_argument(
        "--idle",
        type=_minutes,
        default=10,
        metavar="MIN",
        help="minutes without a command after which a learner is called idle (default: 10)",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=8, metavar="N", help="seconds to connect (default: 8)"
    )
    found = parser.parse_args(arguments)
    if found.once and found.serve is not None:
        parser.error("--once ends after a look, so it cannot --serve")
    return found


def _seconds(word: str) -> int:
    return _number(word, MOST_SECONDS)


def _minutes(word: str) -> int:
    return _number(word, 24 * 60)


def _number(word: str, most: int) -> int:
    if not word.isascii() or not word.isdigit() or not 1 <= int(word) <= most:
        raise argparse.ArgumentTypeError(f"{word!a} is not a number from 1 to {most}")
    return int(word)


def watch_of(options: argparse.Namespace) -> Watch:
    """The room that the options name. Raises LabError."""
    listed = listed_inventory(ROOT, options, options.limit)
    targets = targets_of(listed, options.timeout)
    roster = merged(found_roster(listed, options), roster_of_variables(variables_of(listed)))
    # ssh gives up first, because it says why.
    room = Room(targets, connect=options.timeout + 2.0)
    return Watch(room, {visible(name): roster.of(name).label for name in hosts_of(listed)}, options)


async def run(watch: Watch) -> int:
    """Look until Ctrl-C, or once. Returns the exit status."""
    options = watch.options
    work = asyncio.ensure_future(watch.room.look_once() if options.once else _show(watch))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        await work
        if options.once:
            rows = watch.rows()
            if options.json:
                print(watch.as_json())
            else:
                screen = console(sys.stdout)
                if not sys.stdout.isatty():
                    screen.width = WIDE
                screen.print(live_table(rows, clock(), screen.width))
            return int(any(row.gone is not None for row in rows))
    except asyncio.CancelledError:
        return 128 + signal.SIGINT if options.once else 0
    finally:
        await watch.room.close()
    return 0


async def _show(watch: Watch) -> None:
    """Show the room on a terminal, as lines, or as JSON, until cancelled."""
    terminal = sys.stdout.isatty() and not watch.options.json
    with ExitStack() as stack:
        live = None
        if terminal:
            screen = Console(highlight=False, markup=False, emoji=False)  # of its present size
            live = stack.enter_context(Live(console=screen, screen=True, auto_refresh=False))

        def changed() -> None:
            if live is None and not watch.options.json:
                watch.tell()

        looking = asyncio.create_task(watch.room.watch(watch.options.every, changed))
        try:
            while not looking.done():
                if live is not None:
                    size = live.console.size
                    table = live_table(watch.rows(), clock(), size.width, size.height)
                    live.update(table, refresh=True)
                await asyncio.sleep(1 if live is not None else watch.options.every)
                if watch.options.json:
                    print(watch.as_json(), flush=True)
            await looking
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


def main(arguments: Sequence[str]) -> int:
    """Run the command line. Returns the exit status."""
    options = options_of(arguments)
    try:
        watch = watch_of(options)
        if options.serve is not None:
            server = Server(parse_place(options.serve), watch.page)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(f"lab: the page: {server.url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        return asyncio.run(run(watch))
    except LabError as error:
        print(f"lab: {printable(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
