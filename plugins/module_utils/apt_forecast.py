"""What would keep apt from installing a package, from what it prints while it changes nothing.

Pure: no program runs here.
"""

from __future__ import annotations

import re

from ansible_collections.scratchlab.lab.plugins.module_utils import apt_causes

# Packages of other vendors that bring an engine (docs.docker.com, github.com/microsoft/go-docker).
OTHER_ENGINES = ("docker-ce", "docker-ce-cli", "containerd.io", "moby-engine", "moby-cli")


def addresses(listing):
    """Return the addresses of all sources from what ``apt-get --print-uris update`` prints."""
    return list(dict.fromkeys(re.findall(r"^'([^']+)'", listing, re.M)))


def serving(name, uris, policy, codename):
    """Return those of ``uris`` that ``name`` can come from.

    ``policy`` is what ``apt-cache policy`` prints. Without it, as on a machine that has no package
    lists, the package comes from the release itself, ``codename``.
    """
    known = [
        f"{base.rstrip('/')}/dists/{suite}/"
        for _, priority, sources in apt_causes.versions(policy).get(name, ())
        if priority >= 0
        for base, suite in re.findall(r"^(\S+) ([^/\s]+)/", "\n".join(sources), re.M)
    ]
    if known:
        return [uri for uri in uris if uri.startswith(tuple(known))]
    release = [uri for uri in uris if f"/dists/{codename}/" in uri] if codename else []
    return release or list(uris)


def judge_sources(names, uris, dead, policy, codename):
    """Return (whether the packages can come from a source that answers, what was observed).

    ``dead`` are the reasons why sources do not answer, by address.
    """
    if not uris:
        return False, "apt has no sources"
    without = {}
    for name in names:
        needed = serving(name, uris, policy, codename)
        if needed and all(uri in dead for uri in needed):
            without.setdefault(needed[0], []).append(name)
    if without:
        words = [
            f"{uri} does not answer, and {', '.join(missing)} comes from there: {dead[uri]}"
            for uri, missing in without.items()
        ]
        return False, "; ".join(words)
    alive = next(uri for uri in uris if uri not in dead)
    others = "".join(
        f"; {uri} does not ({reason}), and the lab does not need it" for uri, reason in dead.items()
    )
    return True, f"{alive} answers{others}"


def judge_states(names, states):
    """Return (the Cause why an engine or one of ``names`` stays unfinished, or None; a note).

    ``states`` are dpkg's, by name. The note names the other unfinished packages: apt tries each
    time to finish them, and the lab warns if one that it does not need fails.
    """
    unfinished = {name: state for name, state in states.items() if apt_causes.unfinished(state)}
    for name, state in unfinished.items():
        # The lab finishes what was unpacked; what has to be unpacked again is not its own.
        foreign = name in OTHER_ENGINES and name not in names
        if foreign or (name in names and state[2:] == "R"):
            return apt_causes.half_installed(name, state), ""
    some = ", ".join(f"{name} ({state})" for name, state in unfinished.items())
    return None, f"; half installed, and apt tries to finish: {some}" if some else ""


def judge_owner(names, owner):
    """Return the Cause why ``/usr/bin/docker`` cannot come, from what ``dpkg -S`` prints of it."""
    match = re.match(r"(\S+): (/\S+)", owner)
    # Since Debian 13 the command is in a package of its own.
    if "docker.io" not in names or match is None or match.group(1) in ("docker.io", "docker-cli"):
        return None
    return apt_causes.Cause(
        "{1} belongs to the package {0}, and docker.io has that file too".format(*match.groups()),
        f"apt-get remove {match.group(1)}",
    )
