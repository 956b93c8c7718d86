#!/usr/bin/python
"""Ansible module: the lab's container, and nobody else's."""

DOCUMENTATION = r"""
module: lab_container
short_description: Run a container with the lab's label
description:
  - Runs O(name) from O(image) with C(docker run). A container of that name without the label stays
    as it is.
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
    description: More options of C(docker run).
    type: list
    elements: str
    default: []
  label:
    description: Label of everything that belongs to the lab.
    type: str
    default: io.scratchlab.lab
  state:
    description:
      - V(started) runs the container. V(absent) removes every container, network and volume with
        the label, and every image with the label and without a name.
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
ansible_facts:
  description: RV(ansible_facts.lab_images) and RV(ansible_facts.lab_containers) are empty where
    something was changed, because what was found before does not count any more.
  type: dict
  returned: success
id:
  description: Id of the container.
  type: str
  returned: when state is started
"""

import json
import subprocess
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    engine_listing,
    engine_ownership,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.known_facts import FORGOTTEN
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    ask_engine,
    docker_environment,
)


def docker(module, *arguments):
    """Run the docker client and return its output; on failure end the module with its error."""
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
            "-- fix what it names, then run the same command again"
        )
    return done.stdout.strip()


def started(module):
    """Run the container, unless it runs already, from the image that now has the name."""
    name, image, label = (module.params[key] for key in ("name", "image", "label"))
    existing = ask_engine(f"/containers/{name}/json")
    image_id = ask_engine(f"/images/{image}/json").get("Id", "")
    if existing and label not in (existing["Config"].get("Labels") or {}):
        module.fail_json(
            msg=f"the name '{name}' is taken by a container that is not the lab's, and it stays "
            f"as it is: rename it (docker rename {name} my-{name}), or give the lab's another name "
            f"(-e sleep_container_name=lab-{name})"
        )
    if (
        existing
        and existing["State"]["Running"]
        and not existing["State"]["Paused"]
        and existing["Image"] == image_id
    ):
        return {"changed": False, "id": existing["Id"]}
    if not image_id and not module.check_mode:
        module.fail_json(msg=f"no image {image}; run the role scratch_images first")
    if module.check_mode:
        return {"changed": True, "id": ""}
    if existing:
        docker(module, "rm", "--force", "--volumes", existing["Id"])
    container_id = docker(
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
    return {"changed": True, "id": container_id}


def absent(module):
    """Remove every container with the label, and every image with it but without a name (made by
    exercises). A label that an image of the user's handed on does not count.
    """
    owned = engine_ownership.judge(engine_listing.objects(), engine_ownership.Known())
    names = [name for _, name in owned.containers]
    if names and not module.check_mode:
        ids = (container_id for container_id, _ in owned.containers)
        docker(module, "rm", "--force", "--volumes", *ids)
    networks = [network_id for network_id, _ in owned.networks]
    volumes = [name for name in owned.volumes if not engine_ownership.ANONYMOUS.fullmatch(name)]
    for kind, found in (("network", networks), ("volume", volumes)):
        names += found
        if found and not module.check_mode:
            docker(module, kind, "rm", *found)
    nameless = quote(json.dumps({"label": [module.params["label"]], "dangling": ["true"]}))
    images = [image["Id"] for image in ask_engine(f"/images/json?filters={nameless}") or []]
    images = [image_id for image_id in images if image_id in owned.images]
    names += images
    if images and not module.check_mode:
        docker(module, "rmi", *images)
    return {
        "changed": bool(names),
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
    except (OSError, engine_listing.Unanswered) as error:
        if module.check_mode or not starting:
            module.exit_json(
                changed=starting, msg=f"no engine answers ({error})", ansible_facts=FORGOTTEN
            )
        module.fail_json(msg=f"no engine answers ({error}); run the role docker_host first")
    module.exit_json(**result, ansible_facts=FORGOTTEN if result["changed"] else {})


if __name__ == "__main__":
    main()
