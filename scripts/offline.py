#!/usr/bin/env python3
"""What ``./lab --offline BUNDLE`` asks of a bundle before it is used; scripts/bundle.py makes them.

``offline.py check BUNDLE`` proves every file and prints two lines: the wheels' directory as a URL,
and the variables for Ansible. ``offline.py unpack BUNDLE DIRECTORY`` unpacks this machine's
packages. Any Python 3.11 runs it, before anything is installed.

A bundle is a directory::

    bundle.json          this: {"schema", "machine", "locks", "releases", "files"}
    wheels/*.whl         what requirements/uv.txt and lab.txt pin
    packages-trixie.tar  a flat repository for apt; one for each release of Debian or Ubuntu
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = 1
MANIFEST = "bundle.json"
LOCKS = ("uv.txt", "lab.txt", "scratchlab.txt")


class BundleError(Exception):
    """The bundle cannot be used; the text says why and what mends it."""


def sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def locks() -> dict[str, str]:
    """SHA-256 of each list of requirements that the wheels must satisfy."""
    return {name: sha256(ROOT / "requirements" / name) for name in LOCKS}


def read(bundle: Path) -> dict[str, Any]:
    """The bundle's manifest. Raises BundleError."""
    try:
        found: dict[str, Any] = json.loads((bundle / MANIFEST).read_text())
        schema = found["schema"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"no bundle at {bundle}: make one where there is a network, ./lab bundle, and copy it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{bundle / MANIFEST} is damaged: copy the bundle again") from error
    if schema != SCHEMA:
        raise BundleError(
            f"{bundle} has format {schema}, this lab reads {SCHEMA}: make it again with this lab's "
            "./lab bundle"
        )
    return found


def damage(bundle: Path, manifest: dict[str, Any]) -> str:
    """What is wrong with the bundle's files, or nothing."""
    for name, wanted in manifest["files"].items():
        path = bundle / name
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != wanted["size"] or sha256(path) != wanted["sha256"]:
            return f"{path} is damaged"
    return ""


def python_version() -> str:
    """Version of the running Python, as in ``3.13``."""
    return ".".join(platform.python_version_tuple()[:2])


def codename() -> str:
    """The machine's release, as in ``trixie``; empty where it has no name."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def check(bundle: Path) -> dict[str, Any]:
    """The manifest of a bundle that this lab and this machine can use. Raises BundleError."""
    manifest = read(bundle)
    if manifest["locks"] != locks():
        raise BundleError(
            f"{bundle} is for another version of the lab: make it again, ./lab bundle"
        )
    pythons = sorted({release["python"] for release in manifest["releases"].values()})
    if python_version() not in pythons:
        raise BundleError(
            f"{bundle} has wheels for Python {', '.join(pythons)} and this is {python_version()}: "
            f"make one that also fits this machine, ./lab bundle {codename()} ..."
        )
    if manifest["machine"] != platform.machine():
        raise BundleError(
            f"{bundle} is for {manifest['machine']} and this machine is {platform.machine()}: "
            f"make it on a machine of that kind, ./lab bundle {codename()}"
        )
    found = damage(bundle, manifest)
    if found:
        raise BundleError(f"{found}: copy the bundle again, or make it again, ./lab bundle")
    return manifest


def unpack(bundle: Path, directory: Path) -> None:
    """Put this machine's packages into ``directory``. Raises BundleError."""
    releases = read(bundle)["releases"]
    if codename() not in releases:
        raise BundleError(
            f"{bundle} has packages for {', '.join(releases)} and this machine is {codename()}: "
            f"make one for it, ./lab bundle {codename()}"
        )
    aside = directory.with_name(directory.name + ".new")
    for old in (aside, directory):
        shutil.rmtree(old, ignore_errors=True)
    with tarfile.open(bundle / releases[codename()]["packages"]) as archive:
        archive.extractall(aside, filter="data")
    aside.rename(directory)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("verb", choices=["check", "unpack"])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("directory", type=Path, nargs="?")
    wish = parser.parse_args()
    bundle = wish.bundle.absolute()
    try:
        if wish.verb == "unpack":
            unpack(bundle, wish.directory)
        else:
            check(bundle)
            print((bundle / "wheels").as_uri())
            print(json.dumps({"lab_machine_bundle": str(bundle)}))
    except (BundleError, OSError, tarfile.TarError) as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()
