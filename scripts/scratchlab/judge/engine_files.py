"""What the files hold that an engine writes for a container: /etc/hostname, hosts, resolv.conf.

A file that holds what the engine writes is the engine's; anything else in it was written later. Of
what does not follow from the configuration, time tells: nothing that was changed since the start is
the engine's, but where the engine itself writes the file again.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.judge.times import changed_since, reported_early, start_of
from scratchlab.model import Container, EngineFile, Facts

# moby v20.10.24 libnetwork/etchosts/etchosts.go defaultContent, v25 to v29
# daemon/libnetwork/etchosts: address -> names.
_DEFAULT_HOSTS = {
    "127.0.0.1": {"localhost"},
    "::1": {"localhost", "ip6-localhost", "ip6-loopback"},
    "fe00::": {"ip6-localnet"},
    "ff00::": {"ip6-mcastprefix"},
    "ff02::1": {"ip6-allnodes"},
    "ff02::2": {"ip6-allrouters"},
}
_RESOLVER = "127.0.0.11"  # the address of the resolver that the engine runs in a network
# moby v20.10.24 libnetwork/resolver.go ResolverOptions().
_RESOLVER_OPTIONS = {"ndots:0"}
_NETWORKS_WITHOUT_RESOLVER = {"bridge", "host", "none"}
_NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf")
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Written:
    """What is known of a file of the engine. ``later``: how it differs from what the engine wrote,
    a sentence; empty where it is the engine's. ``proof`` is why, then.
    """

    later: str
    proof: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """``foreign``: what the engine does not write, a sentence. ``open``: the part that does not
    follow from what inspect shows. Both empty: all of it follows.
    """

    foreign: str = ""
    open: str = ""


def written(file: EngineFile, facts: Facts) -> Written | None:
    """Who wrote the content of ``file``; None where that is not known."""
    container, engine = facts.container, facts.engine.name
    mode = str((container.inspect.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode.startswith("container:"):
        return None  # then they are another container's
    content = _content(file, container, engine, mode)
    if content.foreign:
        return Written(content.foreign)
    if not content.open:
        return Written("", "holds what the engine writes")
    start = start_of(facts)
    if file.changed is None or start is None:
        return None
    since = changed_since(file.changed, start)
    if not since:
        return Written("", "was not changed since the container was started")
    # Docker that reports the start early sets up the network after the runtime's work (moby v28
    # daemon/start.go containerStart()).
    again = reported_early(facts) or _may_write_again(container.inspect, engine, mode)
    if file.target in _NETWORK_FILES and again:
        return None
    return Written(f"it {since}, and the configuration does not tell {content.open}")


def _may_write_again(inspect: Mapping[str, Any], engine: str, mode: str) -> bool:
    """Whether the engine may have written hosts and resolv.conf since the start: it does when a
    network is connected or left, and when a linked container is started again.

    moby v20.10.24 libnetwork/endpoint.go sbJoin(), sbLeave(), sandbox_dns_unix.go; podman v4.3
    libpod/networking_linux.go NetworkConnect().
    """
    networks = set((inspect.get("NetworkSettings") or {}).get("Networks") or {})
    if engine != "docker":
        return len(networks) > 1
    if (inspect.get("HostConfig") or {}).get("Links"):
        return True
    return networks != {"bridge" if mode in ("", "default") else mode}


def _content(file: EngineFile, container: Container, engine: str, mode: str) -> _Content:
    everything = _Content(open="what it should hold")
    if file.text is None or engine != "docker":
        return everything
    inspect = container.inspect
    if file.target == "/etc/hostname":
        return _Content(_hostname(file.text, inspect.get("Config") or {}))
    if file.target == "/etc/resolv.conf":
        return _resolv_conf(file, inspect)
    if file.target == "/etc/hosts" and mode != "host":  # there it may be a copy of the host's
        return _hosts(file.text, container)
    return everything


def _hostname(text: str, config: Mapping[str, Any]) -> str:
    # moby v20.10.24 daemon/container_operations_unix.go buildHostnameFile(), once with domain.
    name, with_domain = _own_names(config)
    as_written = f"{name}\n"
    if text in (as_written, f"{with_domain}\n"):
        return ""
    return f"it holds {text[:80]!r}, and the engine wrote {as_written!r}"


def _own_names(config: Mapping[str, Any]) -> tuple[str, str]:
    """The container's host name, and the same with its domain, if it has one."""
    name, domain = str(config.get("Hostname") or ""), config.get("Domainname")
    return name, f"{name}.{domain}" if domain else name


