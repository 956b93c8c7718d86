"""Ansible callback: what became of each host, written down for the page of the room.

Ansible's own recap scrolls away and a host that was unreachable leaves no trace. This writes
``reports/run.json`` (the room) and ``reports/HOST/status.json`` (one host, its last run) at each
stage and in the end: a run that is killed leaves what it knew, marked as not ended. ``./lab check``
leaves the same in ``.cache/check``. ``scratchlab.room`` reads both.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: lab_record
type: aggregate
short_description: Write down what became of each host
description:
  - Writes C(reports/run.json) and C(reports/HOST/status.json) beside C(lab.yml).
"""

LAB = "lab.yml"
CHECK = "playbooks/check.yml"
FETCH = "scratchlab.lab.bring_report"
ADDRESS = ("ansible_host", "ansible_user", "ansible_port", "ansible_connection")
LONGEST = 2000  # characters of a reason that are kept


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Keeps one record a host and writes it whenever a stage begins or a host drops out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lab_record"

    def __init__(self) -> None:
        super().__init__()
        self._lab = Path()  # the folder of ./lab
        self._reports: Path | None = None
        self._room: dict[str, Any] = {}
        self._hosts: dict[str, dict[str, Any]] = {}
        self._since: dict[tuple[str, str], float] = {}
        self._stage = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Only the lab is recorded, and only a run that is to bring reports."""
        path = Path(playbook._file_name).absolute()
        if path.match(CHECK):
            self._lab = path.parents[1]
            self._reports = self._lab / ".cache" / "check"
        elif path.match(LAB) and _reporting():
            self._lab = path.parent
            self._reports = self._lab / "reports"

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A stage begins for every host that is still there."""
        if self._reports is None:
            return
        self._stage = play.get_name()
        if not self._room:
            self._begin(play)
        for record in self._hosts.values():
            if record["state"] == "running":
                record["stage"] = self._stage
        self._save()

    def _begin(self, play: Any) -> None:
        variables = play.get_variable_manager()
        inventory = variables._inventory
        now = _now()
        everyone = inventory.get_hosts("all", ignore_limits=True, ignore_restrictions=True)
        self._room = {
            "schema": "scratchlab-run-1",
            "started": now,
            "ended": None,
            "inventory": [self._typed(str(one)) for one in context.CLIARGS.get("inventory") or ()],
            "hosts": [host.name for host in everyone],
            "chosen": [],
        }
        for host in inventory.get_hosts(play.hosts):
            known = variables.get_vars(play=play, host=host, include_hostvars=False)
            self._room["chosen"].append(host.name)
            self._hosts[host.name] = {
                "schema": "scratchlab-status-1",
                "host": host.name,
                **{key: _word(known.get(key)) for key in ADDRESS},
                "hostname": "",
                "started": now,
                "ended": None,
                "state": "running",
                "stage": self._stage,
                "task": "",
                "reason": "",
                "seconds": 0.0,
                "report": None,
            }

    def _typed(self, inventory: str) -> str:
        """An inventory as a person types it beside ./lab; Ansible made an absolute path of it."""
        return inventory.removeprefix(f"{self._lab}{os.sep}")

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Begin to count a host's own time: waiting for the others is not its fault."""
        self._since[host.name, task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what later shows that the report is this machine's and of this run."""
        record = self._took(result)
        if record is None:
            return
        data = result._result
        if isinstance(data.get("readiness"), list):
            record["readiness"] = data["readiness"]
        facts = data.get("ansible_facts") or {}
        machine = facts.get("lab_machine") if isinstance(facts, dict) else None
        if isinstance(machine, dict):
            record["hostname"] = _word(machine.get("hostname"))
        if result._task.action == FETCH:
            record["report"] = _word(data.get("checksum"))

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Skipping takes time as well."""
        self._took(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The host drops out, with the reason."""
        record = self._took(result)
        if record is not None and not ignore_errors:
            self._out(record, "failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The host drops out, with the reason."""
        record = self._took(result)
        if record is not None:
            self._out(record, "unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end: who is left has come through, unless a failure of another took it along."""
        if not self._room:
            return
        self._room["ended"] = _now()
        for name, record in self._hosts.items():
            if record["state"] == "failed" and not stats.failures.get(name):
                record["state"] = "running"  # it was rescued
            if record["state"] == "running":
                record["state"] = "done" if record["stage"] == self._stage else "left"
                record["ended"] = self._room["ended"]
        self._save()

    def _took(self, result: Any) -> dict[str, Any] | None:
        """The host's record, its time counted; None where nothing is recorded."""
        name = result._host.name
        began = self._since.pop((name, result._task._uuid), None)
        record = self._hosts.get(name)
        if record is not None and began is not None:
            record["seconds"] = round(record["seconds"] + time.monotonic() - began, 3)
        return record

    def _out(self, record: dict[str, Any], state: str, result: Any) -> None:
        record["state"] = state
        record["task"] = result._task.get_name().rpartition(" : ")[2]
        record["reason"] = _reason(result._result)[:LONGEST]
        record["ended"] = _now()
        self._save()

    def _save(self) -> None:
        assert self._reports is not None  # noqa: S101 - the callers looked
        try:
            _write(self._reports / "run.json", self._room)
            for name, record in self._hosts.items():
                if name == os.path.basename(name) and not name.startswith("."):
                    _write(self._reports / name / "status.json", record)
        except OSError as error:
            self._display.warning(f"the record of this run cannot be written: {error}")


def _reporting() -> bool:
    """Whether this run goes as far as the reports: not with --check, nor with other stages only."""
    chosen = set(context.CLIARGS.get("tags") or ("all",))
    wanted = chosen & {"all", "report"} or any(re.fullmatch("E[0-9]{2}", tag) for tag in chosen)
    skipped = set(context.CLIARGS.get("skip_tags") or ()) & {"all", "report"}
    return bool(wanted and not skipped and not context.CLIARGS.get("check"))


def _reason(data: dict[str, Any]) -> str:
    """What a failed result says: its message, else its errors, else those of its items."""
    said = []
    for part in (data, *(item for item in data.get("results") or () if isinstance(item, dict))):
        if part is data or part.get("failed") or part.get("unreachable"):
            words = [part.get("msg"), part.get("stderr") or part.get("module_stderr")]
            said += [str(word).strip() for word in words if word]
    return "; ".join(dict.fromkeys(said)) or "it failed without a word"


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    aside.replace(path)
