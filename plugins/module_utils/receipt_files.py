"""Receipts: the files in which the lab writes down what it did to this machine.

Needs only Python's standard library; see lab_packages.
"""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

try:
    from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import PackageError
except ImportError:  # for a script, see lab_packages
    from dpkg_database import PackageError

STATE = Path("/var/lib/scratchlab")
INDEX = "index.json"  # names of all receipts that were written and not removed
# Receipts: what to write where one is damaged or gone (nothing: remove it), and what follows.
REMEDIES = (
    ("before.json", ("{}", "then all that is on this machine counts as there before the lab")),
    ("packages.json", ("{}", "then the packages that the lab added stay")),
    ("packages.pending", ("null", "then the packages of the interrupted installation stay")),
    ("images.json", ("{}", "then labels alone tell which images are the lab's")),
    ("engine.json", ("{}", "then packages alone tell whether the engine is the lab's")),
    ("members-*.json", ("[]", "then the users that the lab added stay in the group")),
    ("file-*.json", ("null", "then the file that it describes stays as it is")),
    (INDEX, ("", "then the lab writes it again")),
    ("*", ("null", "then the lab writes it again")),
)


class ReceiptError(PackageError):
    """A receipt is damaged; the text names the file and the remedy."""


def remedy(path: Path) -> str:
    """Return how to go on when the receipt ``path`` is damaged or gone."""
    write, then = next(how for pattern, how in REMEDIES if fnmatch(path.name, pattern))
    command = f"echo {write} >{path}" if write else f"rm {path}"
    return f"put it back from a backup, or run: {command} ({then})"


def receipt_of(path: Path | str) -> Path:
    """Return the path of the receipt of the file ``path``, which the lab changed in part."""
    return STATE / "receipts" / ("file" + str(path).replace("/", "-") + ".json")


def read_json(path: Path, default: Any) -> Any:
    """Return the JSON document at ``path``, or ``default`` if there is none.

    Raises ReceiptError if the file is not JSON, or of another type than ``default``.
    """
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise ReceiptError(f"{path} is damaged ({error}): {remedy(path)}") from error
    if default is not None and not isinstance(document, type(default)):
        raise ReceiptError(
            f"{path} is damaged (a JSON {type(document).__name__}, not a "
            f"{type(default).__name__}): {remedy(path)}"
        )
    return document


def write_json(path: Path, document: Any) -> None:
    """Replace ``path`` by ``document``; a reader sees the old or the new file, never a part.

    A receipt is also listed in an index, so that one that is gone is missed.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    temporary.replace(path)
    if path.parent.name == "receipts" and path.name != INDEX:
        _list(path, True)


def remove_json(path: Path) -> None:
    """Remove a receipt, first from the index; one that is not there is no error."""
    if path.parent.is_dir():
        _list(path, False)
    path.unlink(missing_ok=True)


def _list(path: Path, there: bool) -> None:
    index = path.with_name(INDEX)
    names = set(read_json(index, []))
    if (path.name in names) != there:
        write_json(index, sorted(names | {path.name} if there else names - {path.name}))
