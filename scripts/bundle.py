#!/usr/bin/env python3
"""``./lab bundle``: everything that a site without a network needs, in one directory.

Wheels for the lab's own Python environment, proved against the hashes in requirements; Debian
packages for the machines with all their dependencies, proved by apt against the archive's
signature; nothing else. The directory is written aside and renamed, and stays as it is when nothing
changed. offline.py tells its layout.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from offline import (
    LOCKS,
    MANIFEST,
    ROOT,
    SCHEMA,
    BundleError,
    codename,
    damage,
    locks,
    read,
    sha256,
)

# Where another release of Debian than this machine's comes from.
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
# ./lab itself needs the first; the debug image is made from the second; docker_host adds the third
# where the kernel asks for it.
ALWAYS = ("python3-venv", "busybox-static", "apparmor")
# Wheels of any of these run on glibc 2.31 and later: Debian 11, Ubuntu 20.04.
PLATFORMS = ("manylinux_2_31", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "linux")


def main() -> None:
    """Make the bundle, and say where it is."""
    parser = argparse.ArgumentParser(prog="./lab bundle", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build" / "bundle", help="the directory"
    )
    parser.add_argument("--mirror", default=MIRROR, help="for other releases than this machine's")
    parser.add_argument(
        "release", nargs="*", help="of the machines, as in: bookworm trixie (default: this one's)"
    )
    wish = parser.parse_args()
    output = wish.output.absolute()
    try:
        changed = bundle(output, wish.release or [codename()], wish.mirror)
    except (BundleError, OSError) as error:
        sys.exit(f"lab: {error}")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {'made' if changed else 'unchanged'}, {size / 1e6:.0f} MB", file=sys.stderr)
    print(
        "copy it and this directory to the site, and run there: ./lab --offline BUNDLE",
        file=sys.stderr,
    )


def bundle(output: Path, releases: Sequence[str], mirror: str) -> bool:
    """Make the bundle at ``output``; whether anything is new. Raises BundleError."""
    if not shutil.which("apt-get"):
        raise BundleError(
            "a bundle is made with apt-get, on Debian or Ubuntu: run ./lab bundle there"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output.with_name(output.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        aside, old = (output.with_name(output.name + suffix) for suffix in (".new", ".old"))
        for directory in (aside, old):
            shutil.rmtree(directory, ignore_errors=True)
        if output.exists() and not (output / MANIFEST).exists():
            raise BundleError(
                f"{output} is not a bundle, and stays: choose another, --output DIRECTORY"
            )
        aside.mkdir()
        try:
            fill(aside, releases, mirror)
            if same(output, aside):
                return False
            if output.exists():
                output.rename(old)
            aside.rename(output)
        finally:
            for directory in (aside, old):
                shutil.rmtree(directory, ignore_errors=True)
    return True


def fill(directory: Path, releases: Sequence[str], mirror: str) -> None:
    """Write a whole bundle into ``directory``."""
    described = {}
    for release in dict.fromkeys(releases):
        with tempfile.TemporaryDirectory(prefix="scratchlab-bundle-") as place:
            debs = Apt(Path(place), release, mirror).download(wanted_packages())
            pythons = [m[1] for deb in debs if (m := re.match(r"python(3\.\d+)-venv_", deb.name))]
            name = f"packages-{release}.tar"
            repository(directory / name, debs)
            described[release] = {"packages": name, "python": pythons[0]}
    for python in sorted({one["python"] for one in described.values()}):
        wheels(directory / "wheels", python)
    describe(directory, described)


def describe(directory: Path, releases: dict[str, dict[str, str]]) -> None:
    """Write the manifest of what lies in ``directory``."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    manifest = {
        "schema": SCHEMA,
        "machine": platform.machine(),
        "locks": locks(),
        "releases": releases,
        "files": {
            str(path.relative_to(directory)): {"size": path.stat().st_size, "sha256": sha256(path)}
            for path in files
        },
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def same(output: Path, aside: Path) -> bool:
    """Whether the bundle that is there is whole and equals the new one."""
    try:
        there = read(output)
    except BundleError:
        return False
    return there == read(aside) and not damage(output, there)


