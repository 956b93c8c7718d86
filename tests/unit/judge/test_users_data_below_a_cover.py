"""What is mounted over the root since the start covers nothing that the process sees."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import ROOT, mount
from tests.unit.judge.test_user_data import DATA, asked, users

from scratchlab.model import BindSource, Mount
from scratchlab.reading import UserMount

COVER = mount(40, "/", parent=ROOT.id)


@pytest.mark.parametrize("more", [(), (COVER,)])
def test_another_file_in_the_place_of_the_users_is_none_of_theirs(more: tuple[Mount, ...]) -> None:
    """Its root has the same name: only device and inode, which the host has of both, tell."""
    for shown, found in ((20, (UserMount("/data", 20, False, (20,)),)), (0, ())):
        named = BindSource("/host/data", (8, 1), 7, shown)
        assert users(asked(DATA, *more, sources=(named,))) == found
