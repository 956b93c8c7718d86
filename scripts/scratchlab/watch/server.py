"""The page of a room for browsers: read only, on the loopback address unless another is chosen."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scratchlab.errors import LabError
from scratchlab.text import visible

LOOPBACK = "127.0.0.1"
PORT = 8018
MOST_AT_ONCE = 32  # connections; more are closed without an answer
SECONDS = 10  # for a browser to ask
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is served. Without ``token`` the address is this machine's own."""

    address: str
    port: int
    token: str

    @property
    def path(self) -> str:
        """The path of the page."""
        return f"/{self.token}/" if self.token else "/"

    def url(self, port: int) -> str:
        """The page's URL, with the ``port`` that the system gave."""
        any_address = self.address in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = socket.gethostname() if any_address else self.address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{self.path}"


def parse_place(words: str) -> Place:
    """``ADDRESS:PORT``, ``ADDRESS``, ``:PORT`` or nothing. Raises LabError.

    An address that others can reach gets a token, which the URL has.
    """
    host, colon, digits = words.rpartition(":")
    if not colon or words.endswith("]"):
        host, digits = words, ""
    host = host.removeprefix("[").removesuffix("]")
    host = LOOPBACK if host in ("", "localhost") else host
    try:
        address = ipaddress.ip_address(host)
        port = int(digits) if digits else PORT
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        remedy = f"write one as {LOOPBACK}:{PORT} or [::1]:{PORT}"
        raise LabError(f"{visible(words)} is no address with a port", remedy)
    return Place(str(address), port, "" if address.is_loopback else secrets.token_urlsafe(24))


class Server(ThreadingHTTPServer):
    """Serves what ``make`` returns at ``place``, to GET and HEAD. Raises LabError."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, place: Place, make: Callable[[], str]) -> None:
        self.place, self.make = place, make
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
        try:
            super().__init__((place.address, place.port), _Handler)
        except OSError as error:
            what = f"cannot listen on {place.address}:{place.port}: {error.strerror}"
            raise LabError(what, f"choose another port: --serve {place.address}:0") from error

    @property
    def url(self) -> str:
        """The page's URL."""
        return self.place.url(self.server_address[1])

    def process_request(self, request: object, client_address: object) -> None:
        """Answer in a thread, if there are not too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)  # type: ignore[arg-type]
        else:
            self.shutdown_request(request)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Answer one connection."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """The terminal stays quiet: a browser went away."""

    def known(self, path: str, host: str) -> bool:
        """Whether a request for ``path`` with the header ``Host`` gets the page.

        A page of another site may name the loopback address under a name of its own (DNS
        rebinding), so there the header counts; elsewhere the token does.
        """
        asked = path.partition("?")[0].encode("utf-8", "surrogateescape")
        right = hmac.compare_digest(asked, self.place.path.encode())
        if self.place.token:
            return right
        port = self.server_address[1]
        own = {f"{name}:{port}" for name in ("localhost", LOOPBACK, "[::1]")}
        return right and host.lower() in {*own, self.place.url(port).split("/")[2]}


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "scratchlab", ""
    timeout = SECONDS

    def do_GET(self) -> None:
        """Answer with the page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the head of the page."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        status, kind, text = 404, "text/plain", "There is no such page here.\n"
        if self.server.known(self.path, self.headers.get("Host") or ""):
            status, kind, text = 200, "text/html", self.server.make()
        data = text.encode("utf-8", "backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The terminal stays quiet; a log would have the token."""
