"""Images with odd content, imported as an archive: each is explained, and the host and a debug
container read the same.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from tests.integration.conftest import BUSYBOX, SESSION, Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
D, S, L = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
_CAPABILITY = "\x01\0\0\x02\x02" + "\0" * 15
Member = tuple[str, bytes, dict[str, Any]]


def member(name: str, type_: bytes = tarfile.REGTYPE, **fields: Any) -> Member:
    return name, type_, fields


NODES = [
    member("d", D), member("d/null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    member("d/block", tarfile.BLKTYPE, devmajor=7, mode=0o600),
    member("d/fifo", tarfile.FIFOTYPE, mode=0o622), member("d/again", L, linkname="d/null"),
    member("d/pipe", L, linkname="d/fifo"), member("d/link", S, linkname="x"),
    member("d/same", L, linkname="d/link"),
]  # fmt: skip
NAMES = [
    member("n", D), *(member(f"n/{name}") for name in ("a\nb", "x" * 255, "\udcff", " ", "\x1b[m")),
    member("old", mtime=-5), member("late", mtime=4e9), member("suid", mode=0o6755),
    member("none", mode=0), member("own", uid=2**31 - 5, gid=2**32 - 2),
    member("up", S, linkname="/../../../etc"), member("self", S, linkname="self"),
    member("able", pax_headers={"SCHILY.xattr.security.capability": _CAPABILITY}),
    member("noted", pax_headers={"SCHILY.xattr.user.note": "1"}),
    *(member("/".join(["d" * 200] * depth), D) for depth in range(1, 19)),
]  # fmt: skip
# What is marked as removed, and that no layer below has: overlayfs lists such names.
WHITEOUTS = [member("w", D), member("w/.wh.gone"), member("w/kept")]
PLACES = [
    member("real", D), member("dev", S, linkname="real"), member("etc", D),
    member("etc/hosts", S, linkname="../own"), member("own"), member("run"),
    member("proc", D, mode=0o700), member("proc/own"), member("sys", D), member("sys/own"),
]  # fmt: skip
DANGLING = [member("etc", S, linkname="a/b"), member("a", D), member("a/b", S, linkname="../none")]


@pytest.fixture
def imported(docker_client: docker.DockerClient, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an image with the members of the parameter, beside a busybox."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        program = BUSYBOX.read_bytes()
        for name, type_, fields in (member("sleep", size=len(program)), *request.param):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = type_, 0o755, 1_700_000_000
            for field, value in fields.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(program if info.size else b""))
    name = f"{SESSION}-odd"
    docker_client.api.import_image_from_data(
        content.getvalue(), repository=name, tag="latest", changes=['CMD ["/sleep", "3600"]']
    )
    yield name
    with suppress(docker.errors.ImageNotFound):
        docker_client.images.remove(name, force=True)


@pytest.mark.parametrize(
    "imported", [NODES, NAMES, WHITEOUTS, PLACES, DANGLING], indirect=True,
    ids=["nodes", "names", "whiteouts", "places", "dangling"],
)  # fmt: skip
def test_everything_is_explained_from_both_vantages(
    imported: str, run_container: Run, tmp_path: Path
) -> None:
    container = run_container(imported)
    digests = set()
    for vantage in ("host", "debug"):
        file = tmp_path / f"{vantage}.json"
        done = subprocess.run(
            [sys.executable, "-m", "scratchlab", "verify", str(container.id),
             "--vantage", vantage, "--json", str(file)],
            env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        digests.add(json.loads(file.read_text())["container"]["ledger_digest"])
    assert len(digests) == 1
