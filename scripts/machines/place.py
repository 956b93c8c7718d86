"""Files: where base systems, keys and records of machines are kept.

::

    CACHE/bookworm-KEY.tar, disk-*/     what can be made again from packages
    CACHE/id_ed25519, id_ed25519.pub    the key with which a person logs in to every machine
    STATE/NAME/machine.json             a machine, recorded before anything of it is made
    STATE/NAME/host_key, known_hosts    its own key, and what ssh compares it with
    STATE/NAME/ready                    it has been logged in to since it was made

A directory without ``ready`` is what a killed run left; the next one makes that machine anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from machines.model import Kind, Limits, Machine, MachineError

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "machines"  # of a checkout


@dataclass(frozen=True)
class Place:
    """The two directories."""

    cache: Path = CACHE
    state: Path = CACHE / "state"

    def directory(self, name: str) -> Path:
        """The directory of the machine ``name``."""
        return self.state / name

    @property
    def digest(self) -> str:
        """Six digits that tell this place's machines from those of another."""
        return hashlib.sha256(bytes(self.state)).hexdigest()[:6]

    def instance(self, name: str) -> str:
        """The name of the machine at its backend; the same place gives the same."""
        return f"scratchlab-{name}-{self.digest}"

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Wait until no other process holds the lock ``name``, and hold it."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with open(self.cache / f"{name}.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def key(self) -> Path:
        """The private key of the person who uses the machines."""
        return self.cache / "id_ed25519"

    def public_key(self) -> str:
        """The public key that belongs to it; made once.

        Where only a public key lies (the role brings it to a server), that one is taken.
        """
        public = self.key.with_suffix(".pub")
        with self.locked("key"):
            if not public.exists():
                new_key(self.key, "scratchlab")
        return public.read_text()

    def record(self, machine: Machine) -> Path:
        """Write the machine's record and its host key. Returns its directory."""
        directory = self.directory(machine.name)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ready").unlink(missing_ok=True)
        if not (directory / "host_key.pub").exists():
            new_key(directory / "host_key", machine.name)
        public = (directory / "host_key.pub").read_text()
        write(directory / "known_hosts", f"{machine.instance} {public}")
        self.note(machine)
        return directory

    def note(self, machine: Machine) -> None:
        """Write the record of a machine that has a directory."""
        text = json.dumps(asdict(machine), indent=1) + "\n"
        write(self.directory(machine.name) / "machine.json", text)

    def ready(self, machine: Machine) -> bool:
        """Whether it was made to the end."""
        return (self.directory(machine.name) / "ready").exists()

    def mark_ready(self, machine: Machine) -> None:
        """Note that it was made to the end."""
        (self.directory(machine.name) / "ready").touch()

    def machines(self) -> list[Machine]:
        """All recorded machines, by name. Raises MachineError for a damaged record."""
        return [read(file) for file in sorted(self.state.glob("*/machine.json"))]

    def forget(self, machine: Machine) -> None:
        """Remove the machine's directory, its record last."""
        directory = self.directory(machine.name)
        for path in directory.iterdir() if directory.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != "machine.json":
                path.unlink()
        shutil.rmtree(directory, ignore_errors=True)


def read(file: Path) -> Machine:
    """The machine that is recorded in ``file``. Raises MachineError."""
    try:
        values = json.loads(file.read_text())
        limits, kind = Limits(**values.pop("limits")), Kind(values.pop("kind"))
        return Machine(limits=limits, kind=kind, **values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MachineError(f"damaged record {file}: {error}", f"rm -r {file.parent}") from error


def write(file: Path, text: str, mode: int = 0o644) -> None:
    """Write a file, whole or not at all."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.chmod(mode)
    new.rename(file)


def new_key(file: Path, comment: str) -> None:
    """Make a pair of keys, in place of what a killed run left; the public one comes last."""
    file.unlink(missing_ok=True)
    new = file.with_name(f".{file.name}.new")
    for old in (new, new.with_name(new.name + ".pub")):
        old.unlink(missing_ok=True)
    run(
        "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new),
        package="openssh-client",
    )  # fmt: skip
    new.rename(file)
    new.with_name(new.name + ".pub").rename(file.with_name(file.name + ".pub"))


def run(
    *command: str,
    package: str,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    seconds: float | None = None,
    remedy: str = "",
) -> str:
    """Standard output of a program that must succeed.

    ``package`` has it in Debian. Raises MachineError with its error output; with ``remedy`` if it
    has not ended after ``seconds`` (it is then killed).
    """
    try:
        done = subprocess.run(command, capture_output=True, check=False, input=stdin, cwd=cwd,
            stdin=None if stdin is not None else subprocess.DEVNULL, timeout=seconds,
            env={**os.environ, "LC_ALL": "C.UTF-8"})  # fmt: skip
    except subprocess.TimeoutExpired as error:
        what = f"{' '.join(command[:3])}: no answer in {seconds:.0f} s"
        raise MachineError(what, remedy) from error
    except FileNotFoundError as error:
        raise MachineError(f"{command[0]} is missing", f"apt-get install {package}") from error
    if done.returncode:
        words = " ".join(done.stderr.decode(errors="replace").split())[-600:]
        raise MachineError(f"{command[0]} {command[1]}: {words or f'status {done.returncode}'}")
    return done.stdout.decode(errors="replace").strip()
