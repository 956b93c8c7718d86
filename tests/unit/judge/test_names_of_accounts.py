"""Names in files of accounts: with blanks, and where there is none."""

from __future__ import annotations

from tests.unit.judge.test_accounts import GROUP, MADE, of, passwd


def test_full_name_of_several_words_is_no_other_account() -> None:
    known = "app:x:5:5:Full Name:/:/bin/sh\n"
    line = "0:*:0:0:container user:/:/bin/sh\n"
    assert passwd(known, known + line, user="0") == MADE


def test_without_a_user_podman_adds_no_group() -> None:
    """Not that of root either, which the image lacks here."""
    known = GROUP.removeprefix("root:x:0:\n")
    found = of("/etc/group", known, known + "other", user="", version="5.5.0")
    assert [proof.kind for proof in found.evidence] == ["changes"]
