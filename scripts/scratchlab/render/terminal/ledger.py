"""A ledger on a terminal: a listing in tree order, in the manner of `ls -al`."""

from __future__ import annotations

from typing import TextIO

from scratchlab.judge.blame import layer_lines, layer_sums, why_unknown
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Image, Kind
from scratchlab.text import visible


def render(ledger: Ledger, out: TextIO) -> None:
    """Write one line an entry, then the count and the digest."""
    for entry in ledger:
        out.write(listing_line(entry) + "\n")
    out.write(f"\n{len(ledger)} entries, {ledger.digest()}\n")


def render_image(image: Image, ledger: Ledger, out: TextIO) -> None:
    """The same, then one line a layer: what it brought, what later ones hid, who made it."""
    render(ledger, out)
    layers = len(image.diff_ids)
    lines, sums = layer_lines(image.config, layers), layer_sums(ledger, layers).layers
    if not layers:
        return
    out.write(
        f"\n{'layer':>5} {'entries':>8} {'bytes':>13}  {'hidden by later layers':22}  made by\n"
    )
    for line, total in zip(lines, sums, strict=True):
        hidden = (
            f"{total.hidden_entries} ({total.hidden_bytes:,} B)" if total.hidden_entries else ""
        )
        said = visible(str(line)) or "the history does not say"
        out.write(f"{line.layer:>5} {total.entries:>8,} {total.bytes:>13,}  {hidden:22}  {said}\n")
    if unknown := why_unknown(image.config, layers):
        out.write(f"which instruction made which layer is not known: {unknown}\n")


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
