"""The container of an exercise: start it beside the lab's own, and remove it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound

from scratchlab.classroom.exercise import LEVELS, Exercise
from scratchlab.errors import LabError
from scratchlab.labels import IMAGE_LABEL, LABEL, is_ours
from scratchlab.remedy import advise, lab

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

CONTAINER = "exercise"
LEVEL_LABEL = "io.scratchlab.exercise"  # its level: which exercise the container is
_CONTENT = b"It was not there yesterday.\n"
_MOST_BYTES = 64 << 20  # of the program


def start(engine: EngineClient, image: str, exercise: Exercise) -> None:
    """Run ``image`` with the change of ``exercise``; replaces an earlier one. Raises LabError."""
    stop(engine)
    api: Any = engine.client.api
    starter = _Starter(api, image, {LABEL: "1", LEVEL_LABEL: exercise.level})
    try:
        _STARTERS[exercise.kind](starter, exercise.path)
    except APIError as error:
        stop(engine)
        what = f"the engine refused the exercise: {error.explanation or error}"
        remedy = advise(f"if there is no image {image}, build it", *lab("--tags build"))
        raise LabError(what, remedy) from error


def running_level(engine: EngineClient) -> str:
    """The level of the exercise that runs. Raises LabError where none does."""
    api: Any = engine.client.api
    try:
        inspect = api.inspect_container(CONTAINER)
    except NotFound as error:
        raise LabError("no exercise runs", "scratchlab exercise start") from error
    level = (inspect["Config"].get("Labels") or {}).get(LEVEL_LABEL, "")
    if level not in LEVELS or not inspect["State"].get("Pid"):
        what = f"the container {CONTAINER} is not an exercise, or it does not run"
        raise LabError(what, "scratchlab exercise start")
    return str(level)


def stop(engine: EngineClient) -> bool:
    """Remove the container of the exercise; returns whether there was one.

    Raises LabError where a container of that name is not the lab's.
    """
    api: Any = engine.client.api
    try:
        inspect = api.inspect_container(CONTAINER)
    except NotFound:
        return False
    if not is_ours(inspect["Config"].get("Labels")):
        raise LabError(
            f"the container {CONTAINER} is not the lab's, so it stays as it is",
            f"{engine.name} rename {CONTAINER} my-{CONTAINER}",
        )
    api.remove_container(inspect["Id"], force=True, v=True)
    image = api.inspect_image(inspect["Image"])
    if is_ours((image["Config"] or {}).get("Labels")) and not image.get("RepoTags"):
        api.remove_image(image["Id"], force=True)  # it was made for the exercise
    return True


# The value tells this image from one that a user commits, which inherits the lab image's own.
_COMMITTED = {LABEL: "1", IMAGE_LABEL: "exercise"}


class _Starter:
    """Starts the exercise's container from ``image`` and changes it, by the engine's API alone."""

    def __init__(self, api: Any, image: str, labels: Mapping[str, str]) -> None:
        self._api, self._image, self._labels = api, image, dict(labels)

    def create(self, **options: Any) -> str:
        """A container that is not started; returns its id."""
        host = self._api.create_host_config(**options.pop("host", {}))
        made = self._api.create_container(
            self._image, name=CONTAINER, labels=self._labels, host_config=host, **options
        )
        return str(made["Id"])

    def run(self, **options: Any) -> str:
        """A running container; returns its id."""
        identity = self.create(**options)
        self._api.start(identity)
        return identity

    def write(self, path: str, **changes: Any) -> None:
        """Run it, then put an entry into it. ``changes`` are fields of its tar header."""
        self.put(self.run(), path, _CONTENT, **changes)

    def rewrite(self, path: str, *, flip: bool = False, **changes: Any) -> None:
        """Run it, then write the program at ``path`` again with other fields or bytes."""
        identity = self.run()
        header, content = self.get(identity, path)
        if flip:
            content = content[:-1] + bytes([content[-1] ^ 1])
        fields = {"mode": header.mode, "uid": header.uid, "gid": header.gid, "mtime": header.mtime}
        self.put(identity, path, content, **{**fields, **changes})

    def layer(self, path: str, content: bytes | None = None, **changes: Any) -> None:
        """Run an image of its own, without a name, whose last layer holds the change."""
        identity = self.create()
        if content is None:
            header, content = self.get(identity, path)
            changes = {"mtime": header.mtime, **changes}
        self.put(identity, path, content, **changes)
        self._image = self._api.commit(identity, conf={"Labels": _COMMITTED})["Id"]
        self._api.remove_container(identity, force=True)
        self.run()

    def get(self, identity: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
        """A file of the container: its tar header and its content."""
        spool = io.BytesIO()
        for chunk in self._api.get_archive(identity, path)[0]:
            spool.write(chunk)
            if spool.tell() > _MOST_BYTES:
                raise LabError(f"{path} of {self._image} is larger than {_MOST_BYTES} B")
        spool.seek(0)
        with tarfile.open(fileobj=spool) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None else None
            if member is None or file is None:
                raise LabError(f"{path} of {self._image} is not a file", "choose the image sleep")
            return member, file.read()

    def put(self, identity: str, path: str, content: bytes, **changes: Any) -> None:
        """Put an entry into a container, with the directories above it that are not there."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                directory = tarfile.TarInfo("/".join(parts[:depth]))
                directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(directory)
            file = tarfile.TarInfo(path.strip("/"))
            file.mode = 0o644
            for name, value in changes.items():
                setattr(file, name, value)
            file.size = len(content) if file.isreg() else 0
            tar.addfile(file, io.BytesIO(content) if file.isreg() else None)
        self._api.put_archive(identity, os.sep, archive.getvalue())


# Kind of scratchlab.classroom.exercise.KINDS -> what starts the container. Every host has the file
# /etc/os-release, and it holds no secret.
_STARTERS: Mapping[str, Callable[[_Starter, str], object]] = {
    "write": lambda s, path: s.write(path),
    "bind": lambda s, path: s.run(host={"binds": [f"/etc/os-release:{path}:ro"]}),
    "tmpfs": lambda s, path: s.run(host={"tmpfs": {path: "size=64k"}}),
    "volume": lambda s, path: s.run(volumes=[path]),
    "device": lambda s, path: s.run(host={"devices": [f"/dev/zero:{path}:r"]}),
    "layer": lambda s, path: s.layer(path, _CONTENT),
    "link": lambda s, path: s.write(path, type=tarfile.SYMTYPE, linkname="/etc/hosts"),
    "fifo": lambda s, path: s.write(path, type=tarfile.FIFOTYPE),
    "mode": lambda s, path: s.rewrite(path, mode=0o700),
    "owner": lambda s, path: s.rewrite(path, uid=1000, gid=1000),
    "over-engine-file": lambda s, path: s.run(host={"binds": [f"/etc/os-release:{path}:ro"]}),
    "deep-device": lambda s, path: s.run(host={"devices": [f"/dev/null:{path}:r"]}),
    "layer-mode": lambda s, path: s.layer(path, mode=0o4755),
    "content": lambda s, path: s.rewrite(path, flip=True),
    "time": lambda s, path: s.rewrite(path, mtime=86400),
    "engine-file-forged": lambda s, path: s.write(path, mode=0o755),
}
