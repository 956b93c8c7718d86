"""No list of mounts, however odd, makes the judge fail or leaves anything without an origin."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scratchlab.devices import HostDevice
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.explain import explain
from scratchlab.judge.masks import first_late
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import (
    BindSource,
    Container,
    Engine,
    EngineFile,
    Entry,
    Facts,
    Host,
    Kind,
    Layers,
    Mount,
    Origin,
    Runtime,
    Status,
)

TARGETS = ("/", "/proc", "/proc/acpi", "/proc/kcore", "/proc/bus", "/sys", "/sys/firmware", "/dev",
           "/dev/null", "/dev/shm", "/dev/pts", "/dev/console", "/etc", "/etc/hosts", "/data",
           "/data/x", "/data/x/y", "/srv", "/run/secrets/s", "/sbin/docker-init", "/w/d",
           "/sys/fs/cgroup", "/sys/fs/cgroup/cpu")  # fmt: skip
TYPES = ("tmpfs", "proc", "sysfs", "devpts", "ext4", "overlay", "cgroup", "cgroup2", "bind", "")
_target = st.sampled_from(TARGETS)
_type = st.sampled_from(TYPES)
_number = st.integers(0, 6)
_device = st.tuples(st.integers(0, 2), st.integers(0, 3))
_root = st.sampled_from(("/", "/null", "/bus", "/src", "/src/x", "/hosts", "/src//deleted", ""))
_options = st.lists(
    st.sampled_from(("ro", "rw", "nosuid", "rbind", "bind", "tmpcopyup")), max_size=3
).map(tuple)
_mounts = st.builds(
    Mount, id=_number, parent=_number, device=_device, root=_root, target=_target,
    options=_options, propagation=st.sampled_from(((), ("master:1",), ("shared:1", "master:2"))),
    fstype=_type, source=st.just("s"), super_options=st.just(("rw",)),
)  # fmt: skip
_requests = st.fixed_dictionaries(
    {},
    optional={
        "destination": _target, "type": _type, "options": st.one_of(st.none(), _options),
        "source": st.sampled_from(("/src", "/sys/fs/cgroup", "tmpfs", "", None)),
    },
)  # fmt: skip
_wishes = st.fixed_dictionaries(
    {},
    optional={
        "Destination": _target, "Target": _target, "Type": st.sampled_from(("bind", "volume")),
        "Source": st.sampled_from(("/src", "/proc", None, "")), "RW": st.booleans(),
        "Name": st.just("v"),
    },
)  # fmt: skip
_paths = st.lists(_target, max_size=4)
_configs = st.fixed_dictionaries(
    {},
    optional={
        "mounts": st.one_of(st.none(), st.lists(_requests, max_size=8)),
        "linux": st.fixed_dictionaries(
            {},
            optional={
                "maskedPaths": _paths, "readonlyPaths": _paths,
                "devices": st.lists(
                    st.fixed_dictionaries({"path": _target, "major": _number, "minor": _number}),
                    max_size=2,
                ),
            },
        ),
        "hooks": st.just({"prestart": [{"path": "/h", "args": ["/data"]}], "poststart": None}),
        "process": st.just({"terminal": True}),
    },
)  # fmt: skip
_inspects = st.fixed_dictionaries(
    {},
    optional={
        "Mounts": st.one_of(st.none(), st.lists(_wishes, max_size=4)),
        "HostsPath": st.just("/src"),
        "HostConfig": st.fixed_dictionaries(
            {},
            optional={
                "Tmpfs": st.dictionaries(_target, st.just(""), max_size=2),
                "Mounts": st.lists(_wishes, max_size=2), "MaskedPaths": _paths,
                "ReadonlyPaths": st.one_of(st.none(), _paths), "Init": st.booleans(),
                "IpcMode": st.sampled_from(("private", "host", "none", "", "shareable")),
                "Privileged": st.booleans(), "ReadonlyRootfs": st.booleans(),
                "Devices": st.lists(
                    st.fixed_dictionaries({"PathInContainer": _target}), max_size=2
                ),
                "NetworkMode": st.sampled_from(("host", "default", "container:x")),
            },
        ),
        "Config": st.fixed_dictionaries(
            {},
            optional={"WorkingDir": _target, "User": st.just("1000"), "Tty": st.booleans(),
                      "SystemdMode": st.booleans()},
        ),
    },
)  # fmt: skip
_sources = st.builds(
    BindSource, path=st.sampled_from(("/src", "/dev/null", "/data")), device=_device,
    inode=_number, mount=_number,
)  # fmt: skip
_containers = st.builds(
    Container, id=st.sampled_from(("", "c0ffee")), inspect=_inspects,
    oci_config=st.one_of(st.none(), _configs), vantage=st.sampled_from(("host", "debug")),
    uid_map=st.sampled_from(((), ((0, 100000, 65536),))),
)  # fmt: skip
_facts = st.builds(
    Facts,
    engine=st.sampled_from((
        Engine("docker", "20.10.24"), Engine("podman", "5.4.2"), Engine(), Engine("docker", "99"),
        Engine("docker", "24.0", containerd_store=True, rootless=True),
    )),
    runtime=st.sampled_from((Runtime("runc", "1.1.5"), Runtime("crun", "1.21"), Runtime())),
    container=_containers,
    mounts=st.lists(_mounts, max_size=9).map(tuple),
    host=st.just(Host(existing=frozenset(TARGETS))),
    layers=st.sampled_from((Layers(), Layers("overlay2", (), "/i", "/u"))),
    sources=st.lists(_sources, max_size=3).map(tuple),
    host_mounts=st.one_of(st.none(), st.lists(_mounts, max_size=3).map(tuple)),
    links=st.one_of(st.none(), st.dictionaries(_target, _target, max_size=3)),
    engine_files=st.sampled_from(((), (EngineFile("/etc/hosts", "/src", "x"),))),
    devices=st.one_of(st.none(), st.just((HostDevice("/w/d", (1, 5)),))),
    changes=st.one_of(
        st.none(),
        st.dictionaries(_target, st.sampled_from(("added", "changed", "deleted")), max_size=4),
    ),
)  # fmt: skip
_LINK_TARGETS = (None, "/srv", "../data", "/proc/mounts")
_entries = st.builds(
    Entry, path=_target, kind=st.sampled_from(Kind), mode=st.sampled_from((0o755, 0o644)),
    uid=st.sampled_from((0, 100000)), target=st.sampled_from(_LINK_TARGETS),
    device=st.one_of(st.none(), _device), links=st.one_of(st.none(), _target),
    mount=st.one_of(st.none(), _number), mtime=st.sampled_from((None, -1, 0)),
    xattrs=st.sampled_from(((), (("trusted.overlay.opaque", b"y"),))),
    note=st.sampled_from((None, None, "unreadable: EACCES")),
)  # fmt: skip
_ledgers = st.lists(_entries, max_size=8)
_some = settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@_some
@given(_facts, _ledgers, _ledgers, st.one_of(st.none(), _ledgers), st.one_of(st.none(), _ledgers))
def test_whatever_is_found_is_judged(
    facts: Facts, image: list[Entry], live: list[Entry], init: Any, writable: Any
) -> None:
    evidence = EvidenceSet(
        facts, Ledger(image), Ledger(live), None if init is None else Ledger(init),
        None if writable is None else Ledger(writable),
    )  # fmt: skip
    with evidence:
        judgement = judge(evidence, predict(facts, evidence.image))
        findings = list(judgement.findings)
        ghosts = list(judgement.ghosts)
        assert len(judgement.mounts) == len(facts.mounts)
        assert all(item.evidence for item in judgement.mounts)
        seen = [item for item in findings if item.live is not None]
        assert [item.path for item in seen] == [entry.path for entry in evidence.live]
        assert all(item.evidence for item in seen if item.path != "/")
        assert all(isinstance(item.origin, Origin) for item in findings)
        assert all(isinstance(item.origin, Origin) for item in judgement.mounts)
        of_image = {item.path for item in findings if item.image is not None}
        of_image |= {ghost.path for ghost in ghosts}
        assert of_image == {entry.path for entry in evidence.image}
        assert all(
            item.prediction.startswith("predicted") or item.origin is Origin.UNEXPLAINED
            for item in findings
            if item.status is Status.MISSING
        )
        for path in [item.path for item in findings][:3]:
            assert explain(evidence, judgement, path).path.startswith("/")


@given(st.lists(_mounts, max_size=12), st.sets(_target, max_size=6))
def test_what_came_late_follows_a_mask(mounts: list[Mount], masks: set[str]) -> None:
    late = first_late(mounts, masks)
    assert late is None or mounts[late - 1].target in masks
