"""An engine's answer as a binary stream that archive readers can read from."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, ClassVar, Self

import docker
import docker.errors
import requests
import urllib3

from scratchlab.collect.engines.reach import mended
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

_BUFFER = 1 << 20


class _Chunks(io.RawIOBase):
    """The chunks of an HTTP answer, one after another."""

    def __init__(self, chunks: Iterator[bytes], what: str) -> None:
        super().__init__()
        self._chunks = chunks
        self._what = what
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(self._next())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise LabError(
                f"the engine broke off while it sent {self._what}",
                "see whether the engine still runs, then try again",
            ) from error


def stream(chunks: Iterator[bytes], what: str) -> io.BufferedReader:
    """A buffered stream over ``chunks``.

    Takes the chunks of an answer and the words that name it in an error. Reading raises LabError
    if the engine breaks off before the end.
    """
    return io.BufferedReader(_Chunks(chunks, what), _BUFFER)


# The docker SDK's client, with one habit of its HTTP library mended.


class _Api(docker.APIClient):
    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """As requests does, but the engine's own authority (DOCKER_CERT_PATH) goes before
        REQUESTS_CA_BUNDLE, which requests prefers to what a session was told (requests#3829).
        """
        chosen = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, chosen, cert)


class Client(docker.DockerClient):
    """``docker.DockerClient``, that trusts the authority that it was told."""

    def __init__(self, **arguments: Any) -> None:
        self.api = _Api(**arguments)


# The version of an OCI runtime, by its own word.


# runc 1.1.5 "runc version 1.1.5+ds1", crun 1.8.1 "crun version 1.8.1", gVisor "runsc version
# release-20240415.0".
_VERSION = re.compile(r"^(\S+) version (\S+)", re.MULTILINE)
_TIMEOUT = 10  # seconds


def parse_version(text: str) -> str:
    """The version in what ``RUNTIME --version`` printed, empty when there is none."""
    match = _VERSION.search(text)
    return match[2] if match else ""


def ask_version(path: str) -> Runtime:
    """Run ``path --version``: the runtime's name and version (empty when it cannot tell).

    ``path`` comes from the engine's own configuration: the program the engine runs as root.
    """
    name = os.path.basename(path)
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return Runtime(name, "")
    return Runtime(name, parse_version(done.stdout))


# What Docker and podman have in common: the Docker API, spoken by the docker SDK.


# moby v20.10.24 daemon/names/names.go; distribution/reference v0.5 regexp.go (its characters).
# Anything else never names one, and must not reach the path of a URL.
_CONTAINER = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_IMAGE = re.compile(r"[a-zA-Z0-9_.:/@-]+")


class SdkEngine:
    """An engine that answers the Docker API. Subclasses know what is their own."""

    name: ClassVar[str]

    def __init__(
        self, client: docker.DockerClient, url: str, cleanup: Callable[[], None] | None = None
    ) -> None:
        self.client = client
        self.url = url
        self._cleanup = cleanup
        self._answers: dict[str, Json] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and end what was started for it (a tunnel, podman's service)."""
        self.client.close()
        if self._cleanup is not None:
            self._cleanup()

    def facts(self) -> Engine:
        """The engine's own facts; raises LabError when it does not answer."""
        raise NotImplementedError

    def runtime(self, inspect: Json, *, here: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes.

        Where the engine does not know its version, the program is asked, unless it is not
        ``here``, on this machine.
        """
        raise NotImplementedError

    def info(self) -> Json:
        """What ``docker info`` says, asked once."""
        return self._once("info", self.client.api.info)

    def version(self) -> Json:
        """What ``docker version`` says of the server, asked once."""
        return self._once("version", self.client.api.version)

    def components(self) -> dict[str, Json]:
        """The components of ``docker version``, by name."""
        return {part["Name"]: part for part in self.version().get("Components") or []}

    def inspect_container(self, ref: str) -> Json:
        """The engine's description of the container ``ref`` (a name or an id).

        Raises LabError when there is no such container, naming those that are spelt alike.
        """
        with mended(self.url, self.name):
            if not _CONTAINER.fullmatch(ref):
                raise self._no_container(ref)
            try:
                return self._inspect(ref.removeprefix("/"))
            except docker.errors.NotFound as error:
                raise self._no_container(ref) from error

    def inspect_image(self, ref: str) -> Json:
        """The engine's description of the image ``ref``; raises LabError when there is none."""
        unknown = LabError(
            f"no such image in {self.name}: {ref or '(empty name)'}",
            f"list them: {self.name} images -a",
        )
        if not _IMAGE.fullmatch(ref):
            raise unknown
        with mended(self.url, self.name):
            try:
                answer: Json = self.client.api.inspect_image(ref)  # type: ignore[no-untyped-call]
            except docker.errors.NotFound as error:
                raise unknown from error
        return answer

    @contextlib.contextmanager
    def save(self, ref: str) -> Iterator[BinaryIO]:
        """The archive of the image ``ref``, as ``docker save`` writes it, as a stream."""
        self.inspect_image(ref)
        with mended(self.url, self.name):
            chunks = self.client.api.get_image(ref)
            with stream(chunks, f"the image {ref}") as archive:
                yield archive

    def _inspect(self, ref: str) -> Json:
        answer: Json = self.client.api.inspect_container(ref)
        return answer

    def _once(self, key: str, ask: Callable[[], Json]) -> Json:
        if key not in self._answers:
            with mended(self.url, self.name):
                self._answers[key] = ask()
        return self._answers[key]

    def _no_container(self, ref: str) -> LabError:
        listed = self.client.api.containers(all=True)
        names = sorted(name.lstrip("/") for one in listed for name in one.get("Names") or [])
        alike = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
        alike += [name for name in names if ref and ref in name and name not in alike][:3]
        remedy = f"list them: {self.name} ps -a"
        if alike:
            remedy = f"did you mean {' or '.join(alike)}? {remedy}"
        return LabError(f"no such container in {self.name}: {ref or '(empty name)'}", remedy)
