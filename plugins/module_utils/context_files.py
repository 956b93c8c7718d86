"""The small text files of build contexts. Standard library only."""

import os
from pathlib import Path

MODE = 0o644


def write(files, epoch, check):
    """Write ``files`` (absolute names and contents) where content, mode or time differ.

    ``epoch`` is the modification time to pin, in seconds since 1970. With ``check`` nothing is
    written. Gives a diff, as Ansible shows it, for each file that is not as wished.
    """
    diffs = []
    for name, content in sorted(files.items()):
        path, wish = Path(name), (content or "").encode()
        have = path.read_bytes() if path.is_file() else None
        if have == wish:
            status = path.stat()
            if status.st_mode & 0o7777 == MODE and int(status.st_mtime) == epoch:
                continue
        diffs.append(
            {
                "before": (have or b"").decode(errors="replace"),
                "after": wish.decode(),
                "before_header": name,
                "after_header": name,
            }
        )
        if not check:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            aside = path.with_name(path.name + ".new")
            aside.write_bytes(wish)
            aside.chmod(MODE)
            os.utime(aside, (epoch, epoch))
            aside.replace(path)
    return diffs
