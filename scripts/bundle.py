#!/usr/bin/env python3
"""``./lab bundle``: collect everything that a site without network needs, in one directory.

It has the wheels for the lab's own Python environment, checked against the hashes in requirements,
and Debian packages for the machines with all dependencies, checked by apt against the archive's
signature. The directory is written beside the old one and renamed, and left alone when nothing
changed. For its layout see offline.py.
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
    find_damage,
    locks,
    read_manifest,
    sha256,
)

# The default mirrors for a release of Debian that is not this machine's.
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
# For ./lab itself; for the debug image; for docker_host where the kernel uses AppArmor.
ALWAYS = ("python3-venv", "busybox-static", "apparmor")
# Wheels with any of these tags run on glibc 2.31 and later: Debian 11, Ubuntu 20.04.
PLATFORMS = ("manylinux_2_31", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "linux")


def main() -> None:
    """Run the command line: make the bundle and print its path."""
    parser = argparse.ArgumentParser(
        prog="./lab bundle",
        description="Collect everything that a site without a network needs, in one directory.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build" / "bundle",
        help="the directory to write (default: build/bundle)",
    )
    parser.add_argument("--mirror", default=MIRROR, help="for releases other than this machine's")
    parser.add_argument(
        "release",
        nargs="*",
        help="of the machines, as in: bookworm trixie (default: this machine's)",
    )
    options = parser.parse_args()
    output = options.output.absolute()
    try:
        changed = bundle(output, options.release or [codename()], options.mirror)
    except (BundleError, OSError) as error:
        sys.exit(f"lab: {error}")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {'made' if changed else 'unchanged'}, {size / 1e6:.0f} MB", file=sys.stderr)
    print(
        "copy it and this directory to the site, then run: ./lab --offline BUNDLE",
        file=sys.stderr,
    )


def bundle(output: Path, releases: Sequence[str], mirror: str) -> bool:
    """Make the bundle at ``output``. Returns whether it changed; raises BundleError."""
    if not shutil.which("apt-get"):
        raise BundleError("./lab bundle needs apt-get: run it on Debian or Ubuntu")
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output.with_name(output.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        new, old = (output.with_name(output.name + suffix) for suffix in (".new", ".old"))
        for directory in (new, old):
            shutil.rmtree(directory, ignore_errors=True)
        if output.exists() and not (output / MANIFEST).exists():
            raise BundleError(
                f"{output} is not a bundle and is left alone: choose another, --output DIRECTORY"
            )
        new.mkdir()
        try:
            fill(new, releases, mirror)
            if is_same(output, new):
                return False
            if output.exists():
                output.rename(old)
            new.rename(output)
        finally:
            for directory in (new, old):
                shutil.rmtree(directory, ignore_errors=True)
    return True


def fill(directory: Path, releases: Sequence[str], mirror: str) -> None:
    """Write a whole bundle into ``directory``."""
    described = {}
    for release in dict.fromkeys(releases):
        with tempfile.TemporaryDirectory(prefix="scratchlab-bundle-") as work:
            debs = Apt(Path(work), release, mirror).download(wanted_packages())
            pythons = [m[1] for deb in debs if (m := re.match(r"python(3\.\d+)-venv_", deb.name))]
            name = f"packages-{release}.tar"
            repository(directory / name, debs)
            described[release] = {"packages": name, "python": pythons[0]}
    for python in sorted({packages["python"] for packages in described.values()}):
        wheels(directory / "wheels", python)
    describe(directory, described)


def describe(directory: Path, releases: dict[str, dict[str, str]]) -> None:
    """Write the manifest of the files in ``directory``."""
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


def is_same(output: Path, new: Path) -> bool:
    """Whether ``output`` is an undamaged bundle that equals the new one."""
    try:
        manifest = read_manifest(output)
    except BundleError:
        return False
    return manifest == read_manifest(new) and not find_damage(output, manifest)


def wanted_packages() -> tuple[list[str], list[str]]:
    """The packages that the roles install: the required ones, and those not in every release."""

    def defaults(role: str) -> dict[str, Any]:
        variables: dict[str, Any] = yaml.safe_load(
            (ROOT / f"roles/{role}/defaults/main.yml").read_text()
        )
        return variables

    engine = defaults("docker_host")
    needed = [*engine["docker_host_packages"], *defaults("golang")["golang_packages"], *ALWAYS]
    return needed, [*engine["docker_host_packages_optional"], "docker-buildx"]


class Apt:
    """apt as on an empty machine of ``release``, in the directory ``work``."""

    def __init__(self, work: Path, release: str, mirror: str) -> None:
        self.release = release
        self.archives = work / "archives"
        for directory in (self.archives / "partial", work / "lists" / "partial"):
            directory.mkdir(parents=True)
        (work / "status").touch()
        self.options = [
            f"Dir::State::status={work}/status",
            f"Dir::State::lists={work}/lists",
            f"Dir::Cache::archives={self.archives}",
            "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=",
            "Debug::NoLocking=1",  # it uses none of the system's directories
            "APT::Sandbox::User=root",
            "APT::Update::Error-Mode=any",
            "Acquire::Retries=2",
        ]
        if release != codename():  # otherwise this machine's own sources, with its mirror and keys
            sources = work / "sources.list"
            sources.write_text(
                f"deb {mirror} {release} main\n"
                f"deb {mirror} {release}-updates main\n"
                f"deb {SECURITY} {release}-security main\n"
            )
            self.options += [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=/dev/null"]

    def download(self, wanted: tuple[list[str], list[str]]) -> list[Path]:
        """Download the packages with their dependencies, checked by apt. Raises BundleError.

        ``wanted``: the required packages, and those to take only where the release has them.
        """
        needed, optional = wanted
        self._run("apt-get", "update")
        policy = self._run("apt-cache", "policy", *optional)
        available = [
            name for name, candidate in re.findall(r"^(\S+):\n.*\n +\S+: (.*)$", policy, re.M)
            if candidate != "(none)"
        ]  # fmt: skip
        self._run(
            *("apt-get", "--yes", "--download-only", "--no-install-recommends", "install"),
            *(*needed, *available),
        )
        return sorted(self.archives.glob("*.deb"))

    def _run(self, program: str, *arguments: str) -> str:
        options = [word for option in self.options for word in ("-o", option)]
        done = run([program, *options, "-q", *arguments])
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            raise BundleError(
                f"apt could not fetch the packages for {self.release or 'this machine'}: "
                f"{' '.join(errors) or done.stderr.strip()[-400:]} -- check the release's name, "
                "the network and the mirror (--mirror URL), then run ./lab bundle again"
            )
        return done.stdout


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program without a terminal, with messages in English."""
    return subprocess.run(
        ["env", "LC_ALL=C.UTF-8", *command],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def repository(tar: Path, debs: Iterable[Path]) -> None:
    """Write a flat apt repository to the file ``tar``: the same bytes for the same packages.

    The index has the form of deb-src-list's ``Packages`` (Debian wiki, DebianRepository/Format).
    """
    stanzas = []
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as archive:
        for deb in debs:
            control = run(["dpkg-deb", "--field", str(deb)]).stdout.strip()
            file = f"Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {sha256(deb)}\n"
            stanzas.append(f"{control}\n{file}")
            with open(deb, "rb") as stream:
                add(archive, deb.name, stream, deb.stat().st_size)
        index = "\n".join(stanzas).encode()
        digest = hashlib.sha256(index).hexdigest()
        release = f"Suite: scratchlab\nSHA256:\n {digest} {len(index)} Packages\n".encode()
        for name, content in (("Packages", index), ("Release", release)):
            add(archive, name, io.BytesIO(content), len(content))


def add(archive: tarfile.TarFile, name: str, stream: Any, size: int) -> None:
    """Add a file without owner and time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    archive.addfile(member, stream)


def wheels(directory: Path, python: str) -> None:
    """Download the locked wheels for ``python`` ("3.13") on this architecture.

    Raises BundleError.
    """
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
