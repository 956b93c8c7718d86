"""What Docker writes into /etc/hostname, hosts and resolv.conf; anything else was written later."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from scratchlab.judge.engine_files import Written, written
from scratchlab.model import Container, Engine, EngineFile, Facts

DEFAULT = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"


START = "2026-11-28T09:00:00.5Z"
BEFORE, AFTER = 1_795_856_400_499_999_999, 1_795_856_400_500_000_001  # ns
SHOWN, SHOWN_START = "2026-11-28T09:00:00.500000001Z", "2026-11-28T09:00:00.500000000Z"


def found(
    name: str, text: str | None, recorded: str = "", changed: int | None = None,
    engine: str = "docker", identity: str = "", made: int | None = None, **inspect: Any,
) -> Written | None:  # fmt: skip
    file = EngineFile(f"/etc/{name}", f"/d/{name}", text, recorded, changed)
    described = {"State": {"StartedAt": START}, **inspect}
    container = Container(id=identity, inspect=described, made=made)
    return written(file, Facts(engine=Engine(name=engine), container=container))


def changed(name: str, text: str | None, recorded: str = "", **inspect: Any) -> str | None:
    """The sentence; None where nothing is known without the time."""
    this = found(name, text, recorded, **inspect)
    assert this is None or this.later or this.proof == "holds what the engine writes"
    return None if this is None else this.later


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


@pytest.mark.parametrize("text", ["h.\n", "h.XXXX\n", "h.d\n"])
def test_without_a_domain_the_hostname_has_none(text: str) -> None:
    for config in ({"Hostname": "h"}, {"Hostname": "h", "Domainname": ""}):
        sentence = changed("hostname", text, Config=config)
        assert sentence == f"it holds {text!r}, and the engine wrote 'h\\n'"


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
        ("# c\n; c\n\nnameserver 127.0.0.11\noptions ndots:0\n", users),
        ("nameserver 127.0.0.11\nnameserver 203.0.113.9\n", False),
        ("nameserver 203.0.113.9\n", False),
        ("search x\n", False),
        ("Xoptions y\nnameserver 127.0.0.11\n", False),
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
        "172.17.0.2 h.lan h", "172.17.0.2 h.lan.example.org h",
    ],
)  # fmt: skip
def test_a_line_that_docker_writes_is_the_engines(line: str) -> None:
    assert hosts(DEFAULT + line + "\n") == ""


@pytest.mark.parametrize(
    "line",
    [
        "203.0.113.9 evil", "127.0.0.1 evil", "127.0.0.1 localhost evil", "127.0.0.1", "evil",
        "172.17.0.3 h", "172.17.0.2 other", "# a comment", "::1 ip6-allnodes",
        "172.17.0.2 0123456789ab", "172.17.0.2 h.lan web", "172.17.0.2 h.lan h x",
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
    three = "192.0.2.1 x\n192.0.2.2 x\n192.0.2.3 x"
    assert str(hosts(three)).endswith("'192.0.2.1 x', '192.0.2.2 x', '192.0.2.3 x'")
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
    ],
)
def test_add_host_writes_a_line(extra: str, line: str, allowed: bool) -> None:
    assert (hosts(DEFAULT + line, ExtraHosts=[extra]) == "") is allowed


def test_the_addresses_of_all_networks_are_written_with_the_own_names() -> None:
    network = {
        "IPAddress": "10.1.0.2", "GlobalIPv6Address": "2001:db8::2", "Aliases": ["web"],
        "DNSNames": ["dns"], "Links": ["db:base"],
    }  # fmt: skip
    for line in ("10.1.0.2 h.lan", "2001:db8::2 h", "10.1.0.2 h.lan.example.org h"):
        assert hosts(DEFAULT + line, network) == ""
    # Names and links of a network are its resolver's, not this file's.
    for line in ("10.1.0.2 web", "2001:db8::2 dns", "10.9.9.9 base", "172.17.0.3 h"):
        assert hosts(DEFAULT + line, network) != ""


# What does not follow from the configuration, and time:

UNCERTAIN = [
    ({"ExtraHosts": ["up:host-gateway"]}, "172.17.0.1 up"),
    ({"Links": ["/other:/this/alias"]}, "172.17.0.9 alias 0123456789ab other"),
    ({"Links": ["/other:/this/alias"]}, "172.17.0.9 alias its.own.name other"),
]


@pytest.mark.parametrize(("host_config", "line"), UNCERTAIN)
def test_an_address_that_only_the_engine_knows_is_not_judged_by_content(
    host_config: dict[str, Any], line: str
) -> None:
    assert hosts(DEFAULT + line, **host_config) is None


@pytest.mark.parametrize(
    ("host_config", "line"),
    [
        ({"ExtraHosts": ["up:host-gateway"]}, "172.17.0.1 up down"),
        ({"Links": ["/other:/this/alias"]}, "172.17.0.9 this"),
        ({"Links": ["/other:/this/alias"]}, "172.17.0.9 alias a b"),
        ({"Links": ["/other:/this/alias"]}, "172.17.0.9"),
    ],
)
def test_names_that_the_engine_does_not_write_are_told_whatever_the_address(
    host_config: dict[str, Any], line: str
) -> None:
    assert hosts(DEFAULT + line, **host_config) == f"the engine does not write the lines {line!r}"


def gateway(moment: int | None, **changes: Any) -> Written | None:
    inspect: dict[str, Any] = {
        "HostConfig": {"ExtraHosts": ["up:host-gateway"], "NetworkMode": "n"},
        "NetworkSettings": {"Networks": {"n": {}}},
    }
    return found("hosts", f"{DEFAULT}203.0.113.9 up\n", changed=moment, **(inspect | changes))


def test_what_was_not_changed_since_the_start_is_the_engines() -> None:
    assert gateway(BEFORE) == Written("", "was not changed since the container was started")
    assert gateway(None) is None
    assert gateway(BEFORE, State={}) is gateway(AFTER, State={"StartedAt": "never"}) is None


def test_what_was_changed_since_the_start_is_not() -> None:
    sentence = (
        f"it was made or changed at {SHOWN}, after the start at {SHOWN_START}, and the "
        "configuration does not tell the lines '203.0.113.9 up'"
    )
    assert gateway(AFTER) == Written(sentence)
    assert gateway(AFTER, made=BEFORE) == Written(sentence)


def test_docker_that_reports_its_start_early_sets_up_the_network_later() -> None:
    """Its network comes after the runtime's work: hosts and resolv.conf may be written then."""
    made = AFTER + 1000
    assert gateway(AFTER, made=made) == Written(
        "", "was not changed since the container was started"
    )
    assert gateway(made + 1, made=made) is None
    hostname = found("hostname", "other\n", changed=made + 1, made=made, Config={"Hostname": "h"})
    assert hostname is not None
    assert hostname.later


