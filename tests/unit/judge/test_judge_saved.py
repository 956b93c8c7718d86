"""What was seen on real engines is judged again, and judged otherwise when a fact is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.conftest import SAVED

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, judge
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Finding, Kind, Origin, Status

Saved = Callable[[str], EvidenceSet]
PLAIN = "docker-20.10.24-plain"
ALL = sorted(path.name for path in SAVED.iterdir())


def judged(seen: EvidenceSet) -> Judgement:
    return judge(seen, predict(seen.facts, seen.image))


def by_path(judgement: Judgement) -> dict[str, Finding]:
    return {one.path: one for one in judgement.findings}


def without(ledger: Ledger, *paths: str) -> Ledger:
    return Ledger(entry for entry in ledger if entry.path not in paths)


def facts(seen: EvidenceSet, **changes: Any) -> EvidenceSet:
    return replace(seen, facts=replace(seen.facts, **changes))


def container(seen: EvidenceSet, **changes: Any) -> EvidenceSet:
    return facts(seen, container=replace(seen.facts.container, **changes))


@pytest.mark.parametrize("name", ALL)
def test_every_entry_and_mount_is_explained_and_as_foreseen(saved: Saved, name: str) -> None:
    found = judged(saved(name))
    told = [(one.path, one.origin, one.status, one.prediction) for one in found.findings]
    assert [t for t in told if t[1] is Origin.UNEXPLAINED or t[2] is Status.MISSING] == []
    assert [t for t in told if t[3] not in ("agrees", "none")] == []
    assert [m for m in found.mounts if m.origin is Origin.UNEXPLAINED] == []
    assert [m for m in found.mounts if m.prediction not in ("agrees", "none")] == []
    assert found.problems == ()
    assert all(one.evidence for one in found.findings)


@pytest.mark.parametrize("name", ALL)
def test_both_ledgers_are_accounted_for(saved: Saved, name: str) -> None:
    seen = saved(name)
    found = judged(seen)
    live = [one for one in found.findings if one.live is not None]
    image = [one for one in found.findings if one.image is not None]
    assert len(live) == len(seen.live)
    assert len(image) + len(found.ghosts) == len(seen.image)


def test_findings_come_in_tree_order_and_again_the_same(saved: Saved) -> None:
    found = judged(saved(PLAIN))
    first = [one.path for one in found.findings]
    assert first == [one.path for one in found.findings]
    assert first.index("/dev") < first.index("/dev/null") < first.index("/etc")


def test_an_image_of_links_and_files_where_the_engine_writes(saved: Saved) -> None:
    ghosts = {one.path: one for one in judged(saved("docker-20.10.24-rich-image")).ghosts}
    assert ghosts["/etc/hosts"].kind is Status.OVERRIDDEN
    assert ghosts["/etc/hosts"].origin is Origin.ENGINE_MOUNT
    assert ghosts["/etc/mtab"].kind is Status.REPLACED
    assert ghosts["/etc/mtab"].origin is Origin.ENGINE_INIT_LAYER
    assert ghosts["/.dockerenv"].kind is Status.REPLACED
    assert ghosts["/dev/hidden"].kind is Status.SHADOWED
    assert ghosts["/dev/hidden"].actor == "the tmpfs on /dev"


def test_the_link_that_an_image_has_as_etc_is_replaced(saved: Saved) -> None:
    found = judged(saved("docker-20.10.24-etc-is-a-link"))
    assert [(g.path, g.kind) for g in found.ghosts] == [("/etc", Status.REPLACED)]
    etc = by_path(found)["/etc"]
    assert (etc.origin, etc.status) == (Origin.ENGINE_INIT_LAYER, Status.ONLY_LIVE)


def test_what_no_layer_holds_is_unexplained(saved: Saved) -> None:
    seen = saved(PLAIN)
    seen.live.put(Entry("/planted", Kind.FILE, 0o644, mount=seen.live.get("/").mount))  # type: ignore[union-attr]
    planted = by_path(judged(seen))["/planted"]
    assert (planted.origin, planted.status) == (Origin.UNEXPLAINED, Status.ONLY_LIVE)


def test_a_file_on_a_mount_that_nobody_lists_is_unexplained(saved: Saved) -> None:
    seen = saved(PLAIN)
    seen.live.put(Entry("/planted", Kind.FILE, 0o644, mount=999_999))
    assert by_path(judged(seen))["/planted"].origin is Origin.UNEXPLAINED


def test_an_image_file_changed_below_every_layer_is_unexplained(saved: Saved) -> None:
    seen = saved(PLAIN)
    entry = seen.live.get("/bin/busybox")
    assert entry is not None
    seen.live.put(replace(entry, sha256="0" * 64))
    found = by_path(judged(seen))["/bin/busybox"]
    assert (found.origin, found.status) == (Origin.UNEXPLAINED, Status.ALTERED)
    assert found.differences == ("sha256",)


def test_an_image_file_that_is_gone_and_not_whited_out_is_missing(saved: Saved) -> None:
    seen = saved(PLAIN)
    found = judged(replace(seen, live=without(seen.live, "/bin/busybox")))
    assert by_path(found)["/bin/busybox"].status is Status.MISSING


@pytest.mark.parametrize("path", ["/.dockerenv", "/etc/mtab", "/dev/null", "/dev/fd", "/proc"])
def test_what_was_foreseen_and_is_not_there_is_missing(saved: Saved, path: str) -> None:
    seen = saved(PLAIN)
    found = by_path(judged(replace(seen, live=without(seen.live, path))))[path]
    assert found.status is Status.MISSING
    assert found.prediction.startswith("predicted as ")


@pytest.mark.parametrize("name", [PLAIN, "podman-4.3.1-plain"])
def test_a_mask_that_was_foreseen_and_is_not_mounted_is_missing(saved: Saved, name: str) -> None:
    seen = saved(name)
    mounts = tuple(mount for mount in seen.facts.mounts if mount.target != "/proc/bus")
    assert by_path(judged(facts(seen, mounts=mounts)))["/proc/bus"].status is Status.MISSING


@pytest.mark.parametrize(
    ("mode", "origin"), [(0o755, Origin.ENGINE_INIT_LAYER), (0o700, Origin.PROCESS_WRITE)]
)
def test_a_directory_that_was_copied_up_as_it_was_is_still_the_init_layers(
    saved: Saved, mode: int, origin: Origin
) -> None:
    seen = saved(PLAIN)
    assert seen.init is not None
    assert seen.writable is not None
    below = seen.init.get("/etc")
    assert below is not None
    seen.writable.put(replace(below, mode=mode))  # docker cp, from v23 on, copies /etc up
    assert by_path(judged(seen))["/etc"].origin is origin


def test_without_an_init_layer_nothing_vouches_for_dockerenv(saved: Saved) -> None:
    found = by_path(judged(replace(saved(PLAIN), init=None)))
    assert found["/.dockerenv"].origin is Origin.UNEXPLAINED
    assert found["/.dockerenv"].prediction.startswith("predicted as engine-init-layer")


def test_an_unknown_engine_version_is_explained_by_evidence_and_nothing_is_foreseen(
    saved: Saved,
) -> None:
    seen = saved(PLAIN)
    found = judged(facts(seen, engine=replace(seen.facts.engine, version="99.1")))
    assert {one.prediction for one in found.findings} == {"none"}
    assert Origin.UNEXPLAINED not in {one.origin for one in found.findings}
    assert len(found.problems) == 1
    assert "no prediction was made: docker 99.1" in found.problems[0]


def test_an_engine_that_was_never_heard_of_makes_no_prediction(saved: Saved) -> None:
    seen = saved(PLAIN)
    found = judged(facts(seen, engine=replace(seen.facts.engine, name="lxd")))
    assert "the engine 'lxd' is not known" in found.problems[0]


def test_without_the_runtimes_configuration_inspect_still_explains(saved: Saved) -> None:
    found = judged(container(saved(PLAIN), oci_config=None))
    assert [one.path for one in found.findings if one.origin is Origin.UNEXPLAINED] == []
    hosts = by_path(found)["/etc/hosts"]
    assert hosts.evidence[0].kind == "inspect"


def test_a_bind_whose_file_is_another_is_unexplained(saved: Saved) -> None:
    seen = saved(PLAIN)
    mounts = tuple(
        replace(mount, root="/somewhere/else") if mount.target == "/etc/hosts" else mount
        for mount in seen.facts.mounts
    )
    found = by_path(judged(facts(seen, mounts=mounts, sources=())))["/etc/hosts"]
    assert found.origin is Origin.UNEXPLAINED
    assert "is not what stands there" in found.prediction


@pytest.mark.parametrize("privileged", [True, False])
def test_a_privileged_container_has_the_hosts_nodes_with_their_owners(
    saved: Saved, privileged: bool
) -> None:
    seen = saved(PLAIN)
    tty = seen.live.get("/dev/tty")
    assert tty is not None
    seen.live.put(replace(tty, mode=0o620, gid=5))
    config = {**seen.facts.container.inspect["HostConfig"], "Privileged": privileged}
    inspect = {**seen.facts.container.inspect, "HostConfig": config}
    found = by_path(judged(container(seen, inspect=inspect)))["/dev/tty"]
    assert found.origin is Origin.RUNTIME_DEVICE
    assert (found.prediction == "agrees") is privileged


def test_a_swarms_secret_and_config_are_the_engines(saved: Saved) -> None:
    found = by_path(judged(saved("docker-28.5.2-swarm-secret")))
    for path in ("/run/secrets/scratchlab-matrix-secret", "/cfg/file"):
        assert (found[path].origin, found[path].rule) == (Origin.ENGINE_MOUNT, "docker-secrets")
    assert found["/run/secrets"].origin is Origin.RUNTIME_MOUNTPOINT


def test_an_image_that_is_mounted_is_the_users(saved: Saved) -> None:
    found = by_path(judged(saved("docker-28.5.2-image-mount")))
    assert {found[path].origin for path in ("/img", "/img/bin/busybox")} == {Origin.USER_MOUNT}


def test_a_mount_that_config_json_lists_and_nobody_asked_for_is_a_tools(saved: Saved) -> None:
    seen = saved("docker-20.10.24-folder-ro")
    inspect = dict(seen.facts.container.inspect)
    inspect["Mounts"] = []
    found = by_path(judged(container(seen, inspect=inspect)))["/cfg"]
    assert found.origin is Origin.HOOK_OR_TOOL


def test_rows_of_the_specification_pass_and_fail(saved: Saved) -> None:
    seen = saved(PLAIN)
    checks = {one.id: one.verdict for one in judged(seen).checks}
    assert set(checks.values()) == {"pass"}
    assert len(checks) == 22
    broken = {
        one.id: one for one in judged(replace(seen, live=without(seen.live, "/dev/null"))).checks
    }
    failed = [one for one in broken.values() if one.verdict == "fail"]
    assert [one.title for one in failed] == ["/dev/null is 1:3"]
    assert "MUST" in failed[0].claim
