"""What Docker and podman share: an engine behind the Docker API, through the Docker SDK."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar, Self

import docker
import docker.errors
import requests
import urllib3

from scratchlab.collect.engines.connection import ANSWER_SECONDS, engine_errors
from scratchlab.deadlines import allowed
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

_BUFFER = 1 << 20  # bytes
_TIMEOUT = 10.0  # seconds for RUNTIME --version
# runc 1.1.5 prints "runc version 1.1.5+ds1", crun 1.8.1 "crun version 1.8.1", gVisor "runsc version
# release-20240415.0".
_VERSION = re.compile(r"^(\S+) version (\S+)", re.MULTILINE)
# The characters of names: moby v20.10.24 daemon/names/names.go; distribution/reference v0.5
# regexp.go. Other characters must not reach the path of a URL.
_CONTAINER = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]*")
# Docker Engine API, "Get changes on a container's filesystem": Kind.
_CHANGE_KINDS = {0: "changed", 1: "added", 2: "deleted"}
_IMAGE = re.compile(r"[a-zA-Z0-9_.:/@-]+")


class SdkEngine:
    """An engine that answers the Docker API; see ``EngineClient`` for what its methods return."""

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
        """Close the connection; end the tunnel or podman service that was started for it."""
        self.client.close()
        if self._cleanup is not None:
            self._cleanup()

    def facts(self) -> Engine:
        """The facts of the engine. Raises LabError when it does not answer."""
        raise NotImplementedError

    def runtime(self, inspect: Json, *, local: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes."""
        raise NotImplementedError

    def info(self) -> Json:
        """The answer of ``docker info``, requested once."""
        return self._once("info", self.client.api.info)

    def version(self) -> Json:
        """The server's part of ``docker version``, requested once."""
        return self._once("version", self.client.api.version)

    def components(self) -> dict[str, Json]:
        """The components of ``docker version``, by name."""
        return {part["Name"]: part for part in self.version().get("Components") or []}

    def running_containers(self, labels: Sequence[str] = ()) -> list[Json]:
        """The running containers with ``labels``; see ``EngineClient``."""
        with engine_errors(self.url, self.name):
            listed: list[Json] = self.client.api.containers(filters={"label": list(labels)})
        return listed

    def inspect_container(self, ref: str) -> Json:
        """The engine's description of the container ``ref`` (a name or an id).

        Raises LabError when there is no such container; it suggests similar names.
        """
        with engine_errors(self.url, self.name):
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
        with engine_errors(self.url, self.name):
            try:
                answer: Json = self.client.api.inspect_image(ref)  # type: ignore[no-untyped-call]
            except docker.errors.NotFound as error:
                raise unknown from error
        return answer

    @contextlib.contextmanager
    def save(self, ref: str) -> Iterator[BinaryIO]:
        """The archive of the image ``ref``, as ``docker save`` writes it, as a stream.

        Reading raises LabError when the engine ends the answer too early.
        """
        self.inspect_image(ref)
        with engine_errors(self.url, self.name):
            chunks = self.client.api.get_image(ref)
            with io.BufferedReader(_ChunkStream(chunks, f"the image {ref}"), _BUFFER) as archive:
                yield archive

    def changes(self, container: str) -> Mapping[str, str] | None:
        """What `docker diff` lists; see ``EngineClient``."""
        try:
            listed: list[Any] = self.client.api.diff(container) or []
        except (docker.errors.APIError, requests.RequestException):
            return None
        return {
            str(change["Path"]): _CHANGE_KINDS.get(change["Kind"], "changed") for change in listed
        }

    def _inspect(self, ref: str) -> Json:
        answer: Json = self.client.api.inspect_container(ref)
        return answer

    def _once(self, key: str, request: Callable[[], Json]) -> Json:
        if key not in self._answers:
            with engine_errors(self.url, self.name):
                self._answers[key] = request()
        return self._answers[key]

    def _no_container(self, ref: str) -> LabError:
        containers = self.client.api.containers(all=True)
        names = sorted(name.lstrip("/") for item in containers for name in item.get("Names") or [])
        similar = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
        similar += [name for name in names if ref and ref in name and name not in similar][:3]
        remedy = f"list them: {self.name} ps -a"
        if similar:
            remedy = f"did you mean {' or '.join(similar)}? {remedy}"
        return LabError(f"no such container in {self.name}: {ref or '(empty name)'}", remedy)


class _PatientApi(docker.APIClient):
    @property
    def timeout(self) -> int:
        """The seconds to wait for an answer, which follow the machine's pace."""
        return round(allowed(ANSWER_SECONDS))

    @timeout.setter
    def timeout(self, seconds: int) -> None:
        """Ignored: the SDK sets it once, when it connects."""

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Like requests, but the engine's own authority (DOCKER_CERT_PATH) goes before
        REQUESTS_CA_BUNDLE, which requests prefers to the session's ``verify`` (requests#3829).
        """
        preferred = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, preferred, cert)


class PatientClient(docker.DockerClient):
    """A ``docker.DockerClient`` that waits longer on a slow machine, and trusts the authority that
    its TLS settings name.
    """

    def __init__(self, **arguments: Any) -> None:
        self.api = _PatientApi(**arguments)


class _ChunkStream(io.RawIOBase):
    """The chunks of an HTTP answer as one stream; ``what`` names it in the error message."""

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
                "check whether the engine still runs, then try again",
            ) from error


def parse_runtime_version(text: str) -> str:
    """The version in the output of ``RUNTIME --version``; empty where there is none."""
    match = _VERSION.search(text)
    return match[2] if match else ""


def query_runtime_version(path: str) -> Runtime:
    """The OCI runtime ``path`` with the version that ``path --version`` prints (empty if none).

    ``path`` comes from the engine's own configuration: the engine runs that program as root.
    """
    name = os.path.basename(path)
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=allowed(_TIMEOUT),
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return Runtime(name, "")
    return Runtime(name, parse_runtime_version(done.stdout))
