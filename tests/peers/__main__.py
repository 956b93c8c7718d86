"""The table of peers: ``python3 -m tests.peers [PEER...]``; root, for owners and devices.

Each peer is asked about each case (tests/peers/cases.py). Printed are, for each of them, how many
cases there were, in how many it says what scratchlab says, in how many not, how many it cannot
answer, and why. Exit status: 1 where a peer disagrees for a reason that is not listed in KNOWN.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from scratchlab.errors import LabError
from tests.peers.cases import cases
from tests.peers.programs import PEERS, CannotError, NotAskedError, Peer, ours

# The two that read what umoci unpacked differ where it does.
UNPACKED = ("umoci", "gomtree", "mtree")
PARENT = (
    "umoci keeps the lower layer's directory, as containerd does; Docker makes it again, 0755 and"
    " 0:0 (moby pkg/archive/archive.go Unpack; measured)"
)
LINK = (
    "umoci unpacks onto the lower layers and follows the link; Docker unpacks each layer by itself,"
    " so that a directory takes the link's place (measured with overlay2)"
)
# Disagreements that are known: peer and case -> who does what, and why.
KNOWN = {
    **{(peer, "a parent without an entry, above another mode"): PARENT for peer in UNPACKED},
    ("diffoscope", "one of everything"): (
        "it prints a name with a line break on two lines, and names that are not UTF-8 changed"
    ),
    **{(peer, "through a link of a lower layer"): LINK for peer in UNPACKED},
}


def main() -> int:
    """Ask everybody, and print the table."""
    wanted = set(sys.argv[1:])
    if unknown := wanted - {peer.name for peer in PEERS}:
        print(f"peers: no such peer: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if os.geteuid():
        print("peers: run it as root: it unpacks owners and devices", file=sys.stderr)
        return 2
    peers = [peer for peer in PEERS if not wanted or peer.name in wanted]
    there = [peer for peer in peers if peer.version() is not None]
    counts: dict[str, Counter[str]] = {peer.name: Counter() for peer in peers}
    reasons: dict[str, Counter[str]] = {peer.name: Counter() for peer in peers}
    surprises = 0
    with tempfile.TemporaryDirectory(prefix="scratchlab-peers-") as name:
        work = Path(name)
        (work / "layout").mkdir()
        (work / "cases").mkdir()
        for number, case in enumerate(cases(work / "cases"), start=1):
            print(f"\r{number} {case.name:60}", end="", file=sys.stderr, flush=True)
            try:
                found = ours(case)
            except LabError as error:
                print(f"\nscratchlab cannot read {case.name}: {error}", file=sys.stderr)
                surprises += 1
                continue
            with found.ledger:
                for peer in there:
                    try:
                        reason = peer.ask(case, found, work)
                        verdict = "disagree" if reason else "agree"
                    except CannotError as error:
                        verdict, reason = "cannot", str(error)
                    except NotAskedError:
                        continue
                    counts[peer.name]["cases"] += 1
                    counts[peer.name][verdict] += 1
                    if reason:
                        known = KNOWN.get((peer.name, case.name), "")
                        surprises += verdict == "disagree" and not known
                        reasons[peer.name][f"{verdict}: {case.name}: {known or reason}"] += 1
    print(f"\r{'':70}\r", end="", file=sys.stderr)
    table(peers, counts, reasons)
    return 1 if surprises else 0


def table(
    peers: list[Peer], counts: dict[str, Counter[str]], reasons: dict[str, Counter[str]]
) -> None:
    """Print the table in Markdown, and the reasons below it."""
    print("| peer | asked | cases | agree | disagree | cannot say |")
    print("| --- | --- | --- | --- | --- | --- |")
    for peer in peers:
        count, version = counts[peer.name], peer.version()
        if version is None:
            print(f"| {peer.name} | not installed: apt-get install {peer.package} | | | | |")
            continue
        print(
            f"| {peer.name} {version} | {peer.question} | {count['cases']} | {count['agree']}"
            f" | {count['disagree']} | {count['cannot']} |"
        )
    for peer in peers:
        for reason in reasons[peer.name]:
            print(f"- {peer.name}, {reason}")


if __name__ == "__main__":
    sys.exit(main())
