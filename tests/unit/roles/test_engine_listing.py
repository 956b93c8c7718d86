"""An engine is asked for everything or not at all, and the reason why not is the true one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import engine_listing as listing
from ansible_collections.scratchlab.lab.plugins.module_utils import patience


@contextmanager
def engine(path: Path, status: str, body: str, *, silent: bool = False) -> Iterator[str]:
    """A socket that answers once."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                if silent:
                    done.wait(10)
                    return
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall((head + body).encode())

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield str(path)
        finally:
            done.set()
            thread.join()


def test_answer_is_the_document(tmp_path: Path) -> None:
    with engine(tmp_path / "s", "200 OK", '[{"Id": "a"}]') as path:
        assert listing.answer("/images/json", path=path) == [{"Id": "a"}]


def test_what_an_engine_does_not_have_is_empty(tmp_path: Path) -> None:
    with engine(tmp_path / "s", "404 Not Found", '{"message": "no such image"}') as path:
        assert listing.answer("/images/a/json", path=path) == {}


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (
            "500 Error",
            '{"message": "layer missing"}',
            "refuses GET /x: layer",
        ),
        ("200 OK", "{", "no engine answers"),
    ],
)
def test_other_answers_are_none(tmp_path: Path, status: str, body: str, why: str) -> None:
    with (
        engine(tmp_path / "s", status, body) as path,
        pytest.raises(listing.Unanswered, match=why),
    ):
        listing.answer("/x", path=path)


@pytest.mark.parametrize(("slowness", "asked", "limit"), [(1.0, "", 1), (1.5, "2", 3)])
def test_engine_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slowness: float, asked: str, limit: int
) -> None:
    monkeypatch.setattr(patience, "SLOWNESS", slowness)
    monkeypatch.setenv(patience.VARIABLE, asked)
    with (
        engine(tmp_path / "s", "", "", silent=True) as path,
        pytest.raises(listing.Unanswered, match=f"within {limit} s; if this machine is slow"),
    ):
        listing.answer("/x", seconds=1, path=path)


def test_missing_and_dead_sockets_are_told(tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(dead))
    for path, why in ((tmp_path / "none", "No such file"), (dead, "refused")):
        with pytest.raises(listing.Unanswered, match=why):
            listing.answer("/x", path=str(path))


def ctr(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a ctr of the test's own on the path; return a socket that exists."""
    program = folder / "ctr"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(listing, "SEARCH", str(folder))
    (folder / "socket").touch()
    return str(folder / "socket")


def test_namespaces_are_those_of_every_containerd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_ = ctr(tmp_path, '[ "$1 $2" = "--address $0" ] || printf "moby\\nmine\\n"', monkeypatch)
    assert listing.namespaces([socket_, str(tmp_path / "none")]) == ["mine", "moby"]


def test_containerd_that_cannot_be_asked_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_ = ctr(tmp_path, "echo 'ctr: connection refused' >&2; exit 1", monkeypatch)
    with pytest.raises(listing.Unanswered, match=r"socket \(ctr: connection refused\)"):
        listing.namespaces([socket_])
    (tmp_path / "ctr").unlink()
    with pytest.raises(listing.Unanswered, match="without ctr"):
        listing.namespaces([socket_])
    assert listing.namespaces([str(tmp_path / "none")]) == []


def test_stores_that_the_engine_does_not_show_are_found(tmp_path: Path) -> None:
    data = str(tmp_path)
    for path in (
        "image/overlay2/imagedb/content/sha256/aa",
        "image/vfs/imagedb/content/sha256/bb",
        "image/btrfs/imagedb/content/sha256",
        "volumes/shown/_data",
        "165536.165536/image/overlay2/imagedb/content/sha256/cc",
        "165536.165536/volumes/hidden/_data",
    ):
        (tmp_path / path).mkdir(parents=True)
    assert listing.stores(data, "overlay2", data) == [
        f"images of storage driver overlay2 in {data}/165536.165536",
        f"images of storage driver vfs in {data}",
        f"volumes in {data}/165536.165536",
    ]
    remapped = f"{data}/165536.165536"
    assert f"volumes in {data}" in listing.stores(data, "overlay2", remapped)
    assert f"volumes in {remapped}" not in listing.stores(data, "overlay2", remapped)
    assert listing.stores(str(tmp_path / "none"), "overlay2", data) == []


def test_root_behind_a_link_is_the_one_that_the_engine_shows(tmp_path: Path) -> None:
    real = tmp_path / "disk"
    (real / "image/overlay2/imagedb/content/sha256/aa").mkdir(parents=True)
    (real / "volumes/shown/_data").mkdir(parents=True)
    (tmp_path / "docker").symlink_to(real)
    assert listing.stores(str(tmp_path / "docker"), "overlay2", str(real)) == []


def test_files_that_no_engine_made_are_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("overlay2", "volumes", "165536.165536", "backup", "image.tar"):
        (tmp_path / name).mkdir()
    made = listing.MADE[listing.ENGINE_DATA]
    monkeypatch.setattr(listing, "MADE", {str(tmp_path): made})
    assert listing.strangers([str(tmp_path)]) == [f"{tmp_path}/backup", f"{tmp_path}/image.tar"]
