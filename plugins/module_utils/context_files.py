"""The small text files of build contexts. Needs only the standard library."""

import hashlib
import os
from pathlib import Path

MODE = 0o644


def digest(context, epoch):
    """Return the SHA-256 of names, types, modes and contents of a context, and of the epoch."""
    return _digest(context, epoch, lambda status: f"{status.st_mode:o}")


def state(context, compiler):
    """Return the same with owners and modification times, and the version of Go for the epoch."""
    return _digest(
        context,
        compiler,
        lambda status: (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns),
    )


def _digest(context, first, fields):
    """Return the SHA-256 of ``first``, and of what ``fields`` tells of each entry's status.

    Raises OSError.
    """
    total = hashlib.sha256(str(first).encode())
    for path in sorted(Path(context).rglob("*")):
        name, told = path.relative_to(context), fields(path.lstat())
        total.update(f"\n{name}\0{told}\0".encode())
        if path.is_symlink():
            total.update(os.readlink(path).encode())
        elif path.is_file():
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def write(files, epoch, check):
    """Write each of ``files`` (absolute paths and contents) whose content, mode or time differs.

    ``epoch`` is the modification time to set, in seconds since 1970. With ``check``, writes
    nothing. Returns a diff, as Ansible shows it, for each file that differed.
    """
    diffs = []
    for name, content in sorted(files.items()):
        path, wanted = Path(name), (content or "").encode()
        current = path.read_bytes() if path.is_file() else None
        if current == wanted:
            status = path.stat()
            if status.st_mode & 0o7777 == MODE and int(status.st_mtime) == epoch:
                continue
        diffs.append(
            {
                "before": (current or b"").decode(errors="replace"),
                "after": wanted.decode(),
                "before_header": name,
                "after_header": name,
            }
        )
        if not check:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            temporary = path.with_name(path.name + ".new")
            temporary.write_bytes(wanted)
            temporary.chmod(MODE)
            os.utime(temporary, (epoch, epoch))
            temporary.replace(path)
    return diffs
