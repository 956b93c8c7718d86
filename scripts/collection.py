#!/usr/bin/env python3
"""``./lab collection``: make the archive of the collection, with the program in it.

``ansible-galaxy collection build`` alone makes one without the program: the role
rootfs_verification then builds it on the controller, which needs PyPI. Here it is built first and
put into a copy of this directory, from which the archive is made, so that the role needs no
network.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

import build_zipapp

ROOT = Path(__file__).resolve().parents[1]
# Where the role looks for it: roles/rootfs_verification/vars/main.yml.
PROGRAM = Path("roles/rootfs_verification/files/scratchlab")


def archive(output: Path) -> Path:
    """Make the archive in the directory ``output``, in place of an older one.

    Returns its path. Raises BuildError (no program) and CalledProcessError (no archive).
    """
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    ignored = shutil.ignore_patterns(*galaxy["build_ignore"], "__pycache__")
    with tempfile.TemporaryDirectory(prefix="scratchlab-collection-") as place:
        copy = Path(place) / "lab"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
        built = ROOT / "build" / "scratchlab"
        build_zipapp.build(built, [])
        (copy / PROGRAM).parent.mkdir(exist_ok=True)
        shutil.copy2(built, copy / PROGRAM)
        command = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", "build"]
        subprocess.run(
            [*command, str(copy), "--force", "--output-path", str(output)],
            check=True,
            capture_output=True,
            text=True,
        )
    return output / f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"


def main() -> int:
    """Run the command line: make the archive and print its path."""
    parser = argparse.ArgumentParser(
        prog="./lab collection",
        description="Make the archive of the collection, with the program in it.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build",
        help="the directory to write (default: build)",
    )
    options = parser.parse_args()
    try:
        print(archive(options.output.absolute()))
    except (build_zipapp.BuildError, OSError) as error:
        print(f"lab: no archive of the collection: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"lab: ansible-galaxy made no archive: {error.stderr.strip()}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
