"""A ledger on a terminal: a listing in tree order, in the manner of `ls -al`."""

from __future__ import annotations

from typing import TextIO

from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind
from scratchlab.text import visible


def render(ledger: Ledger, out: TextIO) -> None:
    """Write one line an entry, then the count and the digest."""
    for entry in ledger:
        out.write(listing_line(entry) + "\n")
    out.write(f"\n{len(ledger)} entries, {ledger.digest()}\n")


def listing_line(entry: Entry) -> str:
    """Mode, owner, size or device numbers, start of the SHA-256, path, target, note."""
    owner = f"{entry.uid}:{entry.gid}"
    size = str(entry.size) if entry.kind is Kind.FILE else ""
    if entry.device is not None:
        size = "{}, {}".format(*entry.device)
    digest = (entry.sha256 or "")[:12]
    arrow = f" -> {visible(entry.target)}" if entry.target is not None else ""
    mode = entry.kind.filemode(entry.mode)
    note = f"  ({entry.note})" if entry.note else ""
    return f"{mode} {owner:>9} {size:>10} {digest:12} {visible(entry.path)}{arrow}{note}"