@pytest.mark.parametrize(
    ("mode", "networks", "links", "engine", "known"),
    [
        ("n", ["n"], [], "docker", True),
        ("default", ["bridge"], [], "docker", True),
        ("", ["bridge"], [], "docker", True),
        ("bridge", ["bridge"], [], "docker", True),
        ("host", ["host"], [], "docker", True),
        ("n", ["n", "m"], [], "docker", False),
        ("n", ["m"], [], "docker", False),
        ("bridge", ["bridge"], ["/other:/this/alias"], "docker", False),
        ("bridge", ["podman"], [], "podman", True),
        ("bridge", [], [], "podman", True),
        ("bridge", ["a", "b"], [], "podman", False),
    ],
)
def test_where_the_engine_writes_again_time_does_not_tell(
    mode: str, networks: list[str], links: list[str], engine: str, known: bool
) -> None:
    inspect = {
        "HostConfig": {"ExtraHosts": ["up:host-gateway"], "NetworkMode": mode, "Links": links},
        "NetworkSettings": {"Networks": {name: {} for name in networks}},
    }
    this = gateway(AFTER, engine=engine, **inspect)
    assert (this is not None and this.later != "") is known
    assert gateway(BEFORE, engine=engine, **inspect) == Written(
        "", "was not changed since the container was started"
    )


