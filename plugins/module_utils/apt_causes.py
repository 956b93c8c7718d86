"""Why apt did not install a package, from what apt and dpkg printed, and what to do about it.

Pure: no program runs here. Needs only Python's standard library, because ``./lab`` runs
``lab_packages.py`` before Ansible is there. Sources of the patterns: apt 3.1 and dpkg 1.22. What
apt 2.6, 3.0 and 3.3 print on Debian 12, 13 and sid is in tests/unit/apt/printed.
"""

from __future__ import annotations

import re
from collections import namedtuple

# What is wrong, and the command (or the words) that fix it.
Cause = namedtuple("Cause", "what remedy")

# A run of apt: the packages that were wanted (names without architecture), the errors of `update`,
# output and errors of `install`, and `apt-cache policy` of the packages that either names.
Run = namedtuple("Run", "wanted update stdout stderr policy")

DPKG = "dpkg --configure -a"
SOURCES = "/etc/apt/sources.list*"
# What apt-get update prints of a source: apt-pkg/update.cc, apt-pkg/acquire-item.cc.
DEAD = (
    r"^[EW]: Failed to fetch (\S+)  (.+)$",
    r"^[EW]: The repository '(\S+) [^']*' "
    r"(is not signed|does not have a Release file|no longer has a Release file)",
    r"^[EW]: Release file for (\S+) (is not valid yet \(.+?\)|is expired \(.+?\))",
)
FINDS = "the lab uses the engine that it finds"
# What else a person can do about a package that has to go.
INSTEAD = {
    "podman-docker": "podman itself stays; only its command 'docker' goes",
    "containerd.io": f"or install Docker's own engine: apt-get install docker-ce; {FINDS}",
    "docker-ce": f"or start its engine: systemctl start docker; {FINDS}",
    "docker-ce-cli": f"or install Docker's own engine: apt-get install docker-ce; {FINDS}",
}


def find(run):
    """Return the Cause of a run of apt that failed."""
    for pattern, _, explain in TABLE:
        match = re.search(pattern, run.stderr, re.M)
        cause = match and explain(run, match)
        if cause:
            return cause
    return _unknown(run)


def sentence(names, cause):
    """Return what a person reads of a Cause."""
    return (
        f"apt could not handle {' '.join(names)}: {cause.what} -- {cause.remedy}, "
        "then run the same command again"
    )


def half_installed(name, state):
    """Return the Cause for a package that dpkg left unfinished, such as ``docker.io``, ``iHR``."""
    if state[2:] == "R":  # dpkg(1): reinst-required
        return Cause(
            f"{name} is half installed (dpkg: {state})",
            f"apt-get update && apt-get install --reinstall {name}",
        )
    return Cause(f"{name} is half installed (dpkg: {state})", f"{DPKG} (it says why)")


def complete(state):
    """Return whether a package in this state works: dpkg-query(1), Status-Abbrev, such as ``ii``.

    Held (``hi``) is complete, and so is one that waits for triggers (``iW``, ``it``).
    """
    return state[1:2] in ("i", "W", "t") and state[2:].strip() == ""


def unfinished(state):
    """Return whether dpkg was interrupted or failed in the middle of a package."""
    return state[1:2] in ("U", "F", "H") or state[2:].strip() == "R"


def listed_below(text, heading):
    """Return the names below a heading of apt's, such as ``held packages will be changed``."""
    match = re.search(rf"^The following {heading}:\n((?: .*\n?)+)", text, re.M)
    return match.group(1).split() if match else []


def versions(policy):
    """Return ``{package: [(version, priority, [source])]}`` from what apt-cache policy prints."""
    found = {}
    table = None
    for line in policy.splitlines():
        name = re.fullmatch(r"(\S+):", line)
        version = re.fullmatch(r" (?:\*\*\*|   ) (\S+) (-?\d+)", line)
        source = re.fullmatch(r" {8} *-?\d+ (\S.*)", line)
        if name:
            table = found.setdefault(name.group(1), [])
        elif version and table is not None:
            table.append((version.group(1), int(version.group(2)), []))
        elif source and table:
            table[-1][2].append(source.group(1))
    return found


def named(run):
    """Return the packages whose ``apt-cache policy`` matters: wanted, or not installable."""
    uninstallable = re.findall(r"Depends: (\S+).* but it is not installable", run.stdout)
    return list(dict.fromkeys([*run.wanted, *uninstallable]))


def dead_sources(update):
    """Return ``[(address, reason)]`` of what ``apt-get update`` cannot fetch or refuses to use."""
    found = {}
    for pattern in DEAD:
        for address, reason in re.findall(pattern, update, re.M):
            if not any(known.startswith(address) for known in found):
                found[address] = reason
    return list(found.items())


