#!/usr/bin/env python3
"""Check a bundle for ``./lab --offline BUNDLE`` and unpack it; scripts/bundle.py makes bundles.

``offline.py check BUNDLE`` checks every file and prints two lines: the URL of the directory with
the wheels, and the variables for Ansible. ``offline.py unpack BUNDLE DIRECTORY`` unpacks the
packages for this machine. Runs with any Python from 3.11, before anything is installed.

A bundle is a directory::

    bundle.json          the manifest: {"schema", "machine", "locks", "releases", "files"}
    wheels/*.whl         the packages in requirements/uv.txt, lab.txt and scratchlab.txt
    packages-trixie.tar  a flat apt repository; one for each release of Debian or Ubuntu
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
    """The bundle cannot be used; the message has the reason and the remedy."""


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def locks() -> dict[str, str]:
    """The SHA-256 of each requirements file that the wheels must satisfy."""
    return {name: sha256(ROOT / "requirements" / name) for name in LOCKS}


def read_manifest(bundle: Path) -> dict[str, Any]:
    """The bundle's manifest. Raises BundleError."""
    try:
        manifest: dict[str, Any] = json.loads((bundle / MANIFEST).read_text())
        schema = manifest["schema"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"no bundle at {bundle}: make one on a machine with network, ./lab bundle, and copy it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{bundle / MANIFEST} is damaged: copy the bundle again") from error
    if schema != SCHEMA:
        raise BundleError(
            f"{bundle} has format {schema}, and this lab reads {SCHEMA}: make it again with this "
            "version of the lab, ./lab bundle"
        )
    return manifest


def find_damage(bundle: Path, manifest: dict[str, Any]) -> str:
    """The first missing or damaged file, as a message; empty if there is none."""
    for name, wanted in manifest["files"].items():
        path = bundle / name
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != wanted["size"] or sha256(path) != wanted["sha256"]:
            return f"{path} is damaged"
    return ""


def python_version() -> str:
    """The version of the running Python, as in ``3.13``."""
    return ".".join(platform.python_version_tuple()[:2])


def codename() -> str:
    """The code name of this machine's release, as in ``trixie``; empty if it has none."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def check(bundle: Path) -> dict[str, Any]:
    """Check that this lab and this machine can use the bundle. Returns its manifest.

    Raises BundleError.
    """
    manifest = read_manifest(bundle)
    if manifest["locks"] != locks():
        raise BundleError(
            f"{bundle} is for another version of the lab: make it again, ./lab bundle"
        )
    pythons = sorted({release["python"] for release in manifest["releases"].values()})
    if python_version() not in pythons:
        raise BundleError(
            f"{bundle} has wheels for Python {', '.join(pythons)}, this is {python_version()}: "
            f"make one that also fits this machine, ./lab bundle {codename()} ..."
        )
    if manifest["machine"] != platform.machine():
        raise BundleError(
            f"{bundle} is for {manifest['machine']}, this machine is {platform.machine()}: "
            f"make it on a machine of the same architecture, ./lab bundle {codename()}"
        )
    damage = find_damage(bundle, manifest)
    if damage:
        raise BundleError(f"{damage}: copy the bundle again, or make it again, ./lab bundle")
    return manifest


def unpack(bundle: Path, directory: Path) -> None:
    """Unpack this machine's packages to ``directory``. Raises BundleError."""
    releases = read_manifest(bundle)["releases"]
    if codename() not in releases:
        raise BundleError(
            f"{bundle} has packages for {', '.join(releases)}, this machine is {codename()}: "
            f"make one for it, ./lab bundle {codename()}"
        )
    temporary = directory.with_name(directory.name + ".new")
    for old in (temporary, directory):
        shutil.rmtree(old, ignore_errors=True)
    with tarfile.open(bundle / releases[codename()]["packages"]) as archive:
        # Debian 12's Python 3.11.2 has no filters; ./lab has compared every file with its digest.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(temporary)  # noqa: S202 - with the filter where there is one
    temporary.rename(directory)


def main() -> None:
    """Check or unpack a bundle for ``./lab --offline``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("verb", choices=["check", "unpack"])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("directory", type=Path, nargs="?")
    options = parser.parse_args()
    bundle = options.bundle.absolute()
    try:
        if options.verb == "unpack":
            unpack(bundle, options.directory)
        else:
            check(bundle)
            print((bundle / "wheels").as_uri())
            print(json.dumps({"lab_machine_bundle": str(bundle)}))
    except (BundleError, OSError, tarfile.TarError) as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()
