"""Installs Debian packages in one recorded transaction, and undoes exactly that transaction.

Needs only Python's standard library: modules import it, and ``./lab`` runs it as a script before
Ansible is there (``python3 lab_packages.py install PACKAGE...``).

Receipts: ``packages.pending`` is the list of packages before a transaction. It is on disk before
apt starts, and is removed when ``packages.json`` names the packages that were added. A run that is
interrupted in between leaves the older list, so no added package is ever forgotten.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import quote

try:
    from ansible_collections.scratchlab.lab.plugins.module_utils import apt_causes
    from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import (
        PackageError,
        at_least,
        dependencies,
        dpkg_idle,
        forbidden_services,
        minimum,
        plain,
        spread,
        states,
    )
    from ansible_collections.scratchlab.lab.plugins.module_utils.patience import allowed
    from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
        STATE,
        read_json,
        remove_json,
        write_json,
    )
except ImportError:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import apt_causes
    from dpkg_database import (
        PackageError,
        at_least,
        dependencies,
        dpkg_idle,
        forbidden_services,
        minimum,
        plain,
        spread,
        states,
    )
    from patience import allowed
    from receipt_files import STATE, read_json, remove_json, write_json
NUKE = Path("/usr/share/docker.io/contrib/nuke-graph-directory.sh")
LOCK_SECONDS = 300
# Bytes: on Debian 12 the lists take 84 MB, apt's caches of them 70, the archives 140.
SPACE = 320 << 20


class Packages:
    """The packages that the lab added to this machine.

    ``repository`` is a directory with a flat repository, to use instead of the machine's own
    sources. Its content was verified before it was copied to the machine.
    """

    def __init__(self, state=STATE, repository=""):
        self.repository = repository
        self.receipts = state / "receipts"
        self.home = state / "apt"
        self.pending = self.receipts / "packages.pending"
        self.receipt = self.receipts / "packages.json"
        self.warnings = []  # what failed although the wanted packages are installed

    @contextlib.contextmanager
    def locked(self):
        """Allow one transaction at a time, even if one has outlived its controller."""
        self.receipts.mkdir(mode=0o755, parents=True, exist_ok=True)
        with open(self.receipts / "packages.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def missing(self, names):
        """Return those of ``names`` that are not installed and configured. Changes nothing."""
        present = {plain(name) for name, state in states().items() if apt_causes.complete(state)}
        return [name for name in names if name not in present]

    def unfinished(self):
        """Return whether an earlier transaction was interrupted."""
        return self.pending.exists()

    def added(self):
        """Return the packages that the lab has installed: ``{"docker.io:amd64": "purge"}``.

        ``remove`` instead of ``purge`` if the package's configuration was there before: it stays.
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
        """Install ``names``, and those of ``optional`` that the release has.

        Returns the packages that were added, including dependencies. Raises PackageError.
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
                options = ["--yes", "--no-install-recommends", "--no-remove"]
                if self._broke_them():
                    self._apt("install", *options, "--fix-broken")
                done = self._apt("install", *options, *names, *known)
            # apt fails as well for a package of someone else that does not install.
            reason = self._reason(done, update, names) if done.returncode else ""
            missing = self.missing(names)
            if missing:
                raise PackageError(reason or self._half_installed(missing[0]))
            self.warnings = [reason] if reason else []
            # 140 MB that nobody needs again; apt's own clean would remove its caches as well.
            for archive in (self.home / "archives").glob("*.deb"):
                archive.unlink()
            return sorted(set(self._settle()) - earlier)

    def unpack(self, package, member, target):
        """Write the file ``*/member`` of ``package`` to ``target`` without installing the package.

        Installing busybox-static, for example, would remove another busybox. Raises PackageError.
        """
        archives = self.home / "archives"
        archives.mkdir(mode=0o755, parents=True, exist_ok=True)
        done = self._apt("download", package, cwd=archives)
        if done.returncode:
            update = self._apt("update")
            done = self._apt("download", package, cwd=archives)
            if done.returncode:
                raise PackageError(self._reason(done, update, [package]))
        archive = max(archives.glob(package + "_*.deb"), key=lambda deb: deb.stat().st_mtime)
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE
        ) as dpkg:
            with tarfile.open(fileobj=dpkg.stdout, mode="r|") as tar:
                content = next(
                    tar.extractfile(entry).read()
                    for entry in tar
                    if entry.isfile() and entry.name.endswith("/" + member)
                )
            dpkg.stdout.read()
        temporary = target.with_name(target.name + ".new")
        temporary.write_bytes(content)
        temporary.chmod(0o755)
        temporary.replace(target)
        archive.unlink()

    def plan(self, keep=()):
        """Return how to remove each package that the lab added, and which of them stay.

        The second is ``{"docker.io:amd64": ["webserver"]}``: who needs the package. ``keep`` are
        names that stay, with what they depend on; nobody is named for them. Changes nothing.
        Raises PackageError.
        """
        added, present = self.added(), states()
        removing = {
            name: how
            for name, how in added.items()
            if name in present and (how == "purge" or present[name] != "rc")
        }
        kept = {name: [] for name in removing if plain(name) in keep}
        kept |= {name: ["apt-mark hold"] for name in removing if present[name].startswith("h")}
        if not removing:
            return {}, {}
        with self._aside():
            return self._divide(removing, kept)

    def _divide(self, removing, kept):
        needs = dependencies()
        spread(kept, removing, needs)
        while going := [name for name in removing if name not in kept]:
            foreign = self._foreign(going)
            if not foreign:
                break
            asked = {package: [package] for package in sorted(foreign)}
            spread(asked, going, needs)
            new = {name: by for name, by in asked.items() if name in going}
            # apt knows better than the dependencies in dpkg's list why they would go.
            kept |= new or {name: sorted(foreign) for name in going}
        return {name: how for name, how in removing.items() if name not in kept}, kept

    def remove(self, keep=()):
        """Remove the packages that the lab added, and no others; see :meth:`plan`.

        Returns the names removed, and those that stay with the names of who needs them. Their
        receipt remains. Raises PackageError.
        """
        with self.locked():
            with dpkg_idle():
                added = self.added()
            if not added:
                return [], {}
            write_json(self.receipt, added)
            with forbidden_services():
                if self.unfinished():
                    self._repair()
                    remove_json(self.pending)
                removing, kept = self.plan(keep)
                # When it is purged, Debian's docker.io deletes /var/lib/docker, whoever owns it, by
                # a script that it saved there. Disable the script; the lab removes its own files
                # itself.
                if any(plain(name) == "docker.io" for name in removing):
                    with contextlib.suppress(OSError):
                        NUKE.chmod(0o644)
                with self._aside():
                    for how in ("purge", "remove"):
                        names = [name for name, verb in removing.items() if verb == how]
                        done = self._apt(how, "--yes", *names) if names else None
                        if done is not None and done.returncode:
                            raise PackageError(self._reason(done, None, names))
            if kept:
                write_json(self.receipt, {name: added[name] for name in kept})
            else:
                remove_json(self.receipt)
            return sorted(removing), kept

    @contextlib.contextmanager
    def _aside(self):
        """Let apt keep its files in a temporary directory: who removes needs no lists."""
        home = self.home
        with tempfile.TemporaryDirectory(prefix="scratchlab-apt-") as place:
            self.home = Path(place)
            try:
                yield
            finally:
                self.home = home

    def _foreign(self, names):
        """Return the packages of others that would go with ``names``. Raises PackageError."""
        done = self._apt("--simulate", "purge", *names)
        if done.returncode:
            raise PackageError(self._reason(done, None, names))
        gone = {
            line.split()[1]
            for line in done.stdout.splitlines()
            if line.startswith(("Purg", "Remv"))
        }
        return gone - {plain(name) for name in names} - set(names)

    def _settle(self):
        added = self.added()
        write_json(self.receipt, added)
        remove_json(self.pending)
        return added

    def _repair(self):
        # Configure packages that an interrupted dpkg left unpacked (0.1 s if there are none).
        with dpkg_idle():
            pass
        subprocess.run(
            ["dpkg", "--configure", "-a"], capture_output=True, env=_environment(), check=False
        )

    def _broke_them(self):
        # A full disk leaves packages unpacked without what they depend on. apt mends these only in
        # a run without names, and then all of them: those of someone else are not ours to mend.
        broken = {name for name, state in states().items() if apt_causes.unfinished(state)}
        return bool(broken) and broken <= set(self.added())

    def _check_space(self):
        # apt 2.6 does not end on a full disk: its http method waits forever (measured).
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        free = shutil.disk_usage(self.home).free
        if free < SPACE:
            raise PackageError(
                f"no space left for packages: {free >> 20} MB free in {self.home}, and "
                f"{SPACE >> 20} MB are needed there -- make room (df -h {self.home}), "
                "then run the same command again"
            )

    def _known(self, names):
        least = dict(map(minimum, names))
        policy = self._apt_cache("policy", *least) if least else ""
        found = re.findall(r"^(\S+):\n.*\n  \S+ (\d\S*)$", policy, re.M)
        return [name for name, version in found if at_least(version, least[name])]

    def _reason(self, done, update, names):
        plain_names = [plain(name) for name in names]
        update_errors = update.stderr if update else ""
        run = apt_causes.Run(plain_names, update_errors, done.stdout, done.stderr, "")
        policy = self._apt_cache("policy", *apt_causes.named(run))
        cause = apt_causes.find(run._replace(policy=policy))
        if self.repository:
            cause = cause._replace(remedy=f"{cause.remedy}; or make the bundle again: ./lab bundle")
        return apt_causes.sentence(plain_names, cause)

    @staticmethod
    def _half_installed(name):
        state = {plain(full): state for full, state in states().items()}.get(name, "un")
        return apt_causes.sentence([name], apt_causes.half_installed(name, state))

    def _options(self):
        # Lists and archives of our own: the system's stay as they are, and destroy is easy.
        for name in ("lists", "archives"):
            (self.home / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        options = {
            "Dir::State::lists": f"{self.home}/lists",
            "Dir::Cache::archives": f"{self.home}/archives",
            "Dir::Cache::pkgcache": f"{self.home}/pkgcache.bin",
            "Dir::Cache::srcpkgcache": f"{self.home}/srcpkgcache.bin",
            "DPkg::Lock::Timeout": f"{allowed(LOCK_SECONDS):.0f}",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": f"{allowed(30):.0f}",
            "APT::Update::Error-Mode": "any",
            "Dpkg::Use-Pty": "0",
        }
        if self.repository:
            file = self.home / "sources.list"
            file.write_text(f"deb [trusted=yes] file:{quote(str(self.repository))} ./\n")
            options |= {"Dir::Etc::sourcelist": f"{file}", "Dir::Etc::sourceparts": "/dev/null"}
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

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


def main():
    """Install the packages named on the command line, or remove what was installed so."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--state", type=Path, default=STATE, help="where to keep the receipts")
    parser.add_argument("--repository", default="", help="a flat repository to take packages from")
    parser.add_argument("verb", choices=["install", "remove"])
    parser.add_argument("packages", nargs="*")
    options = parser.parse_args()
    packages = Packages(options.state, options.repository)
    try:
        changed = (
            packages.install(options.packages)
            if options.verb == "install"
            else packages.remove()[0]
        )
    except (PackageError, OSError) as error:
        sys.exit(str(error))
    print(" ".join(changed))


if __name__ == "__main__":
    main()
