"""Setting an exercise up: a container of its own beside the lab's, and its removal."""

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
_LABELS = {LABEL: "1"}  # ./lab reset and ./lab destroy remove what carries it
_CONTENT = b"It was not there yesterday.\n"


def start(engine: EngineClient, image: str, exercise: Exercise) -> None:
    """Run ``image`` with the change in it, in place of an earlier exercise. Raises LabError."""
    stop(engine)
    api: Any = engine.client.api
    try:
        _STAGES[exercise.way](api, image, exercise.path)
    except APIError as error:
        what = f"the engine refused the exercise: {error.explanation or error}"
        raise LabError(what, f"is there an image {image}? ./lab builds it") from error


def stop(engine: EngineClient) -> bool:
    """Remove the exercise; gives whether there was one. Raises LabError for a stranger's."""
    api: Any = engine.client.api
    try:
        found = api.inspect_container(CONTAINER)
    except NotFound:
        return False
    if not is_ours(found["Config"].get("Labels")):
        raise LabError(
            f"the container {CONTAINER} is not the lab's, and stays as it is",
            f"{engine.name} rename {CONTAINER} my-{CONTAINER}",
        )
    api.remove_container(found["Id"], force=True, v=True)
    image = api.inspect_image(found["Image"])
    if is_ours((image["Config"] or {}).get("Labels")) and not image.get("RepoTags"):
        api.remove_image(image["Id"], force=True)  # it was made for the exercise
    return True


def _run(api: Any, image: str, **host: Any) -> str:
    config = api.create_host_config(**host)
    made = api.create_container(image, name=CONTAINER, labels=_LABELS, host_config=config)
    api.start(made["Id"])
    return str(made["Id"])


def _write(api: Any, image: str, path: str) -> None:
    _put(api, _run(api, image), path)


def _bind(api: Any, image: str, path: str) -> None:
    # A file of the host that is everywhere and that nobody minds being read.
    _run(api, image, binds=[f"/etc/os-release:{path}:ro"])


def _tmpfs(api: Any, image: str, path: str) -> None:
    _run(api, image, tmpfs={path: "size=64k"})


def _device(api: Any, image: str, path: str) -> None:
    _run(api, image, devices=[f"/dev/zero:{path}:r"])


def _layer(api: Any, image: str, path: str) -> None:
    """An image of its own, without a name: the change is shipped."""
    made = api.create_container(image, name=CONTAINER, labels=_LABELS)
    _put(api, made["Id"], path)
    shipped = api.commit(made["Id"], conf={"Labels": _LABELS})["Id"]
    api.remove_container(made["Id"], force=True)
    _run(api, shipped)


_STAGES: Mapping[str, Callable[[Any, str, str], None]] = {
    "write": _write,
    "bind": _bind,
    "tmpfs": _tmpfs,
    "device": _device,
    "layer": _layer,
}


def _put(api: Any, container: str, path: str) -> None:
    """Put a small file into a container, with the directories that lead to it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            directory = tarfile.TarInfo("/".join(parts[:depth]))
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        file = tarfile.TarInfo(path.strip("/"))
        file.size, file.mode = len(_CONTENT), 0o644
        tar.addfile(file, io.BytesIO(_CONTENT))
    api.put_archive(container, os.sep, out.getvalue())
