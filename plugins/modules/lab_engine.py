#!/usr/bin/python
"""Ansible module: what becomes of the lab's engine when the lab is removed."""

DOCUMENTATION = r"""
module: lab_engine
short_description: Ask the lab's engine what it holds, and decide whether it stays
description:
  - Changes nothing on the engine. Run it before anything is removed.
  - An engine that the lab installed stays if it holds anything of the user's, such as a volume, a
    container, a tag, an image without the lab's label, or a namespace of containerd; if it cannot
    be asked; or if a package of the user's needs it. With it stay its data, its group, its
    configuration and its packages.
  - Records the decision in the receipt C(decision.json), so that an interrupted run still knows
    the engine as the lab's.
options:
  packages:
    description: Packages of the engine.
    type: list
    elements: str
    required: true
  images:
    description: Names of the lab's images.
    type: list
    elements: str
    default: []
  data:
    description: Directories in which the engine keeps its data.
    type: list
    elements: path
    default: [/var/lib/docker, /var/lib/containerd]
  destroy_data:
    description: Give up what the engine holds of the user's.
    type: bool
    default: false
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Decide what becomes of the engine
  scratchlab.lab.lab_engine:
    packages: [docker.io, iptables, docker-cli]
    images: [sleep]
"""

RETURN = r"""
ansible_facts:
  description:
    - RV(ansible_facts.lab_engine) has C(ours), whether the lab installed or started it; C(stays)
      and C(data_stays); C(why) it stays, a list; C(theirs), what it holds of the user's;
      C(needed), images of the lab that containers of the user run from; C(needed_by), packages of
      the user's that need it; C(start), the command that starts it if it cannot be asked; C(keep),
      packages that stay with it; C(data), directories to empty; C(chosen), directories with the
      engine's data that its configuration names, and C(found), those that held something before
      the lab, which both stay.
  type: dict
  returned: always
"""

import json
import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    engine_listing,
    engine_ownership,
    lab_removal,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import (
    PackageError,
    plain,
    states,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import Packages
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH, output
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    read_json,
    write_json,
)

RECEIPTS = STATE / "receipts"
SCRIPT = "/usr/local/lib/scratchlab/engine"
DECISION = RECEIPTS / "decision.json"


class Look:
    """What this machine and the receipts say of the engine."""

    def __init__(self, params):
        self.params = params
        self.before = read_json(RECEIPTS / "before.json", {})
        # An interrupted run may have removed the other evidence that the engine is the lab's.
        decision = read_json(DECISION, None) or {}
        self.started = bool(read_json(RECEIPTS / "engine.json", {})) or bool(decision.get("ours"))
        paths = self.before.get("paths", {})
        # Data that was there before the lab is not removed, so nothing in it is at risk.
        self.data = [path for path in params["data"] if paths.get(path) in ("absent", "empty")]
        self.found = [path for path in params["data"] if paths.get(path) == "present"]
        self.chosen = decision.get("chosen", [])
        self.packages = Packages()
        added = self.packages.added() if self.packages.receipts.is_dir() else {}
        present = states() if added else {}
        self.installed = {
            plain(name)
            for name in added
            if plain(name) in params["packages"] and present.get(name, "rc") != "rc"
        }
        self.dockerd = shutil.which("dockerd", path=SEARCH) or ""
        places = [self.dockerd, os.path.realpath(self.dockerd)] if self.dockerd else []
        owners = [output("dpkg-query", "--search", place).partition(":")[0] for place in places]
        self.owner = next(filter(None, owners), "")

    def ours(self):
        """Return whether the engine is the lab's: not if someone has replaced it since."""
        if self.dockerd and self.owner in self.installed:
            return True
        there_before = bool(self.before.get("engine", {}).get("dockerd"))
        return self.started and (there_before or not self.dockerd)

    def needed_by(self):
        """Return the packages of the user's that need the engine."""
        if self.owner not in self.installed:
            return []
        kept = self.packages.plan()[1]
        return next((by for name, by in kept.items() if plain(name) == self.owner), [])

    def start(self):
        """Return the command that starts the engine, if there still is one."""
        if not self.dockerd:
            return ""
        systemd = os.path.isdir("/run/systemd/system")
        return "systemctl restart docker" if systemd else f"{SCRIPT} start"

    def ask(self):
        """Return whose the engine's objects are, and why it cannot be asked."""
        knows = engine_ownership.known(
            read_json(RECEIPTS / "images.json", {}), self.params["images"]
        )
        try:
            listing = engine_listing.everything(self.containerd(), emptied=self.data)
        except engine_listing.Unanswered as error:
            self.look_elsewhere(configured_root())
            return None, self.silence(str(error))
        self.look_elsewhere(listing.info.get("DockerRootDir", ""))
        return engine_ownership.judge(listing, knows), ""

    def look_elsewhere(self, root):
        """Note that the engine keeps its data in ``root``, where that is no directory of ours."""
        root = os.path.realpath(root) if root else ""
        known = [os.path.realpath(path) for path in [*self.params["data"], *self.chosen]]
        if root and not any(os.path.commonpath([root, path]) == path for path in known):
            self.chosen = [*self.chosen, root]

    def containerd(self):
        """Return whether the lab would remove containerd's data."""
        return any(path.endswith("containerd") for path in self.data) or bool(self.installed)

    def silence(self, reason):
        """Return why the engine cannot be asked; nothing if it never had anything to tell."""
        if not any(map(lab_removal.content, [*self.data, *self.chosen])):
            return ""
        return f"it cannot be asked what it holds: {reason}"


