"""A few paths judged alone: the same findings, from evidence that has little else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.judge.conftest import NAMES

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.explain import asked_path, explain, link_in
from scratchlab.judge.hard_links import HardLinks
from scratchlab.judge.paths import follow, upwards
from scratchlab.judge.prediction import predict
from scratchlab.judge.rules import RULES, advice
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

Saved = Callable[[str], EvidenceSet]
PLAIN = "docker-20.10.24-plain"


def narrowed(evidence: EvidenceSet, path: str) -> tuple[EvidenceSet, set[str]]:
    """``evidence`` with a live root of ``path``, what is above it, and other names of its file."""
    needed = {path, *upwards(path), "/"}
    for ledger in (evidence.image, evidence.live):
        entry = ledger.get(path)
        if entry is not None and entry.links is not None:
            needed |= ledger.linked(entry.links)
    # Where the layers follow from the rest, all of the rest is needed.
    whole = evidence.writable is None
    live = Ledger(entry for entry in evidence.live if whole or entry.path in needed)
    return replace(evidence, live=live), needed


@pytest.mark.parametrize("name", NAMES)
def test_a_path_judged_alone_has_the_same_finding(saved: Saved, name: str) -> None:
    evidence = saved(name)
    expected = predict(evidence.facts, evidence.image)
    whole = judge(evidence, expected)
    findings = {finding.path: finding for finding in whole.findings}
    ghosts = {ghost.path: ghost for ghost in whole.ghosts}
    paths = sorted(findings.keys() | ghosts)
    for path in [*paths[:: max(1, len(paths) // 40)], "/nowhere"]:
        few, needed = narrowed(evidence, path)
        judgement = judge(few, expected, needed)
        alone = {finding.path: finding for finding in judgement.findings}
        assert alone.get(path) == findings.get(path)
        hidden = {ghost.path: ghost for ghost in judgement.ghosts}
        assert hidden.get(path) == ghosts.get(path)
        assert alone.keys() <= needed
        assert judgement.checks == ()
        few.live.close()


def test_links_of_the_live_root_are_followed_before_those_of_the_image() -> None:
    def link(path: str, target: str) -> Entry:
        return Entry(path, Kind.SYMLINK, 0o777, target=target)

    with Ledger([link("/a", "/image"), link("/b", "/image")]) as image:
        live = Ledger([link("/a", "/live"), Entry("/b", Kind.DIRECTORY, 0o755)])
        assert link_in(image, live, "/a") == "/live"
        assert link_in(image, live, "/b") is None
        assert link_in(image, None, "/b") == "/image"
        assert link_in(image, live, "/c") is None
        live.close()


def test_up_is_from_where_a_link_led() -> None:
    links = {"/var/run": "/run"}
    assert follow("/var/run/../x", links.get) == "/var/x"
    assert follow("/var/run/../x", links.get, lexically=False) == "/x"


@pytest.mark.parametrize(
    ("written", "path"),
    [("", "/"), ("/", "/"), ("etc//x/", "/etc/x"), ("/./etc/.", "/etc"), ("/a/../b", "/a/../b")],
)
def test_a_path_as_a_user_writes_it(written: str, path: str) -> None:
    assert asked_path(written) == path


def test_a_link_says_where_it_leads_and_whose_that_is(saved: Saved) -> None:
    evidence = saved(PLAIN)
    links = [
        Entry("/to-hosts", Kind.SYMLINK, 0o777, target="/etc/hosts", mount=1),
        Entry("/to-nothing", Kind.SYMLINK, 0o777, target="/etc/nothing", mount=1),
        Entry("/to-lost", Kind.SYMLINK, 0o777, target="/lost", mount=1),
    ]
    lost = Entry("/lost", Kind.FILE, 0o644)
    top = evidence.live.get("/")
    assert top is not None
    mine = [entry._replace(mount=top.mount) for entry in links]
    changed = replace(
        evidence,
        live=Ledger([*evidence.live, *mine]),
        image=Ledger([*evidence.image, *links, lost]),
    )
    judgement = judge(changed, predict(changed.facts, changed.image))
    assert explain(changed, judgement, "/to-hosts").note.startswith(
        "it is a link to /etc/hosts: engine-mount, "
    )
    assert explain(changed, judgement, "/to-nothing").note == ""
    assert explain(changed, judgement, "/to-lost").note == "it is a link to /lost: missing"


def test_a_link_to_what_nothing_proves_says_its_origin_alone(saved: Saved) -> None:
    evidence = saved(PLAIN)
    judgement = judge(evidence, predict(evidence.facts, evidence.image))
    unproved = [finding._replace(evidence=()) for finding in judgement.findings]
    top = evidence.live.get("/")
    assert top is not None
    way = Entry("/way", Kind.SYMLINK, 0o777, target="/etc/hosts", mount=top.mount)
    changed = replace(evidence, live=Ledger([*evidence.live, way]))
    found = judge(changed, predict(changed.facts, changed.image))
    mine = [finding for finding in found.findings if finding.path == "/way"]
    answer = explain(changed, replace(found, findings=[*unproved, *mine]), "/way")
    assert answer.note == "it is a link to /etc/hosts: engine-mount"


def test_many_hard_link_sets_are_made_in_one_reading(saved: Saved) -> None:
    evidence = saved(PLAIN)
    names = [(f"/l{number}/a", f"/l{number}/b") for number in range(20)]
    image = Ledger(
        Entry(path, Kind.FILE, 0o644, links=first)
        for first, second in names
        for path in (first, second)
    )
    image.put(Entry("/alone", Kind.FILE, 0o644))
    live = Ledger(Entry(first, Kind.FILE, 0o644) for first, _ in names)
    writable = Ledger(Entry(second, Kind.FILE, 0o644) for _, second in names)
    links = HardLinks(replace(evidence, image=image, live=live, writable=writable))
    for first, second in names:
        entry = live.get(first)
        assert entry is not None
        proof = links.parted(entry)
        assert proof is not None
        assert proof.detail.endswith(second)


@pytest.mark.parametrize(
    ("rule", "path", "says"),
    [
        ("docker-network-files", "/etc/hostname", "-v FILE:/etc/hostname:ro"),
        ("docker-network-files", "/etc/resolv.conf", "-v FILE:/etc/resolv.conf:ro"),
        ("podman-files", "/etc/hostname", "--no-hostname"),
        ("podman-files", "/run/.containerenv", RULES["podman-files"].removed_by),
    ],
)
def test_the_advice_names_the_path(rule: str, path: str, says: str) -> None:
    assert advice(RULES[rule], path).endswith(says)