def _would_remove(run, _):
    gone = listed_below(run.stdout, "packages will be REMOVED")
    if not gone:
        return None
    instead = "; ".join(dict.fromkeys(INSTEAD[name] for name in gone if name in INSTEAD))
    return Cause(
        f"{_list(gone)} {_is(gone)} installed, and apt would remove it for {_list(run.wanted)}",
        f"apt-get remove {' '.join(gone)}" + (f" ({instead})" if instead else ""),
    )


def _held(run, _):
    names = listed_below(run.stdout, "held packages will be changed")
    return Cause(
        f"{_list(names) or 'a package'} {_is(names)} held (apt-mark hold)",
        f"apt-mark unhold {' '.join(names)}",
    )


def _locked(run, _):
    holder = re.search(r"It is held by process (\d+) \((.+?)\)", run.stdout + run.stderr)
    if holder is None:
        return Cause("another program is installing packages", "wait until it ends")
    number, name = holder.groups()
    return Cause(f"{name} is installing packages", f"wait until it ends (ps {number})")


def _no_candidate(run, match):
    return _pinned(run, [match.group(1)]) or _nowhere(run, [match.group(1)])


def _not_found(run, _):
    names = re.findall(r"^E: Unable to locate package (\S+)", run.stderr, re.M)
    return _nowhere(run, names)


def _pinned(run, names):
    known = versions(run.policy)
    pinned = [name for name in names if any(entry[1] < 0 for entry in known.get(name, ()))]
    if not pinned:
        return None
    return Cause(
        f"{_list(pinned)} {_is(pinned)} pinned: a preference of apt forbids every version",
        f"grep -r {pinned[0]} /etc/apt/preferences /etc/apt/preferences.d, and remove that pin",
    )


def _nowhere(run, names):
    dead = dead_sources(run.update)
    if dead:
        address, reason = dead[0]
        more = f" (and {len(dead) - 1} more)" if len(dead) > 1 else ""
        remedy = f"check the network, the proxy in /etc/apt/apt.conf.d and the address in {SOURCES}"
        if "not valid yet" in reason:
            remedy = "set the clock of this machine: timedatectl set-ntp true, or: date -s"
        elif reason.endswith(("is not signed", "a Release file")):
            remedy = f"correct or remove that source in {SOURCES}"
        return Cause(
            f"no source that apt can use has {_list(names)}; {address}: {reason}{more}",
            f"{remedy}, until 'apt-get update' succeeds",
        )
    return Cause(
        f"no source of this machine has {_list(names)}",
        f"add the distribution's own to {SOURCES} "
        "(Debian: deb http://deb.debian.org/debian RELEASE main), or correct the name",
    )


def _dependencies(run, _):
    uninstallable = re.findall(r"Depends: (\S+).* but it is not installable", run.stdout)
    pinned = _pinned(run, uninstallable)
    if pinned:
        return pinned
    broken = re.findall(
        r"^ (\S+) : (?:Pre)?Depends: (.+?) but it is not in", run.stdout + run.stderr, re.M
    )
    ours = [name for name, _ in broken if name in run.wanted]
    foreign = [(name, needs) for name, needs in broken if name not in run.wanted]
    if foreign:
        name, needs = foreign[0]
        return Cause(
            f"{name} is installed without {needs}, which it needs, and apt installs nothing until "
            "that is resolved",
            f"apt-get --fix-broken install, or apt-get remove {name}",
        )
    lines = [line.strip() for line in run.stdout.splitlines() if " but " in line]
    return Cause(
        f"apt finds no set of versions that fit together: {'; '.join(lines[:3]) or _errors(run)}",
        f"apt-get install {' '.join(ours or run.wanted)} shows all of it; remove the version or "
        "the source that does not belong to this release",
    )


def _failed_script(run, _):
    names = _processed(run)
    # dpkg 1.22: "package post-installation script"; 1.23: "package postinst maintainer script".
    said = re.search(
        r"^(.+)\ndpkg: error processing package \S+ \(--\w+\):\n"
        r" .* package (.+) script subprocess ",
        run.stderr,
        re.M,
    )
    words = f": its {said.group(2)} script says: {said.group(1).strip()}" if said else ""
    return Cause(
        f"dpkg cannot finish {_list(names)}{words}",
        f"{DPKG} shows it again; fix that, or remove the package: dpkg --purge {' '.join(names)}",
    )


def _overwrites(run, match):
    path, name = match.group(1), match.group(2)
    archive = re.search(r"^dpkg: error processing archive .*?/(?:\d+-)?([^/_]+)_", run.stderr, re.M)
    other = archive.group(1) if archive else _list(run.wanted)
    return Cause(
        f"{path} belongs to the package {name}, and {other} has that file too",
        f"apt-get remove {name}",
    )


