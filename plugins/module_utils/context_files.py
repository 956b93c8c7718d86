"""The small text files of build contexts. Needs only the standard library."""

import hashlib
import os
from pathlib import Path

MODE = 0o644


def state(context, *others):
    """Return a SHA-256 of all that is in the directory ``context``, and of the texts ``others``.

    Of each entry: name, type and mode, owner, modification time, and content or target. Raises
    OSError.
    """
    total = hashlib.sha256("\0".join(others).encode())
    for path in [Path(context), *sorted(Path(context).rglob("*"))]:
        status = path.lstat()
        fields = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        total.update(f"\n{path.relative_to(context)}\0{fields}\0".encode(errors="surrogateescape"))
        if path.is_symlink():
            total.update(os.readlink(path).encode(errors="surrogateescape"))
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
