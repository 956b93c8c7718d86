"""`scratchlab page`: read-only, for this machine's own names alone."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from scratchlab.cli.page import handler_of
from scratchlab.errors import LabError


def _broken() -> str:
    raise LabError("no report", "./lab")


@pytest.fixture
def port() -> Iterator[int]:
    pages = {"/": lambda: "<p>here</p>", "/broken": _broken}
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(pages)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_pages_are_answered(port: int) -> None:
    assert ask(port, "/") == (200, "<p>here</p>")
    assert ask(port, "/", "HEAD") == (200, "")
    assert ask(port, "/other")[0] == 404
    assert ask(port, "/broken") == (500, "no report; ./lab\n")


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_another_sites_name_for_this_address_is_refused(port: int, name: str) -> None:
    assert ask(port, "/", Host=name)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written(port: int, method: str) -> None:
    assert ask(port, "/", method)[0] == 501