def _processed(run):
    heading = "Errors were encountered while processing:"
    match = re.search(rf"^{heading}\n((?: .*\n?)+)", run.stderr, re.M)
    return match.group(1).split() if match else []


def _fetching(_, match):
    return Cause(
        f"{match.group(1)} cannot be fetched: {match.group(2)}",
        "check the network, the mirror and the proxy (/etc/apt)",
    )


def _unknown(run):
    return Cause(
        _errors(run) or (run.stderr or run.stdout).strip()[-600:],
        f"apt-get install {' '.join(run.wanted)} on this machine shows all of it; fix that",
    )


def _errors(run):
    lines = [line for line in f"{run.update}\n{run.stderr}".splitlines() if line.startswith("E:")]
    return " ".join(dict.fromkeys(lines))


def _says(what, remedy):
    """Return the function for a Cause whose words are templates of the groups of the pattern."""
    return lambda run, match: Cause(
        what.format(*match.groups(), wanted=_list(run.wanted)),
        remedy.format(*match.groups(), names=" ".join(run.wanted)),
    )


def _list(names):
    return ", ".join(names)


def _is(names):
    return "are" if len(names) > 1 else "is"


# (what apt or dpkg printed as an error, where that is in its source, what it means). The first that
# matches counts: a source that cannot be read is before what follows from it.
TABLE = (
    (
        r"Conflicting values set for option (\S+) regarding source (\S+ \S+?): (\S+) != (\S*)",
        "apt-pkg/deb/debmetaindex.cc",
        _says(
            "the source {1} is configured twice, with different {0}: {2} and {3}",
            "remove one of the two: grep -r -e {2} -e {3} /etc/apt/sources.list*",
        ),
    ),
    (
        r"Malformed \S+ (\d+) in (?:\S+ )?(?:list )?file (\S+) \((.+)\)",
        "apt-pkg/sourcelist.cc",
        _says(
            "{1} is not a list of sources: its line {0} is malformed ({2})", "correct or remove {1}"
        ),
    ),
    (
        r"Unable to parse package file (\S+)",
        "apt-pkg/tagfile.cc",
        _says("{0} is not a list of sources: apt cannot parse it", "correct or remove {0}"),
    ),
    (
        r"The list of sources could not be read",
        "apt-pkg/cachefile.cc",
        lambda run, _: Cause(_errors(run), f"correct {SOURCES}, until 'apt-get update' succeeds"),
    ),
    (
        r"Unable to (?:acquire the dpkg frontend lock|lock \S+)|Could not get lock",
        "apt-pkg/deb/debsystem.cc; the process: apt-pkg/contrib/fileutl.cc",
        _locked,
    ),
    (
        r"dpkg was interrupted, you must manually run '(.+?)'",
        "apt-pkg/deb/debsystem.cc",
        _says("an earlier dpkg was interrupted", "{0} (it says which package does not install)"),
    ),
    (
        r"You don't have enough free space in (\S+?)\.$|No space left on device",
        "apt-private/private-download.cc; errno(3)",
        _says("no space left for packages", "make room (df -h), for example: apt-get clean"),
    ),
    (
        r"Read-only file system",
        "errno(3)",
        _says("the disk of this machine is mounted read-only", "mount -o remount,rw /"),
    ),
    (
        r"Packages need to be removed but remove is disabled",
        "apt-private/private-install.cc; the names: apt-private/private-output.cc",
        _would_remove,
    ),
    (
        r"Held packages were changed and",
        "apt-private/private-install.cc; the names: apt-private/private-output.cc",
        _held,
    ),
    (
        r"Package '(\S+)' has no installation candidate",
        "apt-private/private-cacheset.cc",
        _no_candidate,
    ),
    (r"Unable to locate package (\S+)", "apt-pkg/cacheset.cc", _not_found),
    (
        r"The package (\S+) needs to be reinstalled, but I can't find an archive for it",
        "apt-pkg/algorithms.cc",
        _says(
            "{0} is half installed, and no source has it",
            "dpkg --remove --force-remove-reinstreq {0}, or install its archive: dpkg -i FILE",
        ),
    ),
    (
        r"Unmet dependencies\.|you have held broken packages|Unable to satisfy dependencies",
        "apt-private/private-install.cc, apt-pkg/algorithms.cc, apt-pkg/solver3.cc",
        _dependencies,
    ),
    (
        r"trying to overwrite '(.+)', which is also in package (\S+)",
        "dpkg: src/main/archives.c",
        _overwrites,
    ),
    (
        r"^Errors were encountered while processing:",
        "dpkg: src/main/errors.c",
        _failed_script,
    ),
    (
        r"^E: Failed to fetch (\S+)  (.+)$",
        "apt-private/private-download.cc",
        _fetching,
    ),
)
