"""What Docker and podman have in common: the Docker API, spoken by the docker SDK."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, ClassVar, Self

import docker
import docker.errors

from scratchlab.collect.engines.faults import mended
from scratchlab.collect.engines.stream import stream
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime

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
        mend = f"list them: {self.name} ps -a"
        if alike:
            mend = f"did you mean {' or '.join(alike)}? {mend}"
        return LabError(f"no such container in {self.name}: {ref or '(empty name)'}", mend)