def wanted_packages() -> tuple[list[str], list[str]]:
    """What the roles install: the needed packages, and those that not every release carries."""

    def defaults(role: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(
            (ROOT / f"roles/{role}/defaults/main.yml").read_text()
        )
        return found

    engine = defaults("docker_host")
    needed = [*engine["docker_host_packages"], *defaults("golang")["golang_packages"], *ALWAYS]
    return needed, engine["docker_host_packages_optional"]


class Apt:
    """apt for a machine of ``release`` that has nothing yet, in a directory of its own."""

    def __init__(self, place: Path, release: str, mirror: str) -> None:
        self.release = release
        self.archives = place / "archives"
        for directory in (self.archives / "partial", place / "lists" / "partial"):
            directory.mkdir(parents=True)
        (place / "status").touch()
        self.options = [
            f"Dir::State::status={place}/status",
            f"Dir::State::lists={place}/lists",
            f"Dir::Cache::archives={self.archives}",
            "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=",
            "Debug::NoLocking=1",  # its directories are its own: no lock of the system's is needed
            "APT::Sandbox::User=root",
            "APT::Update::Error-Mode=any",
            "Acquire::Retries=2",
        ]
        if release != codename():  # else this machine's own sources: its mirror, its keys
            sources = place / "sources.list"
            sources.write_text(
                f"deb {mirror} {release} main\n"
                f"deb {mirror} {release}-updates main\n"
                f"deb {SECURITY} {release}-security main\n"
            )
            self.options += [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=/dev/null"]

    def download(self, wanted: tuple[list[str], list[str]]) -> list[Path]:
        """The packages and everything they depend on, proved by apt. Raises BundleError."""
        needed, optional = wanted
        self._run("apt-get", "update")
        policy = self._run("apt-cache", "policy", *optional)
        here = [
            name for name, candidate in re.findall(r"^(\S+):\n.*\n +\S+: (.*)$", policy, re.M)
            if candidate != "(none)"
        ]  # fmt: skip
        self._run(
            *("apt-get", "--yes", "--download-only", "--no-install-recommends", "install"),
            *(*needed, *here),
        )
        return sorted(self.archives.glob("*.deb"))

    def _run(self, program: str, *arguments: str) -> str:
        options = [word for option in self.options for word in ("-o", option)]
        done = run([program, *options, "-q", *arguments])
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            raise BundleError(
                f"apt could not fetch the packages for {self.release or 'this machine'}: "
                f"{' '.join(said) or done.stderr.strip()[-400:]} -- check the release's name, the "
                "network and the mirror (--mirror URL), then run ./lab bundle again"
            )
        return done.stdout


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program without questions; its words in English."""
    return subprocess.run(
        ["env", "LC_ALL=C.UTF-8", *command],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def repository(tar: Path, debs: Iterable[Path]) -> None:
    """A flat repository as a tar file: the same bytes for the same packages.

    The index has the form of deb-src-list's ``Packages`` (Debian wiki, DebianRepository/Format).
    """
    stanzas = []
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as archive:
        for deb in debs:
            control = run(["dpkg-deb", "--field", str(deb)]).stdout.strip()
            place = f"Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {sha256(deb)}\n"
            stanzas.append(f"{control}\n{place}")
            with open(deb, "rb") as stream:
                add(archive, deb.name, stream, deb.stat().st_size)
        index = "\n".join(stanzas).encode()
        digest = hashlib.sha256(index).hexdigest()
        release = f"Suite: scratchlab\nSHA256:\n {digest} {len(index)} Packages\n".encode()
        for name, content in (("Packages", index), ("Release", release)):
            add(archive, name, io.BytesIO(content), len(content))


def add(archive: tarfile.TarFile, name: str, stream: Any, size: int) -> None:
    """Add a file without a trace of who made it and when."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    archive.addfile(member, stream)


def wheels(directory: Path, python: str) -> None:
    """What the locks pin, for ``python`` ("3.13") on this kind of machine. Raises BundleError."""
    interpreter = ["--implementation", "cp", "--python-version", python, "--no-deps"]
    for tag in (f"cp{python.replace('.', '')}", "abi3", "none"):
        interpreter += ["--abi", tag]
    for name in PLATFORMS:
        interpreter += ["--platform", f"{name}_{platform.machine()}"]
    for lock in LOCKS:
        done = run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             "--require-hashes", "--only-binary=:all:", *interpreter, "--dest", str(directory),
             "--requirement", str(ROOT / "requirements" / lock)]
        )  # fmt: skip
        if done.returncode:
            raise BundleError(
                f"pip could not fetch the wheels of requirements/{lock} for Python {python}: "
                f"{done.stderr.strip().splitlines()[-1][-400:]} -- check the network "
                "(HTTPS_PROXY, PIP_INDEX_URL are honoured), then run ./lab bundle again"
            )


if __name__ == "__main__":
    main()
