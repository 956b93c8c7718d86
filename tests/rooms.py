"""Made-up classes for tests: reports and records as the lab writes them, without machines."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from scratchlab import report
from scratchlab.report import Report
from scratchlab.report.sections import EntrySection, Head, HeadFields
from scratchlab.report.verdict import decide

STARTED = "2026-03-02T09:00:00+00:00"
CHECKS = [f"E{number:02}" for number in range(1, 13)]
# Path, type, origin: what a container FROM scratch with one program shows, in short.
TREE = [
    ("/", "directory", "storage-driver"),
    ("/.dockerenv", "file", "engine-init-layer"),
    ("/dev", "directory", "runtime-filesystem"),
    ("/dev/null", "char-device", "runtime-device"),
    ("/dev/stdin", "symlink", "runtime-device"),
    ("/dev/pts", "directory", "runtime-filesystem"),
    ("/dev/shm", "directory", "runtime-filesystem"),
    ("/etc", "directory", "engine-init-layer"),
    ("/etc/hostname", "file", "engine-mount"),
    ("/etc/hosts", "file", "engine-mount"),
    ("/etc/resolv.conf", "file", "engine-mount"),
    ("/etc/mtab", "symlink", "engine-init-layer"),
    ("/proc", "directory", "runtime-filesystem"),
    ("/proc/kcore", "char-device", "runtime-mask"),
    ("/sleep", "file", "image-layer"),
    ("/sys", "directory", "runtime-filesystem"),
]
DIGEST = "sha256:" + "ab" * 32


def entry(path: str, kind: str, origin: str) -> dict[str, Any]:
    """An item of ``entries``."""
    body: dict[str, Any] = {
        "kind": kind,
        "mode": "0755",
        "uid": 0,
        "gid": 0,
        "size": 100 if kind == "file" else 0,
        "sha256": hashlib.sha256(path.encode()).hexdigest() if kind == "file" else None,
        "target": "/proc/mounts" if kind == "symlink" else None,
    }
    image = origin == "image-layer"
    return {
        "path": path,
        "status": "same" if image else "only-live",
        "origin": origin,
        "evidence": [{"kind": "mountinfo", "detail": f"made up for {path}"}],
        "rule": None,
        "differences": [],
        "prediction": "agrees",
        "image": {**body, "layer": 0} if image else None,
        "live": {**body, "mount": 30},
    }


def check(name: str, verdict: str = "pass", cause: str = "", remedy: str = "") -> dict[str, Any]:
    """An item of ``checks``."""
    texts = dict.fromkeys(("claim", "command", "observed", "expected"), "-")
    return {
        "id": name,
        "title": f"claim {name}",
        "verdict": verdict,
        "cause": cause,
        "help": remedy,
        "depends_on": [],
        **texts,
    }


def head(host: str) -> dict[str, Any]:
    """All of a report but its entries; every check passed."""
    return {
        "schema": "scratchlab-report-2",
        "tool": {"name": "scratchlab", "version": "0"},
        "host": {
            "name": host,
            "kernel": "6.1.0-30-amd64",
            "distribution": "Debian GNU/Linux 12 (bookworm)",
            "cgroup_version": 2,
        },
        "engine": {
            "name": "docker",
            "version": "20.10.24",
            "api_version": "1.41",
            "storage_driver": "overlay2",
            "containerd_version": "1.6.20",
        },
        "runtime": {"name": "runc", "version": "1.1.5"},
        "image": {"id": "sha256:1", "tags": ["sleep"], "diff_ids": [], "ledger_digest": DIGEST},
        "container": {
            "id": hashlib.sha256(host.encode()).hexdigest(),
            "name": "sleep",
            "pid": 4242,
            "vantage": "host",
        },
        "summary": {
            "image_entries": 1,
            "live_entries": len(TREE),
            "explained": len(TREE),
            "unexplained": 0,
            "missing": 0,
            "altered": 0,
            "ghosts": 0,
        },
        "ghosts": [],
        "checks": [check(name) for name in CHECKS],
        "problems": [],
        "notes": [],
    }


def tree() -> list[dict[str, Any]]:
    """The entries of :data:`TREE`."""
    return [entry(path, kind, origin) for path, kind, origin in TREE]


def made(host: str, entries: Iterable[dict[str, Any]] | None = None, /, **changes: Any) -> Report:
    """A report of ``host``; ``changes`` replace parts of its head (dictionaries are merged).
    The verdict is the one that its content leads to.
    """
    whole = copy.deepcopy(head(host))
    for key, value in changes.items():
        whole[key] = whole.get(key, {}) | value if isinstance(value, dict) else value
    rows = tree() if entries is None else list(entries)
    verdict = decide(cast("HeadFields", whole), cast("list[EntrySection]", rows))
    return Report(cast("Head", {"verdict": verdict, **whole}), cast("list[EntrySection]", rows))


class Reports:
    """A reports directory, filled machine by machine."""

    def __init__(self, directory: Path, started: str = STARTED) -> None:
        self.directory = directory
        self.started = started
        self.hosts: list[str] = []
        self.inventory = ["inventory/classroom.yml"]

    def machine(self, name: str, what: Any = None, **record: Any) -> Path:
        """Add a machine that was run; returns its directory.

        ``what`` is its report (by default one of its own). ``record`` replaces values of its
        status.json; with ``report=None`` no report came.
        """
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        self.hosts.append(name)
        status = {
            "schema": "scratchlab-status-1",
            "host": name,
            "ansible_host": f"192.0.2.{len(self.hosts) % 250}",
            "ansible_user": "student",
            "ansible_port": "",
            "ansible_connection": "ssh",
            "hostname": name,
            "started": self.started,
            "ended": self.started,
            "state": "done",
            "stage": "Report",
            "task": "",
            "reason": "",
            "seconds": 60.0,
        }
        if "report" not in record:
            report.write(what or made(name), str(directory / "report.json"))
            record["report"] = sha1(directory / "report.json")
        (directory / "status.json").write_text(json.dumps(status | record))
        return directory

    def finish(self, *more: str) -> Path:
        """Write run.json, with ``more`` machines that were not chosen; returns the directory."""
        run = {
            "schema": "scratchlab-run-1",
            "started": self.started,
            "ended": self.started,
            "inventory": self.inventory,
            "hosts": [*self.hosts, *more],
            "chosen": self.hosts,
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "run.json").write_text(json.dumps(run))
        return self.directory


def sha1(path: Path) -> str:
    """The digest by which Ansible names a file that it fetched."""
    return hashlib.sha1(path.read_bytes()).hexdigest()
