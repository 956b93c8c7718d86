"""The sections of ``user_data`` as types; see :mod:`scratchlab.report.sections`."""

from __future__ import annotations

from typing import TypedDict


class UserMountSection(TypedDict):
    """What was read of one mount of the user's: an item of ``mounts`` of ``user_data``."""

    target: str
    listed: int
    complete: bool
    set_uid: list[str]
    capabilities: list[str]
    devices: list[str]
    mounts: list[str]


class UserDataSection(TypedDict):
    """What was read of what lies on volumes and binds."""

    mode: str  # none, list, hash
    most: int  # 0: no bound
    mounts: list[UserMountSection]