def configured_root():
    """Return the data directory that daemon.json names (dockerd(8): data-root, graph before)."""
    try:
        with open("/etc/docker/daemon.json", encoding="utf-8") as file:
            options = json.load(file)
    except (OSError, ValueError):
        return ""
    root = options.get("data-root") or options.get("graph") if isinstance(options, dict) else ""
    return root if isinstance(root, str) and root.startswith("/") else ""


def look(params):
    """Return the fact."""
    found = Look(params)
    ours = found.ours()
    judged, silence = found.ask()
    needed_by = found.needed_by() if ours else []
    at_risk = bool(found.data or found.installed)
    theirs = list(judged.theirs) if judged and ours and at_risk else []
    fate = engine_ownership.decide(
        engine_ownership.Engine(
            ours=ours,
            silence=silence if at_risk else "",
            theirs=tuple(theirs),
            package=found.owner,
            needed_by=tuple(needed_by),
        ),
        params["destroy_data"],
    )
    return {
        "ours": ours,
        "stays": fate.engine,
        "data_stays": fate.data,
        "why": list(fate.why),
        "theirs": theirs,
        "needed": list(judged.needed) if judged else [],
        "needed_by": [name for name in needed_by if name != engine_ownership.HELD],
        "start": found.start() if silence and ours else "",
        "keep": sorted(found.installed) if fate.engine and ours else [],
        "data": found.data,
        "chosen": found.chosen if ours else [],
        "found": found.found if ours and (found.started or found.installed) else [],
    }


def described(fact):
    """Return the decision in words, for the diff."""
    if not fact["ours"]:
        return "the engine is not the lab's: it stays as it is\n"
    lines = [f"the engine {'stays' if fact['stays'] else 'goes'}"]
    lines += [f"its data {'stays' if fact['data_stays'] else 'goes'}"]
    lines += [f"because {why}" for why in fact["why"]]
    if not fact["data_stays"]:
        lines += [f"with it goes {name}" for name in fact["theirs"]]
    return "".join(f"{line}\n" for line in lines)


def main():
    """Run the module."""
    names = {"type": "list", "elements": "str"}
    module = AnsibleModule(
        argument_spec={
            "packages": {**names, "required": True},
            "images": {**names, "default": []},
            "data": {
                "type": "list",
                "elements": "path",
                "default": ["/var/lib/docker", "/var/lib/containerd"],
            },
            "destroy_data": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        fact = look(module.params)
    except PackageError as error:
        module.fail_json(msg=str(error))
    changed = RECEIPTS.is_dir() and fact["ours"] and read_json(DECISION, None) != fact
    if changed and not module.check_mode:
        write_json(DECISION, fact)
    module.exit_json(
        changed=changed,
        ansible_facts={"lab_engine": fact},
        diff={
            "before": "",
            "after": described(fact),
            "before_header": "the engine",
            "after_header": "the engine",
        },
    )


if __name__ == "__main__":
    main()
