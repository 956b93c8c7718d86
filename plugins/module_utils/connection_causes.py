"""Why a machine cannot be reached, used or written to, and the command that fixes it.

Pure. The texts are what OpenSSH (sshconnect.c, sshconnect2.c, readconf of 9.2), sudo 1.9, Ansible
(plugins/connection, plugins/become, task timeouts) and Python's OSError print, as captured in
tests/unit/classroom/test_connection_causes.py.
"""

from __future__ import annotations

import re


def explain(reason, host, address="", user="", port=""):
    """Return ``reason`` in one sentence with the command that fixes it, or an empty string.

    ``host`` is the machine's name in the inventory; ``address``, ``user`` and ``port`` are how it
    is reached, as far as that is known. Commands are for the controller unless they say otherwise.
    """
    # A template in the inventory is not evaluated here.
    address, user, port = ("" if "{" in value else value for value in (address, user, port))
    place = address or host
    number = "" if port == "22" else port
    words = {
        "host": host,
        "place": place,
        "login": f"{user}@{place}" if user else place,
        "user": user or "its user",
        "scan": f"ssh-keyscan{' -p ' + number if number else ''} {place}",
        "entry": f"'[{place}]:{number}'" if number else place,
        "port": f" -p {number}" if number else "",
    }
    for pattern, what, remedy in TABLE:
        match = re.search(pattern, reason)
        if match:
            found = {**words, **match.groupdict(default="")}
            return f"{what.format_map(found)} -- {remedy.format_map(found)}"
    return ""


TRUST = (
    "compare its fingerprints, {scan} 2>/dev/null | ssh-keygen -lf -, with those that the machine "
    "shows, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, then: {scan} >>~/.ssh/known_hosts "
    "(for a whole room: --ssh-common-args='-o StrictHostKeyChecking=accept-new')"
)
# (what was printed, what that means, what to do). The first that matches counts.
TABLE = (
    (
        r"(?s)HOST IDENTIFICATION HAS CHANGED.*?(?P<print>SHA256:[\w+/=]+)",
        "the host key of {place} is not the one that this machine knows; it is {print} now",
        "if the machine was installed again: ssh-keygen -R {entry}; then " + TRUST,
    ),
    (
        r"Host key verification failed",
        "this machine does not know the host key of {place}",
        TRUST,
    ),
    (
        r"Permission denied \((?P<methods>[\w,-]+)\)",
        "{place} does not let {user} log in ({methods})",
        "ssh-copy-id{port} {login}; or name the user and the key in the inventory: ansible_user, "
        "ansible_ssh_private_key_file; or -k asks for the password (needs sshpass)",
    ),
    (
        r"install the sshpass program",
        "Ansible needs sshpass to log in with a password",
        "apt-get install sshpass, or log in with a key: ssh-copy-id{port} {login}",
    ),
    (
        r"Missing sudo password",
        "sudo asks for a password on {host}",
        "add -K: it asks for the password once, for all machines",
    ),
    (
        r"Incorrect sudo password",
        "sudo on {host} refuses the password",
        "add -K and type the password of {user} on {host}; or, if {user} may not use sudo there, "
        "as root: usermod -aG sudo USER",
    ),
    (
        r"sorry, you must have a tty",
        "sudo on {host} wants a terminal (requiretty)",
        "run with ANSIBLE_PIPELINING=false, or on {host}: visudo, and add "
        "'Defaults:{user} !requiretty'",
    ),
    (
        r"(?i)is not in the sudoers file|may not run sudo|sudo: (?:command )?not found",
        "{user} may not use sudo on {host}",
        "on {host}, as root: apt-get install sudo; usermod -aG sudo USER; or log in as root: "
        "-u root",
    ),
    (
        r"Could not resolve hostname (?P<name>[^:\s]+)",
        "there is no machine called {name} in this network's names",
        "correct ansible_host of {host} in the inventory, or add {name} to /etc/hosts",
    ),
    (
        r"connect to host \S+ port (?P<at>\d+): (?P<why>Connection refused)",
        "nothing answers on port {at} of {place}: {why}",
        "on the machine: apt-get install openssh-server; systemctl start ssh; or set ansible_port",
    ),
    (
        r"(?P<why>Connection timed out|No route to host|Network is unreachable)",
        "{place} does not answer: {why}",
        "is it switched on and in this network? ping {place}; to wait longer for a slow one: "
        "--timeout 120",
    ),
    (
        r"Timed out after (?P<seconds>\d+) second",
        "a task did not end within {seconds} s on {host}: it is slow, or something there hangs",
        "to wait longer, set ANSIBLE_TASK_TIMEOUT=7200",
    ),
    (
        r"\[Errno 30\] Read-only file system: '+(?P<path>[^']+)'",
        "{path} on {host} is on a file system that is read-only",
        "on {host}, as root: mount -o remount,rw $(findmnt -no TARGET -T {path}); if it became "
        "read-only by itself, dmesg says why",
    ),
    (
        r"\[Errno (?:28|122)\] (?P<why>No space left on device|Disk quota exceeded)",
        "{host} cannot write: {why}",
        "make room on {host}: df -h and df -i show where it is needed",
    ),
    (
        r"interpreter '(?P<path>[^']+)' was not found",
        "{host} has no {path}",
        "on {host}: apt-get install python3; or set ansible_python_interpreter in the inventory",
    ),
)
