"""Why a machine cannot be reached: the judgement of what ssh, sudo and Ansible really printed."""

from __future__ import annotations

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils.connection_causes import explain

SSH = "Task failed: Failed to connect to the host via ssh: "
RULE = "@" * 59
CHANGED = f"""{RULE}\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
{RULE}\r
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
Someone could be eavesdropping on you right now (man-in-the-middle attack)!\r
It is also possible that a host key has just been changed.\r
The fingerprint for the ED25519 key sent by the remote host is
SHA256:Qi645EvGigPnlVa7NYIWBja0QSJVBt5aMSOAhcPgFC0.\r
Please contact your system administrator.\r
Add correct host key in /root/.ssh/known_hosts to get rid of this message.\r
Offending ED25519 key in /root/.ssh/known_hosts:1\r
  remove with:\r
  ssh-keygen -f "/root/.ssh/known_hosts" -R "192.0.2.11"\r
Host key for 192.0.2.11 has changed and you have requested strict checking.\r
Host key verification failed."""
STRICT = (
    "No ED25519 host key is known for 192.0.2.11 and you have requested strict checking.\r\n"
    "Host key verification failed."
)
NO_TTY = (
    "Module result deserialization failed: No start of json char found; "
    "sudo: sorry, you must have a tty to run sudo"
)
CASES = {
    "host key, nobody asked": (
        f"{SSH}Host key verification failed.",
        ("does not know the host key of 192.0.2.11", "ssh-keyscan 192.0.2.11 >>~/.ssh/known_hosts"),
    ),
    "host key, fingerprints": (
        SSH + STRICT,
        (
            "ssh-keyscan 192.0.2.11 2>/dev/null | ssh-keygen -lf -",
            "StrictHostKeyChecking=accept-new",
        ),
    ),
    "another host key": (
        SSH + CHANGED,
        (
            "it is SHA256:Qi645EvGigPnlVa7NYIWBja0QSJVBt5aMSOAhcPgFC0 now",
            "ssh-keygen -R 192.0.2.11;",
        ),
    ),
    "no key of the user": (
        f"{SSH}student@192.0.2.11: Permission denied (publickey).",
        ("192.0.2.11 does not let student log in (publickey)", "ssh-copy-id student@192.0.2.11"),
    ),
    "slow to connect": (
        f"{SSH}Connection timed out during banner exchange",
        ("192.0.2.11 does not answer", "--timeout 120"),
    ),
    "slow task": (
        "Task failed: Timed out after 1800 second(s).",
        ("a task did not end within 1800 s on desk01", "ANSIBLE_TASK_TIMEOUT=7200"),
    ),
    "read-only": (
        "Task failed: Module failed: [Errno 30] Read-only file system: '/usr/sbin/policy-rc.d'",
        ("/usr/sbin/policy-rc.d on desk01", "remount,rw $(findmnt -no TARGET -T /usr/sbin/"),
    ),
    "full": (
        "Task failed: Module failed: [Errno 28] No space left on device",
        ("desk01 cannot write: No space left on device", "df -h and df -i"),
    ),
    "no password for sudo": ("Task failed: Missing sudo password", ("desk01", "add -K")),
    "wrong password for sudo": (
        "Task failed: Incorrect sudo password",
        ("refuses the password", "usermod -aG sudo"),
    ),
    "requiretty": (NO_TTY, ("ANSIBLE_PIPELINING=false", "'Defaults:student !requiretty'")),
    "no such name": (
        f"{SSH}ssh: Could not resolve hostname desk99.invalid: Name or service not known",
        ("no machine called desk99.invalid", "correct ansible_host of desk01"),
    ),
    "no sshd": (
        f"{SSH}ssh: connect to host 192.0.2.11 port 22: Connection refused",
        ("nothing answers on port 22 of 192.0.2.11", "systemctl start ssh"),
    ),
    "switched off": (
        f"{SSH}ssh: connect to host 192.0.2.11 port 22: No route to host",
        ("192.0.2.11 does not answer: No route to host", "ping 192.0.2.11"),
    ),
    "no python": (
        "The module interpreter '/usr/bin/python9' was not found.; "
        "/bin/sh: 1: /usr/bin/python9: not found",
        ("desk01 has no /usr/bin/python9", "apt-get install python3"),
    ),
}


@pytest.mark.parametrize(("reason", "words"), CASES.values(), ids=CASES)
def test_cause_is_one_sentence_with_the_command(reason: str, words: tuple[str, ...]) -> None:
    sentence = explain(reason, "desk01", "192.0.2.11", "student", "22")
    for word in words:
        assert word in sentence
    assert "\n" not in sentence
    assert " -- " in sentence


def test_what_is_not_about_the_connection_is_left_alone() -> None:
    assert explain("no space left on device", "desk01") == ""


def test_another_port_is_in_every_command() -> None:
    sentence = explain(SSH + CHANGED, "desk01", "192.0.2.11", "student", "2222")
    assert "ssh-keygen -R '[192.0.2.11]:2222'" in sentence
    assert "ssh-keyscan -p 2222 192.0.2.11" in sentence
    denied = explain("Permission denied (publickey)", "desk01", "192.0.2.11", "student", "2222")
    assert "ssh-copy-id -p 2222 student@192.0.2.11" in denied


def test_machine_without_address_and_user_goes_by_its_name() -> None:
    denied = explain("Permission denied (publickey)", "desk01")
    assert denied.startswith("desk01 does not let its user log in")
    assert "ssh-copy-id desk01" in denied


def test_template_of_the_inventory_is_not_shown() -> None:
    assert "{" not in explain("Permission denied (publickey)", "desk01", "{{ somewhere }}")
