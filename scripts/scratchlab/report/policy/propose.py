"""Write a policy from what changed in a container: `scratchlab expect`."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from scratchlab.model import Kind, Origin
from scratchlab.report.policy.fold import Fold, escaped, fold
from scratchlab.report.policy.rule import Change, ChangeKind, needs_naming
from scratchlab.text import visible

_WIDTH = 4096  # columns: a pattern is never broken into lines
_PLURALS = {
    Kind.FILE: ("file", "files"),
    Kind.DIRECTORY: ("directory", "directories"),
    Kind.SYMLINK: ("link", "links"),
    Kind.CHAR: ("device", "devices"),
    Kind.BLOCK: ("device", "devices"),
    Kind.FIFO: ("pipe", "pipes"),
    Kind.SOCKET: ("socket", "sockets"),
}


def propose(name: str, changes: Iterable[Change]) -> str:
    """The text of a policy that allows ``changes`` of the container ``name``.

    What only a rule allows that names just that (a set-uid file, a device, a mount) is a comment,
    for a person to decide.
    """
    ordinary: list[Change] = []
    doubtful: list[tuple[Change, str]] = []
    for change in changes:
        reason = needs_naming(change)
        if reason is None:
            ordinary.append(change)
        else:
            doubtful.append((change, reason))
    folds = fold(ordinary)
    out = io.StringIO()
    out.write(f"# What may change in the container {visible(name)} while it runs.\n")
    out.write("# Check it: scratchlab verify CONTAINER --expect FILE\n")
    out.write("# The patterns are those of .gitignore. See: scratchlab expect --help\n\n")
    if folds:
        _dump(folds, out)
    else:
        out.write("allow: []\n")
    if doubtful:
        out.write("\n# Not allowed. To allow one, check it and add its lines to the list.\n")
        for change, reason in doubtful:
            out.writelines(_commented(change, reason))
    return out.getvalue()


def _dump(folds: Sequence[Fold], out: io.StringIO) -> None:
    rules = CommentedSeq()
    for number, item in enumerate(folds):
        rules.append(_rule(item))
        comment = "".join(f"{line}\n" for line in _comments(item))
        before = ("\n" if number else "") + comment.rstrip("\n")
        rules.yaml_set_comment_before_after_key(number, before=before, indent=2)
    document = CommentedMap(allow=rules)
    _yaml().dump(document, out)


def _yaml() -> Any:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _rule(item: Fold) -> CommentedMap:
    rule = CommentedMap(path=item.pattern)
    kinds = sorted({change.kind for change in item.changes})
    if kinds != [ChangeKind.ADDED]:
        rule["change"] = str(kinds[0]) if len(kinds) == 1 else _flow(map(str, kinds))
    origins = {change.origin for change in item.changes if not change.unstable}
    if origins - {Origin.WRITTEN_LATER}:
        rule["origin"] = str(min(origins))
    entry = item.changes[0].entry
    if item.is_literal and entry is not None and kinds == [ChangeKind.ADDED]:
        rule["kind"] = str(entry.kind)
    return rule


def _flow(values: Iterable[str]) -> CommentedSeq:
    listed = CommentedSeq(values)
    listed.fa.set_flow_style()
    return listed


def _comments(item: Fold) -> Iterator[str]:
    by_kind: dict[ChangeKind, list[Change]] = {}
    for change in item.changes:
        by_kind.setdefault(change.kind, []).append(change)
    for kind, changes in sorted(by_kind.items()):
        yield f"{kind}: {_counted(changes)}"
    if "*" in item.pattern and not item.is_literal:
        yield f"such as {visible(item.changes[0].path)}"


def _counted(changes: Sequence[Change]) -> str:
    """``2 directories, 5 files (12,345 bytes)``."""
    entries = [change.entry for change in changes if change.entry is not None]
    counts = Counter(_PLURALS[entry.kind] for entry in entries)
    parts = [
        f"{count:,} {many if count > 1 else one}" for (one, many), count in sorted(counts.items())
    ]
    size = sum(entry.size for entry in entries)
    return (", ".join(parts) or "a mount") + (f" ({size:,} bytes)" if size else "")


def _commented(change: Change, reason: str) -> Iterator[str]:
    yield f"\n# {visible(change.path)}: {reason}\n"
    if change.origin is Origin.UNEXPLAINED:
        return  # nobody should allow it before they know where it comes from
    rule = CommentedMap(path=escaped(change.path))
    if change.kind is not ChangeKind.ADDED:
        rule["change"] = str(change.kind)
    if change.origin is not Origin.WRITTEN_LATER:
        rule["origin"] = str(change.origin)
    entry = change.entry
    if entry is not None:
        rule["kind"] = str(entry.kind)
        if entry.kind is Kind.FILE:
            rule["mode"] = DoubleQuotedScalarString(f"{entry.mode:04o}")
        if any(name == "security.capability" for name, _ in entry.xattrs):
            rule["capabilities"] = True
    out = io.StringIO()
    _yaml().dump(CommentedSeq([rule]), out)
    for line in out.getvalue().splitlines():
        yield f"# {line}\n"
