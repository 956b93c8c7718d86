"""Ansible callback: records what became of each host, for the page of the room.

Ansible's own recap scrolls away, and an unreachable host leaves no trace. This callback writes
``reports/run.json`` (the room) and ``reports/HOST/status.json`` (the last run of one host) at each
stage and at the end: an interrupted run leaves a record that is marked as not ended. ``./lab
check`` writes the same files in ``.cache/check``. scratchlab reads both. At the end of any run it
prints what fixes the connection to a machine, unless ``./lab`` prints a table that says so.
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
from ansible.template import Templar
from ansible_collections.scratchlab.lab.plugins.module_utils.connection_causes import explain

DOCUMENTATION = """
name: lab_record
type: aggregate
short_description: Record what became of each host
description:
  - Writes C(reports/run.json) and C(reports/HOST/status.json) beside C(lab.yml).
"""

LAB = "lab.yml"
CHECK = "playbooks/check.yml"
COLLECT = "playbooks/collect.yml"
FETCHES = ("scratchlab.lab.bring_report", "scratchlab.lab.run_experiments")
ASK = "Run the experiments"  # the task after which the machine's report is new
ADDRESS = ("ansible_host", "ansible_user", "ansible_port", "ansible_connection")
LONGEST = 2000  # characters of a reason that are kept


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Keeps a record of each host, and writes it whenever a stage begins or a host drops out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lab_record"

    def __init__(self) -> None:
        super().__init__()
        self._lab = Path()  # the directory of ./lab
        self._reports: Path | None = None
        self._classroom: dict[str, Any] = {}
        self._hosts: dict[str, dict[str, Any]] = {}
        self._since: dict[tuple[str, str], float] = {}
        self._stage = ""
        self._variables: Any = None
        self._causes: dict[str, str] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Record the lab only, and only a run that fetches reports."""
        path = Path(playbook._file_name).absolute()
        if path.match(CHECK):
            self._lab = path.parents[1]
            self._reports = self._lab / ".cache" / "check"
        elif (path.match(LAB) or path.match(COLLECT)) and _reporting():
            self._lab = path.parent if path.match(LAB) else path.parents[1]
            self._reports = self._lab / "reports"

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note the new stage for every host that has not dropped out."""
        self._variables = play.get_variable_manager()
        if self._reports is None:
            return
        if self._lab != self._reports.parent.parent:  # a check has its own place
            self._reports = self._place(play)
        self._stage = play.get_name()
        if not self._classroom:
            self._begin(play)
        for record in self._hosts.values():
            if record["state"] == "running":
                record["stage"] = self._stage
        self._save()

    def _place(self, play: Any) -> Path:
        """Return where the reports of this run lie: ``-e lab_reports=DIRECTORY`` chooses it."""
        chosen = self._variables.extra_vars.get("lab_reports")
        if not chosen:
            return self._lab / "reports"
        variables = self._variables.get_vars(play=play, include_hostvars=False)
        templar = Templar(loader=play.get_loader(), variables=variables)
        return self._lab / str(templar.template(chosen))

    def _begin(self, play: Any) -> None:
        variables = self._variables
        inventory = variables._inventory
        now = _now()
        hosts = inventory.get_hosts("all", ignore_limits=True, ignore_restrictions=True)
        self._classroom = {
            "schema": "scratchlab-run-1",
            "started": now,
            "ended": None,
            "inventory": [
                self._typed(str(path)) for path in context.CLIARGS.get("inventory") or ()
            ],
            "engine_url": _text((variables.extra_vars or {}).get("lab_engine_url")),
            "hosts": [host.name for host in hosts],
            "chosen": [],
        }
        for host in inventory.get_hosts("all", ignore_restrictions=True):
            host_variables = variables.get_vars(play=play, host=host, include_hostvars=False)
            self._classroom["chosen"].append(host.name)
            self._hosts[host.name] = {
                "schema": "scratchlab-status-1",
                "host": host.name,
                **{key: _text(host_variables.get(key)) for key in ADDRESS},
                "hostname": "",
                "started": now,
                "ended": None,
                "state": "running",
                "stage": self._stage,
                "task": "",
                "reason": "",
                "seconds": 0.0,
                "report": None,
                "checked": self._checked(host.name),
            }

    def _checked(self, name: str) -> str:
        """Return when an earlier run asked this host: ``./lab collect`` fetches that again."""
        try:
            earlier = json.loads((self._reports / name / "status.json").read_bytes())
            return _text(earlier.get("checked"))
        except (OSError, ValueError, AttributeError, TypeError):
            return ""

    def _typed(self, inventory: str) -> str:
        """Return an inventory as a person types it beside ./lab; Ansible made its path absolute."""
        return inventory.removeprefix(f"{self._lab}{os.sep}")

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Start to count the host's own time, without the time that it waits for others."""
        self._since[host.name, task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note the name and the checksum that tie the report to this machine and this run."""
        record = self._finish(result)
        if record is None:
            return
        data = result._result
        if isinstance(data.get("readiness"), list):
            record["readiness"] = data["readiness"]
        facts = data.get("ansible_facts") or {}
        machine = facts.get("lab_machine") if isinstance(facts, dict) else None
        if isinstance(machine, dict):
            record["hostname"] = _text(machine.get("hostname"))
        if result._task.get_name().rpartition(" : ")[2] == ASK:
            record["checked"] = _now()
        if result._task.action in FETCHES and "checksum" in data:
            record["report"] = _text(data.get("checksum"))

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Count the time: skipping takes some as well."""
        self._finish(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Record that the host drops out, and why."""
        record = self._finish(result)
        if not ignore_errors:
            self._drop(record, "failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Record that the host drops out, and why."""
        self._drop(self._finish(result), "unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Record the end: a remaining host is done, unless another host's failure ended its run."""
        if not (self._classroom and os.environ.get("SCRATCHLAB_SHOWS_TABLE")):
            for name, cause in self._causes.items():
                self._display.display(f"{name}: {cause}", color="red")
        if not self._classroom:
            return
        self._classroom["ended"] = _now()
        for name, record in self._hosts.items():
            if record["state"] == "failed" and not stats.failures.get(name):
                record["state"] = "running"  # it was rescued
            if record["state"] == "running":
                record["state"] = "done" if record["stage"] == self._stage else "left"
                record["ended"] = self._classroom["ended"]
        self._save()

    def _finish(self, result: Any) -> dict[str, Any] | None:
        """Add the task's time to the host's record, and return it; None if there is no record."""
        name = result._host.name
        began = self._since.pop((name, result._task._uuid), None)
        record = self._hosts.get(name)
        if record is not None and began is not None:
            record["seconds"] = round(record["seconds"] + time.monotonic() - began, 3)
        return record

    def _drop(self, record: dict[str, Any] | None, state: str, result: Any) -> None:
        reason = _reason(result._result)
        cause = explain(reason, result._host.name, *self._login(result._host))
        if cause:
            self._causes[result._host.name] = cause
        if record is None:
            return
        record["state"] = state
        record["task"] = result._task.get_name().rpartition(" : ")[2]
        record["reason"] = (cause or reason)[:LONGEST]
        record["ended"] = _now()
        self._save()

    def _login(self, host: Any) -> tuple[str, str, str]:
        """Return address, user and port of a host as the inventory has them."""
        if self._variables is None:
            return "", "", ""
        variables = self._variables.get_vars(host=host, include_hostvars=False)
        address, user, port = (_text(variables.get(key)) for key in ADDRESS[:3])
        return address, user or _text(context.CLIARGS.get("remote_user")), port

    def _save(self) -> None:
        assert self._reports is not None  # noqa: S101 - the callers checked
        try:
            _write(self._reports / "run.json", self._classroom)
            for name, record in self._hosts.items():
                if name == os.path.basename(name) and not name.startswith("."):
                    _write(self._reports / name / "status.json", record)
        except OSError as error:
            self._display.warning(f"the record of this run cannot be written: {error}")


def _reporting() -> bool:
    """Return whether this run fetches reports: not with --check, nor if other stages are chosen."""
    chosen = set(context.CLIARGS.get("tags") or ("all",))
    wanted = chosen & {"all", "report"} or any(re.fullmatch("E[0-9]{2}", tag) for tag in chosen)
    skipped = set(context.CLIARGS.get("skip_tags") or ()) & {"all", "report"}
    return bool(wanted and not skipped and not context.CLIARGS.get("check"))


def _reason(data: dict[str, Any]) -> str:
    """Return the message of a failed result, or its errors, or those of its items."""
    reasons = []
    for part in (data, *(item for item in data.get("results") or () if isinstance(item, dict))):
        if part is data or part.get("failed") or part.get("unreachable"):
            texts = [part.get("msg"), part.get("stderr") or part.get("module_stderr")]
            reasons += [str(text).strip() for text in texts if text]
    return "; ".join(dict.fromkeys(reasons)) or "it failed without a message"


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
