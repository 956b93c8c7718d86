#!/usr/bin/python
"""Ansible module: a container that is the lab's, and never someone else's."""

DOCUMENTATION = r"""
module: lab_container
short_description: Run a container that carries the lab's label
description:
  - Runs O(name) from O(image) with C(docker run). A container of that name without the label is
    left alone.
options:
  name:
    description: Name of the container.
    type: str
    required: true
  image:
    description: Its image.
    type: str
    default: ""
  options:
    description: Further options of C(docker run).
    type: list
    elements: str
    default: []
  label:
    description: Label that marks what is the lab's.
    type: str
    default: io.scratchlab.lab
  state:
    description: V(started) runs it; V(absent) removes every container that carries the label, and
        every image without a name that does.
    type: str
    choices: [started, absent]
    default: started
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Run the container
  scratchlab.lab.lab_container:
    name: sleep
    image: sleep
"""

RETURN = r"""
id:
  description: Id of the container.
  type: str
  returned: when state is started
"""

import json
import subprocess
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    ask_engine,
    docker_environment,
)


def docker(module, *arguments):
    """Run the docker client; a failure ends the module with what it said."""
    done = subprocess.run(
        ["docker", *arguments],
        env=docker_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        module.fail_json(
            msg=f"docker {' '.join(arguments)}: {done.stderr.strip()[-600:]} "
            "-- mend what it names, then run ./lab again"
        )
    return done.stdout.strip()


def started(module):
    """Run the container unless it runs, from the image that the name means today."""
    name, image, label = (module.params[key] for key in ("name", "image", "label"))
    found = ask_engine(f"/containers/{name}/json")
    wish = ask_engine(f"/images/{image}/json").get("Id", "")
    if found and label not in (found["Config"].get("Labels") or {}):
        module.fail_json(
            msg=f"the name '{name}' is taken by a container that is not the lab's, and it stays "
            f"as it is: rename it (docker rename {name} my-{name}), or give the lab's another name "
            f"(./lab -e sleep_container_name=lab-{name})"
        )
    if (
        found
        and found["State"]["Running"]
        and not found["State"]["Paused"]
        and found["Image"] == wish
    ):
        return {"changed": False, "id": found["Id"]}
    if not wish and not module.check_mode:
        module.fail_json(msg=f"no image {image}; run ./lab --tags build,run")
    if module.check_mode:
        return {"changed": True, "id": ""}
    if found:
        docker(module, "rm", "--force", "--volumes", found["Id"])
    made = docker(
        module,
        "run",
        "--detach",
        "--name",
        name,
        "--label",
        label + "=1",
        *module.params["options"],
        image,
    )
    return {"changed": True, "id": made}


def absent(module):
    """Remove every container with the label, and the nameless images (of exercises) with it."""
    label = {"label": [module.params["label"]]}
    found = ask_engine(f"/containers/json?all=true&filters={quote(json.dumps(label))}") or []
    names = sorted(one["Names"][0].lstrip("/") if one["Names"] else one["Id"][:12] for one in found)
    if found and not module.check_mode:
        docker(module, "rm", "--force", "--volumes", *(one["Id"] for one in found))
    nameless = quote(json.dumps({**label, "dangling": ["true"]}))
    images = [one["Id"] for one in ask_engine(f"/images/json?filters={nameless}") or []]
    names += images
    if images and not module.check_mode:
        docker(module, "rmi", "--force", *images)
    return {
        "changed": bool(found or images),
        "diff": {"before": "".join(f"{name}\n" for name in names), "after": ""},
    }


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"required": True},
            "image": {"default": ""},
            "options": {"type": "list", "elements": "str", "default": []},
            "label": {"default": "io.scratchlab.lab"},
            "state": {"choices": ["started", "absent"], "default": "started"},
        },
        supports_check_mode=True,
    )
    starting = module.params["state"] == "started"
    try:
        result = started(module) if starting else absent(module)
    except OSError as error:
        if module.check_mode or not starting:
            module.exit_json(changed=starting, msg=f"no engine answers ({error})")
        module.fail_json(msg=f"no engine answers ({error}); run ./lab")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
