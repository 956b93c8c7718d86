"""How a machine is reached: Ansible's variables become a command."""

from __future__ import annotations

from typing import Any

import pytest

from scratchlab.watch.inventory import target_of, targets_of


def command(variables: dict[str, Any], **environment: str) -> tuple[str, ...]:
    target = target_of("desk01", variables, environment, 8)
    assert target.problem == ""
    return target.command


def test_ssh_gets_what_ansible_would_give_it() -> None:
    found = command(
        {
            "ansible_host": "192.0.2.7",
            "ansible_user": "student",
            "ansible_port": 2222,
            "ansible_ssh_private_key_file": "/k",
            "ansible_ssh_common_args": '-o ProxyCommand="nc %h %p" -o LogLevel=ERROR',
            "ansible_host_key_checking": False,
        }
    )
    assert found[0] == "ssh"
    assert found[-2:] == ("--", "192.0.2.7")
    assert "-oStrictHostKeyChecking=no" in found
    rest = found[found.index("-l") :]
    assert rest[:-2] == (
        "-l", "student", "-p", "2222", "-i", "/k", "-o", "ProxyCommand=nc %h %p", "-o",
        "LogLevel=ERROR",
    )  # fmt: skip
    # The first of two counts for ssh.
    assert found.index("-oControlMaster=no") < found.index("-l")


def test_the_environment_counts_where_the_inventory_says_nothing() -> None:
    variables = {"ANSIBLE_REMOTE_USER": "anna", "ANSIBLE_REMOTE_PORT": "23"}
    found = command({"ansible_port": 22}, **variables)
    assert found[found.index("-l") :][:4] == ("-l", "anna", "-p", "22")
    assert "-oStrictHostKeyChecking=no" not in found
    assert "-oStrictHostKeyChecking=no" in command({}, ANSIBLE_HOST_KEY_CHECKING="False")


def test_an_address_is_never_an_option() -> None:
    assert command({"ansible_host": "-oProxyCommand=x"})[-2] == "--"


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("local", ("sh", "-c")),
        ("community.docker.docker", ("docker", "exec", "-i", "--user", "u", "c1", "sh", "-c")),
        ("podman", ("podman", "exec", "-i", "--user", "u", "c1", "sh", "-c")),
    ],
)
def test_other_connections(connection: str, expected: tuple[str, ...]) -> None:
    variables = {"ansible_connection": connection, "ansible_host": "c1", "ansible_user": "u"}
    assert command(variables) == expected


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_connection": "winrm"}, "knows no connection winrm"),
        ({"lab_engine_url": "ssh://x"}, "engine is elsewhere"),
        ({"ansible_host": "{{ inventory_hostname }}.lan"}, "ansible_host is a template"),
        ({"ansible_ssh_common_args": '-o "x'}, "cannot be read"),
    ],
)
def test_what_cannot_be_watched_says_why(variables: dict[str, Any], words: str) -> None:
    target = target_of("desk01", variables, {}, 8)
    assert target.command == ()
    assert words in target.problem


def test_machines_come_in_the_order_of_the_inventory_each_once() -> None:
    listed = {
        "_meta": {"hostvars": {"b": {"ansible_host": "192.0.2.1"}}},
        "all": {"children": ["ungrouped", "left", "right"]},
        "left": {"hosts": ["b", "a"], "children": ["right"]},
        "right": {"hosts": ["c", "a"], "children": ["left"]},
    }
    found = targets_of(listed, 8)
    assert [target.name for target in found] == ["b", "a", "c"]
    assert [target.command[-1] for target in found] == ["192.0.2.1", "a", "c"]
