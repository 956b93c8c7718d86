"""The image of a debug container: FROM scratch, one file, made by the engine's API alone."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

import docker.errors
import requests

from scratchlab.agent import binary
from scratchlab.errors import LabError
from scratchlab.experiments.names import IMAGE_LABEL

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

PROGRAM = "/agent"


def load(client: EngineClient) -> str:
    """Put the image with the agent into the engine; gives its name.

    The same agent has the same name everywhere: what a run left that was killed, the next one
    uses and removes. Raises LabError when there is no agent for the engine's processor, or the
    engine refuses.
    """
    architecture = str(client.version().get("Arch") or "")
    program = binary(architecture)
    name = f"scratchlab-agent:{hashlib.sha256(program).hexdigest()[:16]}"
    api = client.client.api
    answer = api.load_image(archive(program, architecture, name))  # type: ignore[no-untyped-call]
    for line in answer or ():
        if line.get("error"):
            raise LabError(f"{client.name} did not take the agent's image: {line['error']}")
    return name


def unload(client: EngineClient, name: str) -> None:
    """Remove the image, unless another run still uses it."""
    with contextlib.suppress(docker.errors.APIError, requests.RequestException):
        client.client.api.remove_image(name)


def archive(program: bytes, architecture: str, name: str) -> bytes:
    """An image archive as ``docker save`` writes it: one layer, one file."""
    layer = _tar({PROGRAM.strip("/"): program})
    diff_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Entrypoint": [PROGRAM], "Labels": {IMAGE_LABEL: "1"}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "scratchlab"}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{diff_id}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]
    return _tar(
        {config_name: config, layer_name: layer, "manifest.json": json.dumps(manifest).encode()}
    )


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()
