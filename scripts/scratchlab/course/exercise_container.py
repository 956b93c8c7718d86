"""The container of an exercise: start it beside the lab's own, and remove it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound

from scratchlab.classroom.exercise import Exercise
from scratchlab.errors import LabError
from scratchlab.labels import LABEL, is_ours

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

CONTAINER = "exercise"
_LABELS = {LABEL: "1"}  # ./lab reset and ./lab destroy remove objects with this label
_CONTENT = b"It was not there yesterday.\n"


def start(engine: EngineClient, image: str, exercise: Exercise) -> None:
    """Run ``image`` with the change of ``exercise``; replaces an earlier one. Raises LabError."""
    stop(engine)
    api: Any = engine.client.api
    try:
        _STARTERS[exercise.method](api, image, exercise.path)
    except APIError as error:
        what = f"the engine refused the exercise: {error.explanation or error}"
        raise LabError(what, f"is there an image {image}? ./lab builds it") from error


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


def _run(api: Any, image: str, **host: Any) -> str:
    config = api.create_host_config(**host)
    container = api.create_container(image, name=CONTAINER, labels=_LABELS, host_config=config)
    api.start(container["Id"])
    return str(container["Id"])


def _write(api: Any, image: str, path: str) -> None:
    _put_file(api, _run(api, image), path)


def _bind(api: Any, image: str, path: str) -> None:
    # Every host has this file, and it holds no secret.
    _run(api, image, binds=[f"/etc/os-release:{path}:ro"])


def _tmpfs(api: Any, image: str, path: str) -> None:
    _run(api, image, tmpfs={path: "size=64k"})


def _device(api: Any, image: str, path: str) -> None:
    _run(api, image, devices=[f"/dev/zero:{path}:r"])


def _layer(api: Any, image: str, path: str) -> None:
    """Run an image of its own, without a name, whose last layer holds the change."""
    container = api.create_container(image, name=CONTAINER, labels=_LABELS)
    _put_file(api, container["Id"], path)
    changed = api.commit(container["Id"], conf={"Labels": _LABELS})["Id"]
    api.remove_container(container["Id"], force=True)
    _run(api, changed)


# Method of scratchlab.classroom.exercise.METHODS -> what starts the container.
_STARTERS: Mapping[str, Callable[[Any, str, str], None]] = {
    "write": _write,
    "bind": _bind,
    "tmpfs": _tmpfs,
    "device": _device,
    "layer": _layer,
}


def _put_file(api: Any, container: str, path: str) -> None:
    """Put a small file into a container, with the directories above it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            directory = tarfile.TarInfo("/".join(parts[:depth]))
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        file = tarfile.TarInfo(path.strip("/"))
        file.size, file.mode = len(_CONTENT), 0o644
        tar.addfile(file, io.BytesIO(_CONTENT))
    api.put_archive(container, os.sep, archive.getvalue())
