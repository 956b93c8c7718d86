"""The student: whose path it is, where it is kept, and which commands they may type.

``sudo scratchlab learn`` is the same path as ``scratchlab learn``: it belongs to the account that
typed it. As root, files of the student are read and written with the student's own rights, so that
a link in their directory leads to nothing that they cannot read themselves.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SOCKET = "/var/run/docker.sock"
PROGRAM = "/usr/local/bin/scratchlab"
_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Student:
    """An account: its name, ids and home; ``root``: whether this program runs as root for it."""

    name: str
    uid: int
    gid: int
    home: str
    root: bool

    @property
    def word(self) -> str:
        """The account's name as names of images and containers may have it."""
        word = _WORD.sub("-", self.name.lower()).strip("-")
        return "my" if word in ("", "root") else word

    @contextmanager
    def rights(self) -> Iterator[None]:
        """Read and write with the rights of the account, not with root's."""
        if not self.root or self.uid == 0:
            yield
            return
        groups = os.getgroups()
        try:
            os.setgroups([self.gid])
            os.setegid(self.gid)
            os.seteuid(self.uid)
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)


def state_directory(student: Student) -> str:
    """Where the results of ``student`` are: in XDG_STATE_HOME, by default ``~/.local/state``."""
    chosen = "" if student.root and student.uid else os.environ.get("XDG_STATE_HOME", "")
    base = chosen if chosen.startswith("/") else os.path.join(student.home, ".local", "state")
    return os.path.join(base, "scratchlab")


def find_student() -> Student:
    """The account that typed the command, also through sudo(8), which names it in SUDO_UID."""
    uid, root = os.getuid(), os.geteuid() == 0
    typed = os.environ.get("SUDO_UID", "")
    if root and typed.isdecimal():
        uid = int(typed)
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return Student(str(uid), uid, os.getgid(), os.environ.get("HOME") or "/", root)
    # Without sudo, HOME counts, as it does for every other program.
    home = account.pw_dir if uid != os.getuid() else os.environ.get("HOME") or account.pw_dir
    return Student(account.pw_name, uid, account.pw_gid, home, root)


@dataclass(frozen=True, slots=True)
class Access:
    """How a student reaches the engine and a container's root.

    ``docker``, ``scratchlab`` and ``sudo`` begin the commands that are printed. ``root``: whether
    commands as root are possible; if not, a root is read through the debug window. ``may`` is false
    where the engine cannot be reached: then ``how`` says what is missing, otherwise which way.
    """

    docker: str = "docker"
    scratchlab: str = "scratchlab"
    sudo: str = ""
    root: bool = True
    may: bool = True
    how: str = "as root"


def find_access(student: Student) -> Access:
    """The access of the account that typed the command; asks for no password."""
    if student.uid == 0:
        return Access()
    anything = sudo_allows("docker")
    alone = anything or sudo_allows_program()
    program = "sudo scratchlab" if alone else "scratchlab"
    with student.rights():
        # Not os.access(): that asks for the real user, who under sudo is root.
        socket = os.access(SOCKET, os.W_OK, effective_ids=True)
    if socket:
        how = "by the group docker, which gives the rights of root on this machine"
        return Access("docker", program, "sudo ", root=anything, how=how)
    if anything:
        return Access("sudo docker", program, "sudo ", how="by sudo")
    missing = (
        f"{student.name} is neither in the group docker nor allowed to run docker by sudo;"
        f" root can change that: usermod -aG docker {student.name} (it gives the rights of root)"
    )
    return Access("sudo docker", program, "sudo ", root=False, may=False, how=missing)


def sudo_allows_program() -> bool:
    """Whether this account may run the installed scratchlab as root without a password."""
    return os.path.exists(PROGRAM) and sudo_allows(PROGRAM, "learn", "check")


def sudo_allows(*command: str) -> bool:
    """Whether sudo(8) lets the account that typed the command run ``command`` as root.

    Where it would ask for a password to answer, the account is in sudoers(5): it may.
    """
    if os.environ.get("SUDO_UID"):  # it is sudo that runs this program
        command = ("-U", os.environ.get("SUDO_USER", ""), *command)
    try:
        done = subprocess.run(
            ["sudo", "-n", "-l", *command], capture_output=True, timeout=10, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
