"""What the files hold that Docker writes for a container: /etc/hostname, hosts and resolv.conf.

A file that holds what the engine writes is the engine's; anything else in it was written later.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scratchlab.model import Container, EngineFile

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
_NETWORKS_WITHOUT_RESOLVER = {"bridge", "host", "none"}
_SHORT_ID = re.compile("[0-9a-f]{12}")
_MOST_SHOWN = 3


def changed_since(file: EngineFile, container: Container) -> str | None:
    """How ``file`` differs from what Docker writes for ``container``, in a sentence; empty where
    it does not; None where what Docker writes is not known.
    """
    inspect = container.inspect
    mode = str((inspect.get("HostConfig") or {}).get("NetworkMode") or "")
    if file.text is None or mode.startswith("container:"):
        return None  # then they are another container's
    if file.target == "/etc/hostname":
        return _hostname(file.text, inspect.get("Config") or {})
    if file.target == "/etc/resolv.conf":
        return _resolv_conf(file, inspect)
    if file.target == "/etc/hosts" and mode != "host":  # there it is a copy of the host's
        return _hosts(file.text, inspect)
    return None


def _hostname(text: str, config: Mapping[str, Any]) -> str:
    # moby v20.10.24 daemon/container_operations_unix.go buildHostnameFile(), once with domain.
    name, domain = str(config.get("Hostname") or ""), str(config.get("Domainname") or "")
    written = f"{name}\n"
    if text in (written, f"{name}.{domain}\n"):
        return ""
    return f"it holds {text[:80]!r}, and the engine wrote {written!r}"


def _resolv_conf(file: EngineFile, inspect: Mapping[str, Any]) -> str | None:
    if not file.recorded:
        return None
    assert file.text is not None  # noqa: S101 - for the type checker
    digest = hashlib.sha256(file.text.encode("utf-8", "surrogateescape")).hexdigest()
    if file.recorded.removeprefix("sha256:") == digest:
        return ""
    networks = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
    if not set(networks) <= _NETWORKS_WITHOUT_RESOLVER:
        # In a network of the user's the engine writes it once more, for its own resolver, and keeps
        # the old digest (moby v20.10.24 libnetwork/sandbox_dns_unix.go rebuildDNS()).
        lines = [line.split() for line in file.text.split("\n")]
        servers = [line[1:] for line in lines if line[:1] == ["nameserver"]]
        if servers == [[_RESOLVER]]:
            return ""
        return f"it names the servers {servers!r:.80}, and the engine wrote {_RESOLVER}"
    return f"its SHA-256 is {digest[:12]}, and the engine recorded {file.recorded[:19]}"


def _hosts(text: str, inspect: Mapping[str, Any]) -> str:
    allowed = list(_allowed_hosts(inspect))
    lines_found = [line.strip() for line in text.split("\n") if line.strip()]
    foreign = [
        line
        for line in lines_found
        if not any(_fits(line, address, names) for address, names in allowed)
    ]
    if not foreign:
        known = {name for line in lines_found for name in line.split()[1:]}
        # Of the other lines some depend on networks and on whether there is IPv6.
        lacking = sorted({"localhost", *(name for name, _ in _extra_hosts(inspect))} - known)
        return f"the engine wrote lines for {', '.join(lacking)}" if lacking else ""
    more = f" and {len(foreign) - _MOST_SHOWN} more" if len(foreign) > _MOST_SHOWN else ""
    lines = ", ".join(repr(line[:80]) for line in foreign[:_MOST_SHOWN])
    return f"the engine does not write the lines {lines}{more}"


def _fits(line: str, address: str | None, names: set[str]) -> bool:
    found, *others = line.split() or [""]
    try:
        same = address is None or ipaddress.ip_address(found) == ipaddress.ip_address(address)
    except ValueError:
        return False
    unknown = {name for name in others if not _SHORT_ID.fullmatch(name)} - names
    return same and bool(others) and not unknown


def _allowed_hosts(inspect: Mapping[str, Any]) -> Iterator[tuple[str | None, set[str]]]:
    """Address (None: any) and names of the lines that Docker writes."""
    yield from _DEFAULT_HOSTS.items()
    config, host_config = inspect.get("Config") or {}, inspect.get("HostConfig") or {}
    for name, address in _extra_hosts(inspect):
        yield (None if address == "host-gateway" else address), {name}
    name, domain = str(config.get("Hostname") or ""), str(config.get("Domainname") or "")
    own = {name, f"{name}.{domain}", name.partition(".")[0]}
    settings = inspect.get("NetworkSettings") or {}
    networks = [settings, *(settings.get("Networks") or {}).values()]
    for network in networks:
        aliases = {str(name) for key in ("Aliases", "DNSNames") for name in network.get(key) or ()}
        for key in ("IPAddress", "GlobalIPv6Address"):
            if network.get(key):
                yield str(network[key]), own | aliases
        for link in network.get("Links") or []:
            yield None, _link_names(str(link))
    for link in host_config.get("Links") or []:
        yield None, _link_names(str(link))


def _extra_hosts(inspect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and address of each --add-host."""
    for extra in (inspect.get("HostConfig") or {}).get("ExtraHosts") or []:
        name, separator, address = str(extra).partition("=")
        if not separator:
            name, _, address = str(extra).partition(":")
        yield name, address.strip("[]")


def _link_names(link: str) -> set[str]:
    """The names of a link, ``/other:/this/alias``: legacy links of the default bridge."""
    other, _, alias = link.partition(":")
    return {other.rpartition("/")[2], alias.rpartition("/")[2]}
