"""Which mounts hold the user's data: those that the user asked for, with what lies below them.

The same table that later says ``user-data`` of an entry answers before anything is read. It is
made of facts and the image alone.
"""

from __future__ import annotations

from collections import defaultdict

from scratchlab import mountinfo
from scratchlab.judge.mount_origins import MountOrigins, is_slave
from scratchlab.judge.places import Content
from scratchlab.ledger import Ledger
from scratchlab.model import Facts, Mount, Origin
from scratchlab.reading import UserMount

_CAME_ALONG = frozenset({Origin.USER_MOUNT, Origin.HOST_MOUNT})


def user_mounts(facts: Facts, image: Ledger, root: int) -> tuple[UserMount, ...]:
    """The visible mounts of the user's data, in the order of mountinfo, not yet read.

    ``root`` is the id of the mount that the live root lies on. What came along with a bind (the
    host's mounts below its source) is a member of that bind. A mount that was made inside of a
    filesystem that a mount of the user's shows is one of its own.
    """
    origins = MountOrigins(facts, image, root)
    visible = {mount.id for mount in mountinfo.visible_mounts(facts.mounts, root).values()}
    others = [mount for mount in facts.mounts if mount.id in visible and mount.id != root]
    members: defaultdict[int, list[int]] = defaultdict(list)
    heads: dict[int, Mount] = {}
    for mount in others:
        above = origins.user_bind_above(mount) if origins.request(mount) is None else None
        if above is not None and _came_along(origins, mount, above):
            members[above.id].append(mount.id)
        elif origins.content(mount) is Content.USERS:
            heads[mount.id] = mount
    own = {mount.device for mount in facts.mounts if mount.id == root}
    shown = {mount.device for mount in heads.values()} - own
    for mount in others:
        if origins[mount].origin is Origin.MOUNTED_INSIDE and mount.device in shown:
            heads[mount.id] = mount
    return tuple(
        UserMount(
            mount.target, mount.id, _is_volume(origins, mount), (mount.id, *members[mount.id])
        )
        for mount in heads.values()
    )


def _came_along(origins: MountOrigins, mount: Mount, above: Mount) -> bool:
    """Whether the host mounted it, or may have: it is gone there, but came by propagation."""
    return origins[mount].origin in _CAME_ALONG or (is_slave(above) and is_slave(mount))


def _is_volume(origins: MountOrigins, mount: Mount) -> bool:
    request = origins.request(mount)
    return request is not None and (request.wish or {}).get("Type") == "volume"
