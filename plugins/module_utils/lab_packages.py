"""Debian packages as one recorded transaction, and exactly that transaction undone.

Needs only Python's standard library: the roles' modules import it, and ``./lab`` runs it as a
script before there is any Ansible (``python3 lab_packages.py install PACKAGE...``).

Receipts: ``packages.pending`` is the list of packages before a transaction; it is on disk before
apt starts and goes when ``packages.json`` names what was added. A run killed in between leaves the
older list, so nothing that was added is ever forgotten.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.parse import quote

STATE = Path("/var/lib/scratchlab")
POLICY = Path("/usr/sbin/policy-rc.d")
# invoke-rc.d(8): 101 forbids the action. Docker must not start before daemon.json is written, and
# its init script must not fail the installation where no init system runs.
POLICY_TEXT = (
    "#!/bin/sh\n# scratchlab: no service starts while the lab installs packages\nexit 101\n"
)
NUKE = Path("/usr/share/docker.io/contrib/nuke-graph-directory.sh")
LOCK_SECONDS = 300
# Bytes: on Debian 12 the lists take 84 MB, apt's caches of them 70, the archives 140.
SPACE = 320 << 20


class PackageError(Exception):
    """apt or dpkg refused; the text says why and what mends it."""


def read_json(path, default):
    """The JSON document at ``path``, or ``default`` where there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


def write_json(path, document):
    """Write ``document`` aside, then rename: a reader sees the old or the new, never a half."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    aside.replace(path)


def states():
    """Every package dpkg knows: ``{"docker.io:amd64": "ii"}`` (dpkg-query(1), Status-Abbrev)."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}:${Architecture}\n"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    pairs = (line.split("\t") for line in listing.splitlines())
    return {name: abbrev.strip() for abbrev, name in pairs if abbrev[1] != "n"}


def plain(name):
    """``docker.io:amd64`` without its architecture."""
    return name.rsplit(":", 1)[0]


