"""`scratchlab page`: the report, the path, the worksheet and the words, for a browser."""

from __future__ import annotations

import getpass
import io
import os
import platform
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click

from scratchlab.classroom.worksheet import draw_worksheet, seed_of
from scratchlab.errors import LabError
from scratchlab.learn.desk import Desk
from scratchlab.learn.place import find_access, find_student
from scratchlab.learn.screen import STATES, commands_of
from scratchlab.learn.steps import fill, load_steps
from scratchlab.learn.store import Store
from scratchlab.render.html import lesson_page, report_page, sheets
from scratchlab.report import read as read_report

REPORT = "/var/lib/scratchlab/report.json"
LOOPBACK = "127.0.0.1"
LINKS = {"/": "The report", "/path": "The path", "/worksheet": "Worksheet", "/words": "The words"}
_HOSTS = ("localhost", LOOPBACK, "[::1]")


@click.command(short_help="Show report and path in a browser.")
@click.option("--report", "file", metavar="FILE", default=REPORT, show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8017, show_default=True)
def page(file: str, port: int) -> int:
    """Serve this machine's report and your path to a browser here; Ctrl-C ends it.

    It listens on the loopback address only: from another computer use ssh -L, as printed.
    """
    read_report(file)  # a missing or damaged one is an error now, not in the browser
    pages: Mapping[str, Callable[[], str]] = {
        "/": lambda: _report(file),
        "/path": _path,
        "/worksheet": lambda: _worksheet(file),
        "/words": _words,
    }
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler_of(pages))
    except OSError as error:
        what = f"cannot listen on {LOOPBACK}:{port}: {error.strerror}"
        raise LabError(what, "choose another port: scratchlab page --port 0") from error
    with server:
        chosen = server.server_address[1]
        print(f"http://{LOOPBACK}:{chosen}/        Ctrl-C ends it")
        print("From your own computer, first:")
        print(f"  ssh -L {chosen}:{LOOPBACK}:{chosen} {getpass.getuser()}@{platform.node()}")
        print(f"and then open http://{LOOPBACK}:{chosen}/ there")
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def handler_of(pages: Mapping[str, Callable[[], str]]) -> type[BaseHTTPRequestHandler]:
    """A handler that answers GET and HEAD for ``pages`` (text by path), and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "scratchlab", ""

        def do_GET(self) -> None:
            """Answer with a page."""
            self._answer(body=True)

        def do_HEAD(self) -> None:
            """Answer with the head of a page."""
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            # A page of another site may name this address under a name of its own (DNS rebinding).
            host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
            make = pages.get(self.path.partition("?")[0]) if host in _HOSTS else None
            status, text = 404, "There is no such page here.\n"
            if make is not None:
                try:
                    status, text = 200, make()
                except LabError as error:
                    status, text = 500, f"{error}\n"
            data = text.encode("utf-8", "backslashreplace")
            self.send_response(status)
            kind = "text/html" if status == 200 else "text/plain"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """The terminal stays quiet."""

    return Handler


def _report(file: str) -> str:
    out = io.StringIO()
    links = {url: title for url, title in LINKS.items() if url != "/"}
    report_page.render(read_report(file), out, links)
    return out.getvalue()


def _worksheet(file: str) -> str:
    out = io.StringIO()
    report = read_report(file)
    sheets.write_worksheet(draw_worksheet(report, seed_of(report)), report.head, out)
    return out.getvalue()


def _words() -> str:
    out = io.StringIO()
    lesson_page.write_glossary(out, LINKS)
    return out.getvalue()


def _path() -> str:
    student = find_student()
    store = Store.open(student)
    steps = load_steps((os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")[:2])
    if store is None:
        raise LabError("the path was not begun", "scratchlab learn")
    desk = Desk(student, store, find_access(student))
    values = desk.values()
    shown = []
    for number, step in enumerate(steps, 1):
        entry = store.record["steps"].get(step.id, {})
        shown.append(
            lesson_page.LessonStep(
                number=number,
                id=step.id,
                title=step.title,
                description=fill(step.description, values),
                commands=tuple(commands_of(step, desk)),
                ask=fill(step.ask, values),
                state=STATES[entry["state"]] if entry else "",
                best=entry.get("best", 0),
                first=entry.get("first", 0),
                of=step.points,
                current=step.id == store.record["current"],
            )
        )
    known = {key: str(store.record[key]) for key in ("user", "points", "of")}
    out = io.StringIO()
    lesson_page.write_lesson(shown, known, out, LINKS)
    return out.getvalue()
