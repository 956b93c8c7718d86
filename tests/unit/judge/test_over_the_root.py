"""A mount that came over the root is not entered: what the process reaches stays as it was.

Each claim has a mount on ``/`` that was made later (as by ``mount --bind / /`` inside).
"""

from __future__ import annotations

from tests.unit.judge.handmade import (
    ROOT,
    bind,
    bound,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    listed,
    mount,
    origin,
    source,
)

from scratchlab.judge.user_data import user_mounts
from scratchlab.ledger import Ledger
from scratchlab.model import Origin, Verdict

OVER = mount(40, "/")  # its parent is the root's own mount
DATA = bound(10, "/data", root="/src")
WISH = {"Mounts": [{"Type": "bind", "Source": "/src", "Destination": "/data"}]}
ASKED = facts(
    DATA, mount(9, "/x"), OVER,
    config=config(bind("/data", "/src"), listed("/x")), inspect=WISH, sources=(source("/src", 10),),
)  # fmt: skip


def test_the_users_data_is_read() -> None:
    assert [user.target for user in user_mounts(ASKED, Ledger(), ROOT.id)] == ["/data"]


def test_the_file_behind_a_bind_decides_not_its_name() -> None:
    other = facts(DATA, OVER, config=config(bind("/data", "/src")), inspect=WISH,
                  sources=(source("/src", 0),))  # fmt: skip
    assert origin(other, 10) == (Origin.UNEXPLAINED, None)


def test_a_mount_still_hides_what_lies_below_it() -> None:
    found = judged(ASKED, directory("/x", 9), image=[directory("/x"), file("/x/f")])
    assert [(ghost.path, ghost.actor) for ghost in found.ghosts] == [
        ("/x", "the tmpfs on /x"), ("/x/f", "the tmpfs on /x"),
    ]  # fmt: skip


def test_a_mount_still_hides_files_of_the_writable_layer() -> None:
    found = judged(ASKED, directory("/x", 9), writable=[file("/x/f", size=1)])
    assert found.notes == ("the tmpfs on /x hides 1 file of the writable layer: /x/f",)


def test_the_specification_is_checked_where_the_container_is() -> None:
    proc = mount(2, "/proc", "proc")
    found = judged(facts(proc, OVER, config=config(listed("/proc", "proc"))),
                   directory("/proc", proc.id))  # fmt: skip
    verdicts = {item.verdict for item in found.checks if item.title == "/proc is proc"}
    assert verdicts == {Verdict.PASS}


def test_a_file_of_the_root_is_still_the_roots() -> None:
    found = finding(judged(ASKED, file("/f", ROOT.id), image=[file("/f")]), "/f")
    assert found.origin is Origin.IMAGE_LAYER
