"""A mount of the user's at the path of a default one takes its place, in the prediction too."""

from __future__ import annotations

from tests.unit.judge.handmade import link
from tests.unit.judge.test_predict_docker import predicted


def test_with_the_users_cgroups_none_are_mounted_where_a_link_of_the_images_leads() -> None:
    """They lie on the user's /sys, where that link is hidden."""
    targets = ("/sys", "/sys/fs/cgroup", "/opt/tool")
    wishes = [{"Type": "bind", "Source": f"/h{at}", "Destination": at} for at in targets]
    found = predicted(link("/sys/fs/cgroup", "/opt"), inspect={"Mounts": wishes})
    assert found.by_path["/opt/tool"].has_entry
    assert found.by_path["/opt"].kind == "directory"