class Packages:
    """The packages that the lab added to this machine.

    ``repository`` is a folder with a flat repository, which takes the place of the machine's own
    sources; its content was proved before it came here.
    """

    def __init__(self, state=STATE, repository=""):
        self.repository = repository
        self.receipts = state / "receipts"
        self.home = state / "apt"
        self.pending = self.receipts / "packages.pending"
        self.receipt = self.receipts / "packages.json"

    @contextlib.contextmanager
    def locked(self):
        """One transaction at a time, also against one that outlived its killed controller."""
        self.receipts.mkdir(mode=0o755, parents=True, exist_ok=True)
        with open(self.receipts / "packages.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def missing(self, names):
        """Those of ``names`` that are not installed and configured. Changes nothing."""
        present = {plain(name) for name, state in states().items() if state == "ii"}
        return [name for name in names if name not in present]

    def unfinished(self):
        """Whether an earlier transaction was killed."""
        return self.pending.exists()

    def added(self):
        """What the lab has installed so far: ``{"docker.io:amd64": "purge"}``.

        ``remove`` where the package's configuration was there before: that stays.
        """
        added = dict(read_json(self.receipt, {}))
        before = read_json(self.pending, None)
        if before is not None:
            for name, state in states().items():
                old = before.get(name, "")
                if state != "rc" and old in ("", "rc"):
                    added.setdefault(name, "remove" if old == "rc" else "purge")
        return added

    def install(self, names, optional=()):
        """Install ``names``, and those of ``optional`` that this release carries.

        Gives the list of packages added, dependencies included. Raises PackageError.
        """
        with self.locked():
            if not self.missing(names) and not self.unfinished():
                return []
            self._check_space()
            if not self.unfinished():
                write_json(self.pending, states())
            earlier = set(read_json(self.receipt, {}))
            with forbidden_services():
                self._repair()
                update = self._apt("update")
                known = self._known(optional)
                done = self._apt(
                    "install", "--yes", "--no-install-recommends", "--no-remove", *names, *known
                )
            if done.returncode:
                raise PackageError(self._reason(done, update, names))
            # 140 MB that nobody needs again; apt's own clean would take its caches as well.
            for archive in (self.home / "archives").glob("*.deb"):
                archive.unlink()
            return sorted(set(self._settle()) - earlier)

    def unpack(self, package, member, target):
        """Put the file ``*/member`` of ``package`` at ``target`` without installing the package.

        Busybox is fetched so: installing busybox-static would remove another busybox.
        """
        folder = self.home / "archives"
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        done = self._apt("download", package, cwd=folder)
        if done.returncode:
            update = self._apt("update")
            done = self._apt("download", package, cwd=folder)
            if done.returncode:
                raise PackageError(self._reason(done, update, [package]))
        archive = max(folder.glob(package + "_*.deb"), key=lambda deb: deb.stat().st_mtime)
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE
        ) as dpkg:
            with tarfile.open(fileobj=dpkg.stdout, mode="r|") as tar:
                content = next(
                    tar.extractfile(one).read()
                    for one in tar
                    if one.isfile() and one.name.endswith("/" + member)
                )
            dpkg.stdout.read()
        aside = target.with_name(target.name + ".new")
        aside.write_bytes(content)
        aside.chmod(0o755)
        aside.replace(target)
        archive.unlink()

    def remove(self):
        """Remove what the lab added and nothing else; gives the names removed, and those kept
        because a package that is not the lab's needs them now."""
        with self.locked():
            with dpkg_idle():
                added = self.added()
            if not added:
                return [], []
            write_json(self.receipt, added)
            # Debian's docker.io deletes /var/lib/docker when it is purged, whoever's it is, by a
            # script that it saves there first. What the lab made is removed by the lab.
            with contextlib.suppress(OSError):
                NUKE.chmod(0o644)
            with forbidden_services():
                if self.unfinished():
                    self._repair()
                present = states()
                going = {
                    name: how
                    for name, how in added.items()
                    if name in present and (how == "purge" or present[name] != "rc")
                }
                kept = self._needed_by_others(going)
                going = {name: how for name, how in going.items() if name not in kept}
                for how in ("purge", "remove"):
                    names = [name for name, wish in going.items() if wish == how]
                    done = self._apt(how, "--yes", *names) if names else None
                    if done is not None and done.returncode:
                        raise PackageError(self._reason(done, None, names))
            return sorted(going), sorted(kept)

    def _needed_by_others(self, going):
        """Those of ``going`` whose removal would take a package along that is not the lab's."""
        if not self._foreign(going, going):
            return set()
        return {name for name in going if self._foreign([name], going)}

    def _foreign(self, names, ours):
        if not names:
            return set()
        plan = self._apt("--simulate", "purge", *names).stdout
        gone = {line.split()[1] for line in plan.splitlines() if line.startswith(("Purg", "Remv"))}
        return gone - {plain(name) for name in ours} - set(ours)

    def _settle(self):
        added = self.added()
        write_json(self.receipt, added)
        self.pending.unlink(missing_ok=True)
        return added

    def _repair(self):
        # What a killed dpkg left unpacked. Nothing to do on a sound machine (0.1 s).
        with dpkg_idle():
            pass
        subprocess.run(
            ["dpkg", "--configure", "-a"], capture_output=True, env=_environment(), check=False
        )

    def _check_space(self):
        # apt 2.6 does not end on a full disk: its http method waits for ever (measured).
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        free = shutil.disk_usage(self.home).free
        if free < SPACE:
            raise PackageError(
                f"no space left for packages: {free >> 20} MB free in {self.home}, and "
                f"{SPACE >> 20} MB are needed there -- make room (df -h {self.home}), "
                "then run ./lab again"
            )

    def _known(self, names):
        policy = self._apt_cache("policy", *names) if names else ""
        blocks = policy.split("\n")
        known = []
        for index, line in enumerate(blocks):
            if line.endswith(":") and not line.startswith(" "):
                candidate = blocks[index + 2] if index + 2 < len(blocks) else ""
                if "(none)" not in candidate:
                    known.append(line[:-1])
        return known

    def _reason(self, done, update, names):
        lines = [
            line
            for run in (update, done)
            if run is not None
            for line in run.stderr.splitlines()
            if line.startswith(("E:", "Err"))
        ]
        said = " ".join(dict.fromkeys(lines)) or (done.stderr or done.stdout).strip()[-600:]
        mend = (
            "does the bundle fit this machine? Make it again, ./lab bundle"
            if self.repository
            else "check the network, the mirror in /etc/apt/sources.list* and the proxy in "
            "/etc/apt/apt.conf.d; 'apt-get update' must succeed; then run ./lab again"
        )
        return f"apt could not handle {' '.join(map(plain, names))}: {said} -- {mend}"

    def _options(self):
        # Lists and archives of our own: the system's stay as they are, and destroy is one folder.
        for folder in ("lists", "archives"):
            (self.home / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
        sources = []
        if self.repository:
            file = self.home / "sources.list"
            file.write_text(f"deb [trusted=yes] file:{quote(str(self.repository))} ./\n")
            sources = [
                "-o",
                f"Dir::Etc::sourcelist={file}",
                "-o",
                "Dir::Etc::sourceparts=/dev/null",
            ]
        return [
            *sources,
            "-o",
            f"Dir::State::lists={self.home}/lists",
            "-o",
            f"Dir::Cache::archives={self.home}/archives",
            "-o",
            f"Dir::Cache::pkgcache={self.home}/pkgcache.bin",
            "-o",
            f"Dir::Cache::srcpkgcache={self.home}/srcpkgcache.bin",
            "-o",
            f"DPkg::Lock::Timeout={LOCK_SECONDS}",
            "-o",
            "Acquire::Retries=1",
            "-o",
            "Acquire::http::Timeout=30",
            "-o",
            "APT::Update::Error-Mode=any",
            "-o",
            "Dpkg::Use-Pty=0",
        ]

    def _apt(self, *arguments, cwd=None):
        return subprocess.run(
            ["apt-get", *self._options(), "-q", *arguments],
            cwd=cwd,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def _apt_cache(self, *arguments):
        return subprocess.run(
            ["apt-cache", *self._options(), *arguments],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        ).stdout


def _environment():
    return {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "APT_LISTCHANGES_FRONTEND": "none",
        "NEEDRESTART_MODE": "l",
    }


@contextlib.contextmanager
def forbidden_services():
    """No package starts a service inside this block, unless the machine has a policy already."""
    ours = not POLICY.exists() or POLICY.read_text() == POLICY_TEXT
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


@contextlib.contextmanager
def dpkg_idle():
    """Wait for a dpkg that still runs (a killed controller leaves one), and hold it off."""
    with open("/var/lib/dpkg/lock-frontend", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def main():
    """Install the packages named on the command line, or remove what was installed so."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--state", type=Path, default=STATE, help="where the receipts lie")
    parser.add_argument("--repository", default="", help="a flat repository to take them from")
    parser.add_argument("verb", choices=["install", "remove"])
    parser.add_argument("packages", nargs="*")
    wish = parser.parse_args()
    packages = Packages(wish.state, wish.repository)
    try:
        done = packages.install(wish.packages) if wish.verb == "install" else packages.remove()[0]
    except (PackageError, OSError) as error:
        sys.exit(str(error))
    print(" ".join(done))


if __name__ == "__main__":
    main()
