"""What Docker writes into /etc/hostname, hosts and resolv.conf; anything else was written later."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from scratchlab.judge.engine_files import changed_since
from scratchlab.model import Container, EngineFile

DEFAULT = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"


def changed(name: str, text: str | None, recorded: str = "", **inspect: Any) -> str | None:
    file = EngineFile(f"/etc/{name}", f"/d/{name}", text, recorded)
    return changed_since(file, Container(inspect=inspect))


def hosts(text: str, network: dict[str, Any] | None = None, **host_config: Any) -> str | None:
    settings = {"IPAddress": "172.17.0.2", "Networks": {"n": network or {}}}
    return changed(
        "hosts", text, Config={"Hostname": "h.lan", "Domainname": "example.org"},
        HostConfig=host_config, NetworkSettings=settings,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
@pytest.mark.parametrize(
    ("text", "mode"), [(None, "default"), ("x", "container:beef")], ids=["unread", "joined"]
)
def test_what_cannot_be_known_is_not_judged(name: str, text: str | None, mode: str) -> None:
    assert changed(name, text, "0" * 64, HostConfig={"NetworkMode": mode}) is None


def test_another_file_is_not_judged() -> None:
    assert changed("passwd", "x") is None
    assert changed("hosts", "x", HostConfig={"NetworkMode": "host"}) is None


@pytest.mark.parametrize(
    ("text", "same"),
    [("h\n", True), ("h.d\n", True), ("h", False), ("\n", False), ("h\nx\n", False)],
)
def test_the_hostname_is_the_configured_one(text: str, same: bool) -> None:
    sentence = changed("hostname", text, Config={"Hostname": "h", "Domainname": "d"})
    assert (sentence == "") is same
    assert same or sentence == f"it holds {text!r}, and the engine wrote 'h\\n'"


def test_a_long_hostname_is_cut() -> None:
    sentence = changed("hostname", "x" * 200)
    assert sentence is not None
    assert f"{'x' * 80!r}, and" in sentence


def test_resolv_conf_is_held_against_its_digest() -> None:
    text = "nameserver 192.0.2.1\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert changed("resolv.conf", text) is None
    for recorded in (digest, f"sha256:{digest}"):
        assert changed("resolv.conf", text, recorded) == ""
    other = changed("resolv.conf", text, "sha256:" + "0" * 64)
    assert other == (f"its SHA-256 is {digest[:12]}, and the engine recorded sha256:{'0' * 12}")


def test_bytes_that_are_not_utf8_have_a_digest_too() -> None:
    recorded = hashlib.sha256(b"\xff").hexdigest()
    assert changed("resolv.conf", "\udcff", recorded) == ""


@pytest.mark.parametrize(
    ("networks", "users"),
    [
        ({"mynet": {}}, True),
        ({"bridge": {}, "mynet": {}}, True),
        ({"bridge": {}}, False),
        ({"host": {}}, False),
        ({"none": {}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_in_a_network_of_the_user_the_engine_writes_its_own_resolver(
    networks: dict[str, Any] | None, users: bool
) -> None:
    for text, kept in (
        ("search x\nnameserver 127.0.0.11\noptions ndots:0\n", users),
        ("nameserver 127.0.0.11\nnameserver 203.0.113.9\n", False),
        ("nameserver 203.0.113.9\n", False),
        ("search x\n", False),
    ):
        sentence = changed("resolv.conf", text, "0" * 64, NetworkSettings={"Networks": networks})
        assert (sentence == "") is kept


def test_the_sentence_names_the_other_servers() -> None:
    text = "nameserver 203.0.113.9\n"
    sentence = changed("resolv.conf", text, "0" * 64, NetworkSettings={"Networks": {"mynet": {}}})
    assert sentence == "it names the servers [['203.0.113.9']], and the engine wrote 127.0.0.11"


@pytest.mark.parametrize(
    "line",
    [
        "", "   ", "127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback",
        "fe00::0 ip6-localnet", "ff00::0 ip6-mcastprefix", "ff02::1 ip6-allnodes",
        "ff02::2 ip6-allrouters",
        "172.17.0.2 h.lan h", "172.17.0.2 h.lan.example.org h", "172.17.0.2 0123456789ab",
    ],
)  # fmt: skip
def test_a_line_that_docker_writes_is_the_engines(line: str) -> None:
    assert hosts(DEFAULT + line + "\n") == ""


@pytest.mark.parametrize(
    "line",
    [
        "203.0.113.9 evil", "127.0.0.1 evil", "127.0.0.1 localhost evil", "127.0.0.1", "evil",
        "172.17.0.3 h", "172.17.0.2 other", "# a comment", "::1 ip6-allnodes",
        "172.17.0.2 0123456789abc", "172.17.0.2 0123456789a",
    ],
)  # fmt: skip
def test_any_other_line_was_written_later(line: str) -> None:
    assert hosts(DEFAULT + line + "\n") == f"the engine does not write the lines {line!r}"


def test_many_lines_are_counted() -> None:
    lines = "\n".join(f"192.0.2.{number} x{number}" for number in range(5))
    assert hosts(lines) == (
        "the engine does not write the lines '192.0.2.0 x0', '192.0.2.1 x1', '192.0.2.2 x2' "
        "and 2 more"
    )
    long = "192.0.2.9 " + "x" * 200
    assert hosts(long) == f"the engine does not write the lines {long[:80]!r}"


@pytest.mark.parametrize(
    ("extra", "line", "allowed"),
    [
        ("other:192.0.2.7", "192.0.2.7 other", True),
        ("other=192.0.2.7", "192.0.2.7 other", True),
        ("other:192.0.2.7", "192.0.2.8 other", False),
        ("other:192.0.2.7", "192.0.2.7 another", False),
        ("six:2001:db8::7", "2001:db8:0::7 six", True),
        ("six=[2001:db8::7]", "2001:db8::7 six", True),
        ("up:host-gateway", "172.17.0.1 up", True),
    ],
)
def test_add_host_writes_a_line(extra: str, line: str, allowed: bool) -> None:
    assert (hosts(DEFAULT + line, ExtraHosts=[extra]) == "") is allowed


def test_names_and_addresses_of_networks_are_written() -> None:
    network = {
        "IPAddress": "10.1.0.2", "GlobalIPv6Address": "2001:db8::2", "Aliases": ["web"],
        "DNSNames": ["dns"], "Links": ["db:base"],
    }  # fmt: skip
    for line in ("10.1.0.2 web", "2001:db8::2 dns", "10.1.0.2 h", "10.9.9.9 base", "10.9.9.9 db"):
        assert hosts(DEFAULT + line, network) == ""
    for line in ("10.1.0.3 web", "172.17.0.2 web"):
        assert hosts(DEFAULT + line, network) != ""


def test_legacy_links_are_written_with_any_address() -> None:
    links = ["/other:/this/alias"]
    assert hosts(DEFAULT + "172.17.0.9 alias 0123456789ab other", Links=links) == ""
    assert hosts(DEFAULT + "172.17.0.9 this", Links=links) != ""


def test_nothing_in_inspect_allows_only_the_default_lines() -> None:
    assert changed("hosts", DEFAULT) == ""
    assert changed("hosts", "172.17.0.2 h") == "the engine does not write the lines '172.17.0.2 h'"
    assert changed("hostname", "\n") == ""


def test_a_line_that_the_engine_writes_and_that_is_gone_is_told() -> None:
    assert hosts("172.17.0.2 h.lan h\n") == "the engine wrote lines for localhost"
    extra = ["b:192.0.2.7", "a:192.0.2.8"]
    assert hosts(DEFAULT, ExtraHosts=extra) == "the engine wrote lines for a, b"
    assert hosts(f"{DEFAULT}192.0.2.7 b\n", ExtraHosts=extra) == "the engine wrote lines for a"
