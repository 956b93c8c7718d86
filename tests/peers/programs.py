"""The peers: how each is asked about one image, and how its answer is compared with the ledger."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchlab import render
from scratchlab.collect.image import ImageArchive, read_archive, read_directory
from scratchlab.collect.live import read_tree
from scratchlab.errors import LabError
from scratchlab.idmap import IdMap
from scratchlab.judge.compare import compare
from scratchlab.ledger import Ledger
from scratchlab.model import Kind, Status
from tests.integration.test_mtree import GO_CHECK
from tests.peers.cases import Case
from tests.unit.image.archives import classic, image
from tests.unit.image.build import file, layer

SECONDS = 120.0
_MTREE_FIELDS = ("type", "mode", "uid", "gid", "size", "link", "sha256digest")
_TYPES = {
    Kind.FILE: "file", Kind.DIRECTORY: "dir", Kind.SYMLINK: "link", Kind.FIFO: "fifo",
    Kind.CHAR: "char", Kind.BLOCK: "block",
}  # fmt: skip

# +-rw-r--r--   0 4000000000    12345        1 1970-01-01 00:00:00.000000 etc/d/3; an owner may also
# be "name (3)".
_OWNER = r" +(?:\S+ \()?(\d+)\)?"
_LISTED = re.compile(rf"\+(\S{{10}}) +\d+{_OWNER}{_OWNER} +(\S+) \S+ \S+ (.*)")


Facts = dict[str, str]  # keyword of mtree -> value


class NotAskedError(Exception):
    """The case has nothing that the peer was not asked before."""


class CannotError(Exception):
    """The peer has no answer for this case; the message says why."""


@dataclass(frozen=True)
class Peer:
    """One program: Debian's ``package``, and what it is asked. ``ask`` returns how it disagrees,
    "" for not at all; it raises CannotError.
    """

    name: str
    package: str
    question: str
    ask: Callable[[Case, ImageArchive, Path], str]

    def version(self) -> str | None:
        """The version of the package; None where it is not installed."""
        done = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", self.package],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        state, _, version = done.stdout.partition(" ")
        return version if state == "installed" else None


def ours(case: Case) -> ImageArchive:
    """What scratchlab reads."""
    if case.path.is_dir():
        return read_directory(str(case.path))
    with open(case.path, "rb") as stream:
        return read_archive(stream)


def run(*command: str | Path, data: bytes = b"", **variables: str) -> bytes:
    """What a program prints; raises CannotError with its last line where it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command], input=data, capture_output=True, check=False,
            timeout=SECONDS, env={**os.environ, "LC_ALL": "C.UTF-8", **variables},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotError(f"no answer in {SECONDS:.0f} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise CannotError(re.sub(r"/tmp/\S*/", "", lines[-1]))
    return done.stdout


def ask_skopeo(case: Case, found: ImageArchive, _work: Path) -> str:
    """The configuration's digest, and the diff_ids in it."""
    config = run("skopeo", "inspect", "--config", "--raw", f"{case.transport}:{case.path}")
    diff_ids = tuple(json.loads(config)["rootfs"]["diff_ids"] or ())
    return "" if diff_ids == found.image.diff_ids else f"diff_ids {diff_ids}"


def ask_umoci(case: Case, found: ImageArchive, work: Path) -> str:
    """Every entry of the root filesystem that it unpacks."""
    with read_root(unpacked(case, work)) as root:
        return differences(found.ledger, root)


def ask_gomtree(case: Case, found: ImageArchive, work: Path) -> str:
    """Our manifest, held against what umoci unpacked."""
    program = work / "gomtree"
    if not program.exists():
        (work / "main.go").write_text(GO_CHECK)
        run("go", "build", "-o", program, work / "main.go", GO111MODULE="off",
            GOPATH="/usr/share/gocode", GOCACHE=str(work / "go"))  # fmt: skip
    root = unpacked(case, work)
    lines = run(program, root, data=manifest(found.ledger)).decode(errors="replace").splitlines()
    # The root directory itself is in no layer.
    return "; ".join(line for line in lines if not re.match(r"\S+ \.? ?\[?$|\S+ \. ", line))


def ask_mtree(case: Case, found: ImageArchive, work: Path) -> str:
    """The same, by NetBSD's program."""
    root = unpacked(case, work)
    done = subprocess.run(
        ["mtree", "-p", str(root)], input=manifest(found.ledger), capture_output=True, check=False
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    return "; ".join(lines[:3]) if done.returncode else ""


def ask_bsdtar(case: Case, _found: ImageArchive, _work: Path) -> str:
    """Type, mode, owner, size and SHA-256 of each entry of each layer by itself."""
    wanted = ",".join(_MTREE_FIELDS)
    return _by_layer(
        case,
        lambda layer: _mtree_entries(
            run("bsdtar", "-cf", "-", "--format=mtree", f"--options=mtree:!all,{wanted}",
                f"@{layer}")
        ),
    )  # fmt: skip


def ask_diffoscope(case: Case, _found: ImageArchive, work: Path) -> str:
    """Type, mode, owner and size of each entry of each layer, against a layer with nothing else."""
    other = work / "other.tar"
    other.write_bytes(layer(file("another", b"x")))
    return _by_layer(case, lambda path: _diffoscope_entries(other, path))


def _by_layer(case: Case, ask: Callable[[Path], dict[str, Facts]]) -> str:
    """Compare what ``ask`` says of each layer with the ledger of an image of that layer alone."""
    if not case.layers:
        raise NotAskedError
    wrong = []
    for number, path in enumerate(case.layers):
        try:
            found = read_archive(io.BytesIO(classic(image(path.read_bytes()))))
        except LabError as error:
            raise CannotError(f"a layer that means nothing alone ({error.what})") from None
        theirs = {name: facts for name, facts in ask(path).items() if "/.wh." not in name}
        with found.ledger:
            wrong += [f"layer {number}, {line}" for line in _compared(found.ledger, theirs)]
    return "; ".join(wrong[:3])


def _compared(ledger: Ledger, theirs: dict[str, Facts]) -> Iterator[str]:
    """How the entries of both differ, in the facts that the peer tells."""
    for entry in ledger:
        facts = theirs.pop(entry.path, None)
        if facts is None:
            # A directory that no header describes, or the root.
            if entry.kind is not Kind.DIRECTORY:
                yield f"{entry.path} is missing"
            continue
        own = {"type": _TYPES[entry.kind], "uid": str(entry.uid), "gid": str(entry.gid)}
        if entry.kind is not Kind.SYMLINK:
            own["mode"] = f"{entry.mode:o}"
        if entry.kind is Kind.FILE and not entry.links:
            own |= {"size": str(entry.size), "sha256digest": str(entry.sha256)}
        for key, value in own.items():
            if facts.get(key, value) != value:
                yield f"{entry.path}: {key} {facts[key]}, not {value}"
    yield from (f"{path} is more" for path in theirs if path != "/")


def _mtree_entries(listed: bytes) -> dict[str, Facts]:
    entries = {}
    for line in listed.decode().splitlines():
        if line.startswith("."):
            name, *words = line.split()
            facts = dict(word.partition("=")[::2] for word in words)
            if "mode" in facts:
                facts["mode"] = f"{int(facts['mode'], 8):o}"
            entries[_unescaped(name)] = facts
    return entries


def _diffoscope_entries(other: Path, path: Path) -> dict[str, Facts]:
    done = subprocess.run(
        ["diffoscope", "--no-progress", "--json", "-", str(other), str(path)],
        capture_output=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    if done.returncode != 1:
        raise CannotError(f"diffoscope ended with status {done.returncode}")
    listing = _file_list(json.loads(done.stdout))
    if not listing:
        raise CannotError("it shows bytes instead of a list of files")
    entries = {}
    for line in listing.splitlines():
        match = _LISTED.match(line)
        if match and match[1][0] != "h":
            mode, uid, gid, size, name = match.groups()
            facts = {"uid": uid, "gid": gid, "mode": f"{_mode(mode):o}"}
            if mode[0] == "-":
                facts["size"] = size
            name = re.split(r" -> | link to ", name)[0].removeprefix("./").strip("/")
            entries[f"/{name}"] = facts
        elif match:
            name = re.split(r" link to ", match[5])[0].removeprefix("./").strip("/")
            entries[f"/{name}"] = {}
    return entries


def _mode(text: str) -> int:
    """The permission bits of ``-rwsr-xr-t``."""
    bits = sum(1 << (8 - at) for at, letter in enumerate(text[1:]) if letter not in "-ST")
    special = ((3, 0o4000), (6, 0o2000), (9, 0o1000))
    return bits | sum(bit for at, bit in special if text[at] in "sStT")


def _file_list(part: dict[str, Any]) -> str:
    """The differences of the lists of files in a report of diffoscope, "" for none."""
    if part.get("source1") == "file list":
        return str(part.get("unified_diff") or "")
    return next(filter(None, map(_file_list, part.get("details") or [])), "")


def unpacked(case: Case, work: Path) -> Path:
    """The directory to which umoci unpacks the image, by way of a layout that skopeo makes."""
    root = work / "root" / case.path.name
    if not root.exists():
        layout = work / "layout" / case.path.name
        run("skopeo", "--insecure-policy", "copy", "--quiet", f"{case.transport}:{case.path}",
            f"oci:{layout}:it")  # fmt: skip
        root.parent.mkdir(exist_ok=True)
        run("umoci", "raw", "unpack", "--image", f"{layout}:it", root)
    return root


def read_root(directory: Path) -> Ledger:
    """The ledger of a directory."""
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        return read_tree(fd)
    finally:
        os.close(fd)


def differences(image: Ledger, root: Ledger) -> str:
    """The first differences between both, "" for none."""
    found = [
        f"{pair.path}: {pair.status} {', '.join(pair.differences)}".strip()
        for pair in compare(image, root, IdMap(()))
        if pair.status is not Status.SAME and pair.path != "/"
    ]
    return "; ".join(found[:3])


def manifest(ledger: Ledger) -> bytes:
    """The ledger as mtree."""
    out = io.StringIO()
    render.ledger("mtree", ledger, out)
    return out.getvalue().encode("ascii")


def _unescaped(name: str) -> str:
    """A path of mtree(5), with octal escapes, as a ledger has it."""
    raw = re.sub(rb"\\(\d{3})", lambda found: bytes([int(found[1], 8)]), name.encode())
    path = os.fsdecode(raw).removeprefix(".").rstrip("/")
    return path or "/"


PEERS = [
    Peer("skopeo", "skopeo", "the layers' digests", ask_skopeo),
    Peer("umoci", "umoci", "every entry of the root", ask_umoci),
    Peer("bsdtar", "libarchive-tools", "every entry of each layer", ask_bsdtar),
    Peer("diffoscope", "diffoscope-minimal", "every entry of each layer", ask_diffoscope),
    Peer("gomtree", "golang-github-vbatts-go-mtree-dev", "our manifest of the root", ask_gomtree),
    Peer("mtree", "mtree-netbsd", "our manifest of the root", ask_mtree),
]