def _resolv_conf(file: EngineFile, inspect: Mapping[str, Any]) -> _Content:
    if not file.recorded:
        return _Content(open="what it should hold")
    assert file.text is not None  # noqa: S101 - for the type checker
    digest = hashlib.sha256(file.text.encode(errors="surrogateescape")).hexdigest()
    if file.recorded.removeprefix("sha256:") == digest:
        return _Content()
    networks = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
    if set(networks) <= _NETWORKS_WITHOUT_RESOLVER:
        return _Content(f"its SHA-256 is {digest[:12]}, and the engine recorded "
                        f"{file.recorded[:19]}")  # fmt: skip
    # In a network of the user's the engine writes it once more, for its own resolver, and keeps
    # the old digest (moby v20.10.24 libnetwork/sandbox_dns_unix.go rebuildDNS()).
    lines = [line.split() for line in file.text.split("\n")]
    servers = [line[1:] for line in lines if line[:1] == ["nameserver"]]
    if servers != [[_RESOLVER]]:
        return _Content(f"it names the servers {servers!r:.80}, and the engine wrote {_RESOLVER}")
    host_config = inspect.get("HostConfig") or {}
    known = {
        "nameserver": {_RESOLVER},
        "options": {*_RESOLVER_OPTIONS, *map(str, host_config.get("DnsOptions") or [])},
        "search": set(map(str, host_config.get("DnsSearch") or [])),
    }
    others = [
        " ".join(line)
        for line in lines
        if line and line[0][0] not in "#;" and not set(line[1:]) <= known.get(line[0], set())
    ]
    return _Content(open=_the_lines(others) if others else "")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that Docker writes to /etc/hosts: its address (None: not known from here) and names,
    and how many more names, not known from here, it may have.
    """

    address: str | None
    names: frozenset[str]
    more: int = 0

    def fits(self, line: str) -> bool:
        """Whether ``line`` may be this one."""
        found, *names = line.split() or [""]
        try:
            address = ipaddress.ip_address(found)
            same = self.address is None or address == ipaddress.ip_address(self.address)
        except ValueError:
            return False
        known = self.names.intersection(names)
        return same and bool(known) and len(set(names) - known) <= self.more


def _hosts(text: str, container: Container) -> _Content:
    sure = list(_certain_lines(container))
    unsure = list(_uncertain_lines(container.inspect))
    found = [line.strip() for line in text.split("\n") if line.strip()]
    others = [line for line in found if not any(known.fits(line) for known in sure)]
    foreign = [line for line in others if not any(known.fits(line) for known in unsure)]
    if foreign:
        return _Content(f"the engine does not write {_the_lines(foreign)}")
    known_names = {name for line in found for name in line.split()[1:]}
    # Of the other lines some depend on networks and on whether there is IPv6.
    extra = {name for name, _ in _extra_hosts(container.inspect)}
    lacking = sorted({"localhost", *extra} - known_names)
    if lacking:
        return _Content(f"the engine wrote lines for {', '.join(lacking)}")
    return _Content(open=_the_lines(others) if others else "")


def _the_lines(lines: list[str]) -> str:
    more = f" and {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
    return f"the lines {', '.join(repr(line[:80]) for line in lines[:_MOST_SHOWN])}{more}"


def _certain_lines(container: Container) -> Iterator[_Line]:
    inspect = container.inspect
    for address, names in _DEFAULT_HOSTS.items():
        yield _Line(address, frozenset(names))
    for name, address in _extra_hosts(inspect):
        if address != "host-gateway":
            yield _Line(address, frozenset({name}))
    name, with_domain = _own_names(inspect.get("Config") or {})
    # moby v20.10.24 libnetwork/sandbox_dns_unix.go updateHostsFile(), v29 makeHostsRecs().
    own = frozenset({name, with_domain, name.partition(".")[0]})
    settings = inspect.get("NetworkSettings") or {}
    for network in (settings, *(settings.get("Networks") or {}).values()):
        for key in ("IPAddress", "GlobalIPv6Address"):
            if network.get(key):
                yield _Line(str(network[key]), own)


def _uncertain_lines(inspect: Mapping[str, Any]) -> Iterator[_Line]:
    """Lines with an address that only the engine knows."""
    for name, address in _extra_hosts(inspect):
        if address == "host-gateway":
            yield _Line(None, frozenset({name}))
    for link in (inspect.get("HostConfig") or {}).get("Links") or []:
        # Legacy links of the default bridge: the alias, the other's host name, which is not known
        # from here, and its name (moby v29 daemon/container_operations_unix.go addLegacyLinks()).
        other, _, alias = str(link).partition(":")
        yield _Line(None, frozenset({other.rpartition("/")[2], alias.rpartition("/")[2]}), more=1)


def _extra_hosts(inspect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and address of each --add-host."""
    for extra in (inspect.get("HostConfig") or {}).get("ExtraHosts") or []:
        name, separator, address = str(extra).partition("=")
        if not separator:
            name, _, address = str(extra).partition(":")
        yield name, address.strip("[]")
