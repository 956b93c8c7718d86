#!/usr/bin/python
"""Ansible module: run the Docker engine, and record that the lab runs it."""

DOCUMENTATION = r"""
module: engine_service
short_description: Start or stop the Docker engine on behalf of the lab
description:
  - Uses the engine's unit under systemd, and C(/usr/local/lib/scratchlab/engine) elsewhere.
  - Writes the receipt C(engine.json) before the engine starts. V(stopped) stops an engine only if
    that receipt says that the lab runs it, or if O(data) gives up its data.
options:
  state:
    description:
      - The state that the engine must have. V(emptied) stops it, empties O(data) and starts it.
    type: str
    choices: [started, restarted, stopped, emptied]
    default: started
  data:
    description: Directories with the engine's data, to empty while it is stopped.
    type: list
    elements: path
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Run the engine
  scratchlab.lab.engine_service:
    state: started
"""

RETURN = r"""
words:
  description: What dockerd said last, if the engine does not start.
  type: str
  returned: failure
version:
  description: Version of the engine that answers, empty if none does.
  type: str
  returned: always
ansible_facts:
  description: RV(ansible_facts.lab_images) and RV(ansible_facts.lab_containers) are empty where the
    engine was started or stopped, because what was found before does not count any more.
  type: dict
  returned: success
"""

import os
import re
import subprocess
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import lab_network, lab_removal
from ansible_collections.scratchlab.lab.plugins.module_utils.known_facts import FORGOTTEN
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    SEARCH,
    engine_version,
    output,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.patience import (
    allowed,
    late,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    ReceiptError,
    read_json,
    remove_json,
    write_json,
)

RECEIPT = STATE / "receipts" / "engine.json"
BEFORE = STATE / "receipts" / "before.json"
SCRIPT = "/usr/local/lib/scratchlab/engine"
LOG = Path("/var/log/scratchlab/dockerd.log")
UNITS = ("docker.socket", "docker.service", "containerd.service")
ANSWER_SECONDS = 60


def last_words(log):
    """Return what dockerd said last in ``log``, without what it says in passing; empty if nothing.

    Before its logger is set up it writes plain lines (cmd/dockerd/docker.go of moby).
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    serious = [line for line in lines if not re.search(r"\blevel=(debug|info|warning)\b", line)]
    return (serious or lines or [""])[-1]


def dockerd_log(systemd, since):
    """Return dockerd's own lines since the time ``since``, in seconds since 1970."""
    if not systemd:
        try:
            return LOG.read_text(errors="replace")  # the supervisor begins a new one at each start
        except OSError:
            return ""
    output("journalctl", "--sync")
    return output(
        *("journalctl", "--identifier", "dockerd", "--since", f"@{since:.6f}"),
        *("--output", "cat", "--no-pager", "--quiet"),
    )


def run(*command):
    """Run ``command``; return why it failed, or an empty string."""
    environment = {**os.environ, "PATH": SEARCH, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return (done.stderr or done.stdout).strip() if done.returncode else ""


def call(module, *command):
    """Run ``command``; on failure end the module with its error."""
    reason = run(*command)
    if reason:
        module.fail_json(msg=f"'{' '.join(command)}' failed: {reason}")


def start(module, systemd, restart):
    """Start (or restart) the engine and wait until it answers."""
    if engine_version() and not restart:
        return False
    if module.check_mode:
        return True
    write_json(RECEIPT, {"supervisor": "systemd" if systemd else "scratchlab"})
    since = time.time()
    seconds = f"{allowed(ANSWER_SECONDS):.0f}"
    if systemd:
        # A unit that failed too often refuses to start until its failures are reset.
        output("systemctl", "reset-failed", "docker.service")
        reason = run("systemctl", "restart" if restart else "start", "docker.service")
    else:
        if restart:
            call(module, SCRIPT, "stop", seconds)
        reason = run(SCRIPT, "start", seconds)
    deadline = time.monotonic() + allowed(ANSWER_SECONDS)
    while not reason and not engine_version():
        if time.monotonic() > deadline:
            reason = f"it does not answer {late(ANSWER_SECONDS)}"
        time.sleep(0.1)
    if reason:
        words = last_words(dockerd_log(systemd, since))
        log = "journalctl -u docker" if systemd else str(LOG)
        module.fail_json(
            msg=f"the Docker engine does not start; {'dockerd says: ' + words if words else reason}"
            f" -- fix what it names ({log} shows all of it), then run the same command again",
            words=words,
        )
    return True


def stop(module, systemd):
    """Stop the engine if the lab runs it, and empty its data; restore the state of its units."""
    data = [path for path in module.params["data"] if os.path.isdir(path)]
    if not RECEIPT.exists() and not data:
        return False
    if module.check_mode:
        return True
    before = read_json(BEFORE, {})
    if systemd:
        for unit in UNITS:
            active = before.get("units", {}).get(unit, {}).get("active")
            if not active and output("systemctl", "is-active", unit):
                call(module, "systemctl", "stop", unit)
    elif os.path.exists(SCRIPT):
        call(module, SCRIPT, "stop", f"{allowed(ANSWER_SECONDS):.0f}")
    if not engine_version():
        lab_network.restore(before)
        for path in data:
            lab_removal.empty(path)
    elif data:
        module.fail_json(
            msg="the Docker engine still answers, although the lab's was stopped: someone started "
            "another one -- stop it (pidof dockerd names it), then run this again"
        )
    remove_json(RECEIPT)
    return True


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    states = ["started", "restarted", "stopped", "emptied"]
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": states, "default": "started"},
            "data": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    systemd = os.path.isdir("/run/systemd/system")
    state = module.params["state"]
    changed = False
    try:
        if state in ("stopped", "emptied"):
            changed = stop(module, systemd)
        if state != "stopped":
            changed = start(module, systemd, state == "restarted") or changed
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed,
        version=engine_version().get("Version", ""),
        ansible_facts=FORGOTTEN if changed else {},
    )


if __name__ == "__main__":
    main()
