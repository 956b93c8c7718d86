"""Evidence of real engines, judged as saved and with one fact changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.conftest import NAMES
from tests.unit.judge.make_machine_evidence import CASES

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, judge
from scratchlab.judge.compare import Pair, compare
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Finding, Kind, Origin, Status
from scratchlab.report.build import build

Saved = Callable[[str], EvidenceSet]
PLAIN = "docker-20.10.24-plain"
# Others, in which something was done, are in test_merged_usr.py and test_machine_evidence.py.
PLAIN_SETS = [name for name in NAMES if "-merged-usr-" not in name and name not in CASES]


def judged(evidence: EvidenceSet) -> Judgement:
    return judge(evidence, predict(evidence.facts, evidence.image))


def by_path(judgement: Judgement) -> dict[str, Finding]:
    return {finding.path: finding for finding in judgement.findings}


def without(ledger: Ledger, *paths: str) -> Ledger:
    return Ledger(entry for entry in ledger if entry.path not in paths)


def with_facts(evidence: EvidenceSet, **changes: Any) -> EvidenceSet:
    return replace(evidence, facts=replace(evidence.facts, **changes))


def with_container(evidence: EvidenceSet, **changes: Any) -> EvidenceSet:
    container = replace(evidence.facts.container, **changes)
    return with_facts(evidence, container=container)


@pytest.mark.parametrize("name", PLAIN_SETS)
def test_every_entry_and_mount_is_explained_and_as_predicted(saved: Saved, name: str) -> None:
    judgement = judged(saved(name))
    findings = list(judgement.findings)
    assert [f for f in findings if f.origin is Origin.UNEXPLAINED] == []
    assert [f for f in findings if f.status is Status.MISSING] == []
    assert [f for f in findings if f.prediction not in ("agrees", "none")] == []
    assert [m for m in judgement.mounts if m.origin is Origin.UNEXPLAINED] == []
    assert [m for m in judgement.mounts if m.prediction not in ("agrees", "none")] == []
    assert (judgement.problems, judgement.notes) == ((), ())
    assert all(finding.evidence for finding in findings)


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_of_both_ledgers_is_in_a_finding_or_a_ghost(saved: Saved, name: str) -> None:
    evidence = saved(name)
    judgement = judged(evidence)
    live = [finding for finding in judgement.findings if finding.live is not None]
    image = [finding for finding in judgement.findings if finding.image is not None]
    assert len(live) == len(evidence.live)
    assert len(image) + len(tuple(judgement.ghosts)) == len(evidence.image)


@pytest.mark.parametrize("name", NAMES)
def test_ghosts_are_the_same_before_during_and_after_the_findings(saved: Saved, name: str) -> None:
    evidence = saved(name)
    before = tuple(judged(evidence).ghosts)
    judgement = judged(evidence)
    findings = iter(judgement.findings)
    next(findings)
    assert tuple(judgement.ghosts) == before
    list(findings)
    assert tuple(judgement.ghosts) == before
    assert list(judgement.findings) == list(judged(evidence).findings)


def test_findings_and_ghosts_come_from_one_comparison(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparisons = []

    def counted(*arguments: Any) -> Iterator[Pair]:
        comparisons.append(arguments)
        return compare(*arguments)

    monkeypatch.setattr("scratchlab.judge.judgement.compare", counted)
    evidence = saved("docker-20.10.24-rich-image")
    built = build(evidence, judged(evidence))
    assert built.head["ghosts"]
    assert list(built.entries)
    assert len(comparisons) == 1


def test_findings_are_in_tree_order_at_every_iteration(saved: Saved) -> None:
    judgement = judged(saved(PLAIN))
    first = [finding.path for finding in judgement.findings]
    assert first == [finding.path for finding in judgement.findings]
    assert first.index("/dev") < first.index("/dev/null") < first.index("/etc")


def test_entries_of_the_image_where_the_engine_writes_are_ghosts(saved: Saved) -> None:
    ghosts = {ghost.path: ghost for ghost in judged(saved("docker-20.10.24-rich-image")).ghosts}
    assert ghosts["/etc/hosts"].kind is Status.OVERRIDDEN
    assert ghosts["/etc/hosts"].origin is Origin.ENGINE_MOUNT
    assert ghosts["/etc/mtab"].kind is Status.REPLACED
    assert ghosts["/etc/mtab"].origin is Origin.ENGINE_INIT_LAYER
    assert ghosts["/.dockerenv"].kind is Status.REPLACED
    assert ghosts["/dev/hidden"].kind is Status.SHADOWED
    assert ghosts["/dev/hidden"].actor == "the tmpfs on /dev"


def test_a_link_at_etc_in_the_image_is_replaced(saved: Saved) -> None:
    judgement = judged(saved("docker-20.10.24-etc-is-a-link"))
    assert [(g.path, g.kind) for g in judgement.ghosts] == [("/etc", Status.REPLACED)]
    etc = by_path(judgement)["/etc"]
    assert (etc.origin, etc.status) == (Origin.ENGINE_INIT_LAYER, Status.ONLY_LIVE)


def test_an_entry_in_no_layer_is_unexplained(saved: Saved) -> None:
    evidence = saved(PLAIN)
    evidence.live.put(Entry("/planted", Kind.FILE, 0o644, mount=evidence.live.get("/").mount))  # type: ignore[union-attr]
    planted = by_path(judged(evidence))["/planted"]
    assert (planted.origin, planted.status) == (Origin.UNEXPLAINED, Status.ONLY_LIVE)


def test_a_file_on_a_mount_that_mountinfo_lacks_is_unexplained(saved: Saved) -> None:
    evidence = saved(PLAIN)
    evidence.live.put(Entry("/planted", Kind.FILE, 0o644, mount=999_999))
    assert by_path(judged(evidence))["/planted"].origin is Origin.UNEXPLAINED


def test_an_image_file_changed_below_every_layer_is_unexplained(saved: Saved) -> None:
    evidence = saved(PLAIN)
    entry = evidence.live.get("/bin/busybox")
    assert entry is not None
    evidence.live.put(entry._replace(sha256="0" * 64))
    finding = by_path(judged(evidence))["/bin/busybox"]
    assert (finding.origin, finding.status) == (Origin.UNEXPLAINED, Status.ALTERED)
    assert finding.differences == ("sha256",)


def test_an_image_file_that_is_absent_without_a_whiteout_is_missing(saved: Saved) -> None:
    evidence = saved(PLAIN)
    judgement = judged(replace(evidence, live=without(evidence.live, "/bin/busybox")))
    assert by_path(judgement)["/bin/busybox"].status is Status.MISSING


@pytest.mark.parametrize("path", ["/.dockerenv", "/etc/mtab", "/dev/null", "/dev/fd", "/proc"])
def test_a_predicted_entry_that_is_absent_is_missing(saved: Saved, path: str) -> None:
    evidence = saved(PLAIN)
    finding = by_path(judged(replace(evidence, live=without(evidence.live, path))))[path]
    assert finding.status is Status.MISSING
    assert finding.prediction == f"predicted {finding.origin}, but missing"


@pytest.mark.parametrize(
    ("path", "changes", "sentence"),
    [
        ("/dev/zero", {"mode": 0o600}, "mode: predicted 0666, found 0600"),
        ("/dev", {"mode": 0o777}, "mode: predicted 0755, found 0777"),
        ("/dev/pts", {"uid": 5}, "uid: predicted 0, found 5"),
        ("/proc", {"gid": 5}, "gid: predicted 0, found 5"),
        ("/.dockerenv", {"size": 1}, "size: predicted 0, found 1"),
        ("/etc/mtab", {"target": "/x"}, "target: predicted /proc/mounts, found /x"),
        ("/dev/null", {"device": (1, 5)}, "predicted as runtime-device, found as written-later; "
                                          "device: predicted 1:3, found 1:5"),
    ],
)  # fmt: skip
def test_a_contradicted_prediction_is_a_short_sentence(
    saved: Saved, path: str, changes: dict[str, Any], sentence: str
) -> None:
    evidence = saved(PLAIN)
    for ledger in (evidence.live, evidence.init):
        assert ledger is not None
        entry = ledger.get(path)
        if entry is not None:
            ledger.put(entry._replace(**changes))
    assert by_path(judged(evidence))[path].prediction == sentence


def test_a_contradicted_mount_is_a_short_sentence(saved: Saved) -> None:
    evidence = saved(PLAIN)
    mounts = tuple(
        replace(mount, options=("rw", "nosuid")) if mount.target == "/dev/pts" else mount
        for mount in evidence.facts.mounts
        if mount.target != "/dev/mqueue"
    )
    kept = next(mount.id for mount in mounts if mount.target == "/dev")
    mqueue = evidence.live.get("/dev/mqueue")
    assert mqueue is not None
    evidence.live.put(mqueue._replace(mount=kept))
    findings = by_path(judged(with_facts(evidence, mounts=mounts)))
    assert findings["/dev/pts"].prediction.endswith("predicted mount option noexec, but missing")
    assert findings["/dev/mqueue"].prediction.endswith("predicted a mount point, found none")


def test_an_unpredicted_entry_of_the_init_layer_is_a_short_sentence(saved: Saved) -> None:
    evidence = saved(PLAIN)
    top = evidence.live.get("/")
    assert top is not None
    assert evidence.init is not None
    evidence.init.put(Entry("/planted", Kind.FILE, 0o644))
    evidence.live.put(Entry("/planted", Kind.FILE, 0o644, mount=top.mount))
    sentence = "not predicted: no rule expects engine-init-layer at this path"
    assert by_path(judged(evidence))["/planted"].prediction == sentence


@pytest.mark.parametrize("name", [PLAIN, "podman-4.3.1-plain"])
def test_a_predicted_mask_that_is_not_mounted_is_missing(saved: Saved, name: str) -> None:
    evidence = saved(name)
    mounts = tuple(mount for mount in evidence.facts.mounts if mount.target != "/proc/bus")
    assert (
        by_path(judged(with_facts(evidence, mounts=mounts)))["/proc/bus"].status is Status.MISSING
    )


@pytest.mark.parametrize(
    ("mode", "origin"), [(0o755, Origin.ENGINE_INIT_LAYER), (0o700, Origin.WRITTEN_LATER)]
)
def test_an_unchanged_directory_that_was_copied_up_still_belongs_to_the_init_layer(
    saved: Saved, mode: int, origin: Origin
) -> None:
    evidence = saved(PLAIN)
    assert evidence.init is not None
    assert evidence.writable is not None
    below = evidence.init.get("/etc")
    assert below is not None
    evidence.writable.put(below._replace(mode=mode))  # docker cp, from v23 on, copies /etc up
    assert by_path(judged(evidence))["/etc"].origin is origin


def test_dockerenv_is_unexplained_without_an_init_layer(saved: Saved) -> None:
    findings = by_path(judged(replace(saved(PLAIN), init=None)))
    assert findings["/.dockerenv"].origin is Origin.UNEXPLAINED
    assert findings["/.dockerenv"].prediction.startswith("predicted as engine-init-layer")


def test_an_unknown_engine_version_is_explained_by_evidence_without_a_prediction(
    saved: Saved,
) -> None:
    evidence = saved(PLAIN)
    judgement = judged(with_facts(evidence, engine=replace(evidence.facts.engine, version="99.1")))
    assert {finding.prediction for finding in judgement.findings} == {"none"}
    assert Origin.UNEXPLAINED not in {finding.origin for finding in judgement.findings}
    assert judgement.problems == ()
    assert len(judgement.notes) == 1
    assert "no prediction: docker 99.1" in judgement.notes[0]


def test_an_unknown_engine_is_not_predicted(saved: Saved) -> None:
    evidence = saved(PLAIN)
    judgement = judged(with_facts(evidence, engine=replace(evidence.facts.engine, name="lxd")))
    assert judgement.problems == ()
    assert "the engine 'lxd' is not known" in judgement.notes[0]


def test_inspect_explains_where_config_json_cannot_be_read(saved: Saved) -> None:
    judgement = judged(with_container(saved(PLAIN), oci_config=None))
    assert [
        finding.path for finding in judgement.findings if finding.origin is Origin.UNEXPLAINED
    ] == []
    hosts = by_path(judgement)["/etc/hosts"]
    assert hosts.evidence[0].kind == "inspect"


def test_a_bind_of_another_file_is_unexplained(saved: Saved) -> None:
    evidence = saved(PLAIN)
    mounts = tuple(
        replace(mount, root="/somewhere/else") if mount.target == "/etc/hosts" else mount
        for mount in evidence.facts.mounts
    )
    finding = by_path(judged(with_facts(evidence, mounts=mounts, sources=())))["/etc/hosts"]
    assert finding.origin is Origin.UNEXPLAINED
    assert "but another mount is there" in finding.prediction


@pytest.mark.parametrize("privileged", [True, False])
def test_a_privileged_container_has_the_hosts_nodes_with_their_owners(
    saved: Saved, privileged: bool
) -> None:
    evidence = saved(PLAIN)
    tty = evidence.live.get("/dev/tty")
    assert tty is not None
    evidence.live.put(tty._replace(mode=0o620, gid=5))
    config = {**evidence.facts.container.inspect["HostConfig"], "Privileged": privileged}
    inspect = {**evidence.facts.container.inspect, "HostConfig": config}
    finding = by_path(judged(with_container(evidence, inspect=inspect)))["/dev/tty"]
    assert finding.origin is Origin.RUNTIME_DEVICE
    assert (finding.prediction == "agrees") is privileged


def test_secret_and_config_of_a_swarm_are_engine_mounts(saved: Saved) -> None:
    findings = by_path(judged(saved("docker-28.5.2-swarm-secret")))
    for path in ("/run/secrets/scratchlab-matrix-secret", "/cfg/file"):
        assert (findings[path].origin, findings[path].rule) == (
            Origin.ENGINE_MOUNT,
            "docker-secrets",
        )
    assert findings["/run/secrets"].origin is Origin.RUNTIME_MOUNTPOINT


def test_an_image_mount_is_a_user_mount_with_user_data_in_it(saved: Saved) -> None:
    findings = by_path(judged(saved("docker-28.5.2-image-mount")))
    assert findings["/img"].origin is Origin.USER_MOUNT
    assert findings["/img/bin/busybox"].origin is Origin.USER_DATA


def test_a_mount_that_only_config_json_lists_is_unexplained(saved: Saved) -> None:
    evidence = saved("docker-20.10.24-folder-ro")
    inspect = dict(evidence.facts.container.inspect)
    inspect["Mounts"] = []
    finding = by_path(judged(with_container(evidence, inspect=inspect)))["/cfg"]
    assert finding.origin is Origin.UNEXPLAINED
    assert finding.prediction.startswith("config.json alone lists it")


def test_specification_rows_pass_and_fail(saved: Saved) -> None:
    evidence = saved(PLAIN)
    checks = {check.id: check.verdict for check in judged(evidence).checks}
    assert set(checks.values()) == {"pass"}
    assert len(checks) == 22
    broken = judged(replace(evidence, live=without(evidence.live, "/dev/null")))
    failed = [check for check in broken.checks if check.verdict == "fail"]
    assert [check.title for check in failed] == ["/dev/null is 1:3"]
    assert "MUST" in failed[0].claim