@pytest.mark.parametrize(
    ("name", "text", "inspect"),
    [
        ("hosts", "anything\n", {"HostConfig": {"NetworkMode": "host"},
                                 "NetworkSettings": {"Networks": {"host": {}}}}),
        ("resolv.conf", "nameserver 127.0.0.11\nsearch evil\n",
         {"HostConfig": {"NetworkMode": "n"}, "NetworkSettings": {"Networks": {"n": {}}}}),
        ("resolv.conf", "nameserver 127.0.0.11\noptions timeout:1\n",
         {"HostConfig": {"NetworkMode": "n"}, "NetworkSettings": {"Networks": {"n": {}}}}),
        ("resolv.conf", "nameserver 127.0.0.11\nsortlist 192.0.2.0\n",
         {"HostConfig": {"NetworkMode": "n"}, "NetworkSettings": {"Networks": {"n": {}}}}),
    ],
)  # fmt: skip
def test_of_what_no_configuration_tells_time_does(
    name: str, text: str, inspect: dict[str, Any]
) -> None:
    before, after, unknown = (
        found(name, text, "0" * 64, moment, **inspect) for moment in (BEFORE, AFTER, None)
    )
    assert before is not None
    assert before.later == ""
    assert after is not None
    assert SHOWN in after.later
    assert unknown is None


def test_search_and_options_that_were_asked_for_follow_from_it() -> None:
    text = "nameserver 127.0.0.11\nsearch a b\noptions timeout:1 ndots:0\n"
    inspect = {
        "HostConfig": {"DnsSearch": ["a", "b", "c"], "DnsOptions": ["timeout:1"]},
        "NetworkSettings": {"Networks": {"n": {}}},
    }
    assert changed("resolv.conf", text, "0" * 64, **inspect) == ""
    assert changed("resolv.conf", text.replace("a b", "a x"), "0" * 64, **inspect) is None


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_of_podmans_files_only_the_time_is_known(name: str) -> None:
    for text in ("x", None):
        before, after, unknown = (
            found(name, text, changed=moment, engine="podman") for moment in (BEFORE, AFTER, None)
        )
        assert before == Written("", "was not changed since the container was started")
        assert after == Written(
            f"it was made or changed at {SHOWN}, after the start at {SHOWN_START}, and the "
            "configuration does not tell what it should hold"
        )
        assert unknown is None


def test_podman_writes_other_files_once_whatever_the_networks() -> None:
    networks: dict[str, Any] = {"Networks": {"a": {}, "b": {}}}
    this = found("hostname", "x", changed=AFTER, engine="podman", NetworkSettings=networks)
    assert this is not None
    assert this.later


@pytest.mark.parametrize("config", [{"Hostname": "h.lan"}, {"Hostname": "h.lan", "Domainname": ""}])
def test_without_a_domain_no_line_has_one(config: dict[str, Any]) -> None:
    for names, known in (("h.lan h", True), ("h.lan", True), ("h.lan.", False), ("h.XXXX", False)):
        sentence = changed("hosts", f"{DEFAULT}10.0.0.2 {names}\n", Config=config,
                           NetworkSettings={"IPAddress": "10.0.0.2"})  # fmt: skip
        assert (sentence == "") is known


def test_nothing_in_inspect_allows_only_the_default_lines() -> None:
    assert changed("hosts", DEFAULT) == ""
    assert changed("hosts", "172.17.0.2 h") == "the engine does not write the lines '172.17.0.2 h'"
    assert changed("hostname", "\n") == ""


def test_a_line_that_the_engine_writes_and_that_is_gone_is_told() -> None:
    assert hosts("172.17.0.2 h.lan h\n") == "the engine wrote lines for localhost"
    extra = ["b:192.0.2.7", "a:192.0.2.8"]
    assert hosts(DEFAULT, ExtraHosts=extra) == "the engine wrote lines for a, b"
    assert hosts(f"{DEFAULT}192.0.2.7 b\n", ExtraHosts=extra) == "the engine wrote lines for a"


def test_without_a_recorded_digest_time_tells_of_resolv_conf() -> None:
    networks: dict[str, Any] = {"Networks": {"bridge": {}}}
    inspect: dict[str, Any] = {
        "HostConfig": {"NetworkMode": "bridge"},
        "NetworkSettings": networks,
    }
    this = found("resolv.conf", "x", changed=AFTER, **inspect)
    assert this == Written(
        f"it was made or changed at {SHOWN}, after the start at {SHOWN_START}, and the "
        "configuration does not tell what it should hold"
    )
    assert found("resolv.conf", "x", changed=BEFORE, **inspect) == Written(
        "", "was not changed since the container was started"
    )
