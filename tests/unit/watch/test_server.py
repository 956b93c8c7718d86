"""The page for browsers: who gets it, and how."""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from scratchlab.classroom.live import Answer, Limits, Machine, SeenFile, rows_of
from scratchlab.classroom.status import HelpCall, Status, read_status, write_status
from scratchlab.errors import LabError
from scratchlab.render.html.live_page import write_live
from scratchlab.watch.server import Place, Server, parse_place


def serve(place: Place) -> Iterator[Server]:
    server = Server(place, lambda: "<p>the room</p>")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def local() -> Iterator[Server]:
    yield from serve(Place("127.0.0.1", 0, ""))


@pytest.fixture
def tokened() -> Iterator[Server]:
    yield from serve(Place("127.0.0.1", 0, "s3cret"))


def ask(
    server: Server, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, str, http.client.HTTPMessage]:
    port = server.server_address[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.headers


def test_the_page_is_for_this_machine_by_its_own_names(local: Server) -> None:
    port = local.server_address[1]
    status, text, headers = ask(local, "/")
    assert (status, text) == (200, "<p>the room</p>")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask(local, "/", host=f"localhost:{port}")[0] == 200
    for strange in ("evil.example", f"evil.example:{port}", "127.0.0.1", "localhost:1"):
        assert ask(local, "/", host=strange)[0] == 404, strange


@pytest.mark.parametrize("path", ["/index.html", "/..", "/etc/passwd", "/%2e%2e/"])
def test_there_is_no_other_page(local: Server, path: str) -> None:
    assert ask(local, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_reading(local: Server, method: str) -> None:
    assert ask(local, "/", method)[0] == 501


def test_head_has_no_body(local: Server) -> None:
    status, text, headers = ask(local, "/", "HEAD")
    assert (status, text, headers["Content-Length"]) == (200, "", "15")


def test_elsewhere_only_the_token_opens_the_page(tokened: Server) -> None:
    assert ask(tokened, "/s3cret/", host="room.example")[0] == 200
    for wrong in ("/", "/s3cret", "/s3crex/", "/S3CRET/", "/s3cret/x"):
        status, text, _ = ask(tokened, wrong)
        assert (status, "s3cret" in text) == (404, False), wrong


def test_too_many_connections_are_closed(local: Server) -> None:
    address = ("127.0.0.1", local.server_address[1])
    held = [socket.create_connection(address, 5) for _ in range(40)]
    closed = 0
    for connection in held:
        connection.settimeout(0.2)
        try:
            closed += connection.recv(1) == b""
        except TimeoutError:
            pass
        except ConnectionResetError:
            closed += 1
    assert closed == 8
    for connection in held:
        connection.close()


@pytest.mark.parametrize(
    ("words", "address", "port"),
    [
        ("", "127.0.0.1", 8018),
        (":9000", "127.0.0.1", 9000),
        ("localhost:1", "127.0.0.1", 1),
        ("[::1]:7", "::1", 7),
        ("127.0.0.1", "127.0.0.1", 8018),
    ],
)
def test_the_loopback_address_needs_no_token(words: str, address: str, port: int) -> None:
    assert parse_place(words) == Place(address, port, "")


def test_any_other_address_gets_a_long_token_each_time_another() -> None:
    first, second = parse_place("0.0.0.0:80"), parse_place("0.0.0.0:80")
    assert len(first.token) >= 32
    assert first.token != second.token
    assert first.url(80).endswith(f"/{first.token}/")
    assert socket.gethostname() in first.url(80)


@pytest.mark.parametrize("words", ["room.example:80", "127.0.0.1:x", "1.2.3:4", "127.0.0.1:99999"])
def test_what_is_no_address_is_one_line(words: str) -> None:
    with pytest.raises(LabError, match="no address"):
        parse_place(words)


def test_a_port_that_is_taken_is_one_line(local: Server) -> None:
    with pytest.raises(LabError, match="cannot listen"):
        Server(Place("127.0.0.1", local.server_address[1], ""), str)


def test_all_that_comes_from_a_machine_is_text_on_the_page() -> None:
    hostile = "</td><script>alert(1)</script>\x1b[31m\u202e&"
    status = Status(hostile, hostile, hostile, 1, 2, help=HelpCall(0, hostile))
    seen = SeenFile(0, read_status(write_status(status)))
    machine = Machine(hostile, Answer(0.0, 100, (seen,)), 0.0, hostile)
    out = io.StringIO()
    write_live(rows_of([machine], 5.0, Limits(), {}), "12:00:00", 5, out)
    page = out.getvalue()
    assert "<script" not in page
    assert "alert(1)" in page
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", page)
    assert '<meta http-equiv="refresh" content="5">' in page
