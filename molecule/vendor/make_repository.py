"""Make a signed repository with packages of Docker's names: ``make_repository.py DIRECTORY``.

Runs on a Debian 13 machine, as root. The programs are Debian's; names, versions, dependencies and
places are as in Docker's repository (download.docker.com/linux/debian). The maintainer scripts do
what Docker's do (a group, the units) but are not Docker's: nothing here proves those.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

RELEASE = "1~debian.13~trixie"
LIBRARIES = "libc6, libseccomp2, libsystemd0"
ENGINES = ("5:26.1.5", "5:26.1.6")  # the same programs under two versions
POSTINST = """#!/bin/sh
set -e
getent group docker >/dev/null || groupadd --system docker
for unit in docker.service docker.socket; do
    deb-systemd-helper unmask $unit >/dev/null
    deb-systemd-helper enable $unit >/dev/null
done
systemctl --system daemon-reload || true
deb-systemd-invoke start docker.service docker.socket >/dev/null || true
"""
PRERM = """#!/bin/sh
set -e
deb-systemd-invoke stop docker.socket docker.service >/dev/null || true
"""
POSTRM = """#!/bin/sh
set -e
if [ "$1" = purge ]; then
    deb-systemd-helper purge docker.service docker.socket >/dev/null
    deb-systemd-helper unmask docker.service docker.socket >/dev/null
fi
systemctl --system daemon-reload || true
"""
# Package: (Debian's packages in it, version, further fields of its control file).
PACKAGES = {
    "containerd.io": (
        ("containerd", "runc"),
        "1.7.24",
        "Provides: containerd, runc\nConflicts: containerd, runc\nReplaces: containerd, runc\n",
    ),
    "docker-ce-cli": (("docker-cli",), "", "Conflicts: docker.io, docker-cli\n"),
    "docker-ce": (("docker.io",), "", "Conflicts: docker.io\n"),
    "docker-buildx-plugin": (("docker-buildx",), "0.13.1", "Conflicts: docker-buildx\n"),
    "docker-compose-plugin": (("docker-compose",), "2.26.1", "Conflicts: docker-compose\n"),
}
# What Docker's packages do not carry.
SHARED = "doc lintian man docker.io bash-completion zsh fish bug"
LEFT_OUT = "etc", *(f"usr/share/{name}" for name in SHARED.split())


def run(*command: str, directory: Path = Path("/"), given: bytes | None = None) -> bytes:
    """The output of a command that succeeds."""
    return subprocess.run(
        command, cwd=directory, input=given, check=True, stdout=subprocess.PIPE
    ).stdout


def tree(work: Path, name: str, sources: tuple[str, ...]) -> Path:
    """A directory with the files of Debian's packages, as Docker places them."""
    place = work / name
    for source in sources:
        (deb,) = work.glob(f"{source}_*.deb")
        run("dpkg-deb", "--extract", str(deb), str(place))
    for directory in LEFT_OUT:
        shutil.rmtree(place / directory, ignore_errors=True)  # a package has only some of them
    if name == "docker-ce":
        (place / "usr/bin").mkdir(exist_ok=True)
        for program in (place / "usr/sbin").iterdir():
            program.rename(place / "usr/bin" / program.name)
        unit = next(place.glob("usr/lib/systemd/system/docker.service"))
        unit.write_text(unit.read_text().replace("/usr/sbin/", "/usr/bin/"))
    return place


def build(place: Path, pool: Path, name: str, version: str, fields: str) -> None:
    """Make one package in the directory ``pool``."""
    control = place / "DEBIAN"
    shutil.rmtree(control, ignore_errors=True)  # that of the version before
    control.mkdir()
    depends = LIBRARIES
    if name == "docker-ce":
        depends += ", containerd.io (>= 1.7), docker-ce-cli, iptables"
        for script, text in (("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)):
            (control / script).write_text(text)
            (control / script).chmod(0o755)
    (control / "control").write_text(
        f"Package: {name}\nVersion: {version}-{RELEASE}\nArchitecture: amd64\n"
        f"Maintainer: a test <test@example.org>\nDepends: {depends}\n{fields}"
        "Description: Debian's programs under the name of Docker's package\n"
    )
    file = f"{name}_{version.partition(':')[2] or version}_amd64.deb"
    run("dpkg-deb", "-Znone", "--build", str(place), str(pool / file))


def index(repository: Path) -> None:
    """Write the list of packages, and sign it."""
    suite = repository / "dists/trixie"
    listing = suite / "stable/binary-amd64/Packages"
    listing.parent.mkdir(parents=True)
    with open(listing, "wb") as file:
        for deb in sorted((repository / "pool").iterdir()):
            content = deb.read_bytes()
            file.write(run("dpkg-deb", "--field", str(deb)))
            file.write(
                f"Filename: pool/{deb.name}\nSize: {len(content)}\n"
                f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n".encode()
            )
    packages = listing.read_bytes()
    date = run("date", "--utc", "+%a, %d %b %Y %H:%M:%S UTC").decode()
    release = (
        f"Origin: test\nSuite: trixie\nCodename: trixie\nDate: {date}Architectures: amd64\n"
        f"Components: stable\nSHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} "
        "stable/binary-amd64/Packages\n"
    )
    (suite / "InRelease").write_bytes(
        run("gpg", "--local-user", "docker@example.org", "--clearsign", given=release.encode())
    )


def keys(repository: Path) -> None:
    """Make the key of the repository and another one, and export both with their fingerprints."""
    for user, name in (("docker@example.org", "gpg"), ("other@example.org", "other")):
        run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", user)
        (repository / name).write_bytes(run("gpg", "--armor", "--export", user))
        listing = run("gpg", "--list-keys", "--with-colons", user).decode().splitlines()
        fingerprint = next(line.split(":")[9] for line in listing if line.startswith("fpr"))
        (repository / f"{name}.fingerprint").write_text(fingerprint)


def main(directory: Path) -> None:
    """Make the repository."""
    run("apt-get", "update", "-q")
    run("apt-get", "install", "-q", "--yes", "--no-install-recommends", "gpg", "gpg-agent")
    work = directory / "work"
    repository = directory / "linux/debian"
    pool = repository / "pool"
    pool.mkdir(parents=True)
    work.mkdir()
    sources = sorted({source for sources, _, _ in PACKAGES.values() for source in sources})
    run("apt-get", "download", "-q", *sources, directory=work)
    os.environ["GNUPGHOME"] = str(work)
    work.chmod(0o700)
    for name, (origin, version, fields) in PACKAGES.items():
        place = tree(work, name, origin)
        for one in [version] if version else ENGINES:
            build(place, pool, name, one, fields)
    keys(repository)
    index(repository)
    run("gpgconf", "--kill", "all")
    shutil.rmtree(work)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
