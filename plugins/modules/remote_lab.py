#!/usr/bin/python
"""Ansible module: the lab's images and container on an engine that is reached by its API alone."""

DOCUMENTATION = r"""
module: remote_lab
short_description: Make images and a container by an engine's API alone
description:
  - Runs on the controller, and uses the libraries in scratchlab to reach the engine over a socket,
    TLS or ssh. Keeps no receipts here; labels on the objects say what they were made from.
  - Never replaces an object that has the name but not the lab's label.
options:
  scratchlab:
    description: Path of the program scratchlab.
    type: path
    required: true
  url:
    description: The address of the engine.
    type: str
    required: true
  images:
    description:
      - Image names and the directories of their contexts. An image is built if its context changed.
    type: dict
    default: {}
  epoch:
    description: Modification time of everything in the contexts, in seconds since 1970.
    type: int
    default: 0
  container:
    description: Name of the container to run.
    type: str
    default: ""
  image:
    description: Its image.
    type: str
    default: ""
  names:
    description: Names of the lab's images, for O(absent). Another name is the user's.
    type: list
    elements: str
    default: []
  absent:
    description: Kinds of objects of the lab to remove.
    type: list
    elements: str
    choices: [containers, images]
    default: []
  label:
    description: Label of the lab's containers.
    type: str
    default: io.scratchlab.lab
  image_label:
    description: Label of the lab's images. A container inherits the labels of its image.
    type: str
    default: io.scratchlab.image
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Run the container
  scratchlab.lab.remote_lab:
    scratchlab: build/scratchlab
    url: ssh://root@engine.example
    container: sleep
    image: sleep
"""

RETURN = r"""
architecture:
  description: The engine's processor, as Go names it.
  type: str
  returned: always
version:
  description: The engine's version.
  type: str
  returned: always
"""

import contextlib
import hashlib
import importlib
import io
import os
import sys
import tarfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import engine_ownership

CONTENT = "io.scratchlab.content"


def context(directory, epoch):
    """Return the build context as a tar file that depends on names, modes and contents only."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(directory.rglob("*")):
            member = tarfile.TarInfo(str(path.relative_to(directory)))
            member.mtime, member.mode = epoch, 0o755 if os.access(path, os.X_OK) else 0o644
            if path.is_dir():
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            else:
                member.size = path.stat().st_size
                tar.addfile(member, io.BytesIO(path.read_bytes()))
    return packed.getvalue()


class Lab:
    """The lab's objects on an engine. ``changes`` lists changes, in check mode those to make."""

    def __init__(self, module, api, not_found):
        self.module, self.api, self.not_found = module, api, not_found
        self.label, self.image_label = module.params["label"], module.params["image_label"]
        self.changes = []

    def inspected(self, inspect, name):
        """Return the engine's description of an object, or None if it has no such object."""
        try:
            return inspect(name)
        except self.not_found:
            return None

    def check_owner(self, what, name, described, label):
        """End the module if someone else's object has the name."""
        if described and label not in (described["Config"].get("Labels") or {}):
            self.module.fail_json(
                msg=f"there is {what} '{name}' on that engine that is not the lab's, and it stays: "
                "give it another name, or the lab's one (roles/remote_engine/README.md)"
            )

    def build(self, name, directory):
        """Build the image, unless it was made from this very context."""
        data = context(Path(directory), self.module.params["epoch"])
        digest = hashlib.sha256(data).hexdigest()
        described = self.inspected(self.api.inspect_image, name)
        self.check_owner("an image", name, described, self.image_label)
        if described and (described["Config"].get("Labels") or {}).get(CONTENT) == digest:
            return
        self.changes.append(f"image {name}")
        if self.module.check_mode:
            return
        log = self.api.build(
            fileobj=io.BytesIO(data),
            custom_context=True,
            tag=name,
            labels={self.image_label: "1", CONTENT: digest},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for line in log:
            if line.get("error"):
                self.module.fail_json(msg=f"the engine could not build {name}: {line['error']}")

    def run(self, name, image):
        """Run the container, unless it runs already, from the image that now has the name."""
        described = self.inspected(self.api.inspect_container, name)
        self.check_owner("a container", name, described, self.label)
        image_id = (self.inspected(self.api.inspect_image, image) or {}).get("Id")
        state = described["State"] if described else {}
        if state.get("Running") and not state.get("Paused") and described["Image"] == image_id:
            return
        self.changes.append(f"container {name}")
        if self.module.check_mode:
            return
        if described:
            self.api.remove_container(described["Id"], force=True, v=True)
        # The program ends after an hour; this way it still runs at the end of a class.
        policy = self.api.create_host_config(restart_policy={"Name": "unless-stopped"})
        created = self.api.create_container(
            image, name=name, labels={self.label: "1"}, host_config=policy
        )
        self.api.start(created["Id"])

    def listing(self):
        """Return what the engine lists of images and containers."""
        images = self.api.images(all=True)
        labelled = [one["Id"] for one in images if self.image_label in (one["Labels"] or {})]
        inspected = {one: self.inspected(self.api.inspect_image, one) or {} for one in labelled}
        return engine_ownership.Listing(
            images=images,
            containers=self.api.containers(all=True),
            layers={
                one: found.get("RootFS", {}).get("Layers", ()) for one, found in inspected.items()
            },
        )

    def remove(self, kinds):
        """Remove the lab's objects, and nothing that the user made of them."""
        if not kinds:
            return
        knows = engine_ownership.Known(frozenset(self.module.params["names"]))
        owned = engine_ownership.judge(self.listing(), knows)
        if "containers" in kinds:
            for container_id, name in owned.containers:
                self.changes.append(f"container {name}")
                if not self.module.check_mode:
                    self.api.remove_container(container_id, force=True, v=True)
        if "images" in kinds:
            for name in owned.images:
                self.changes.append(f"image {name}")
                if not self.module.check_mode:
                    with contextlib.suppress(self.not_found):  # gone with its child
                        self.api.remove_image(name)
            for one in owned.needed:
                self.module.warn(f"stays on that engine: {one}")


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "scratchlab": {"type": "path", "required": True},
            "url": {"required": True},
            "images": {"type": "dict", "default": {}},
            "epoch": {"type": "int", "default": 0},
            "container": {"default": ""},
            "image": {"default": ""},
            "names": {"type": "list", "elements": "str", "default": []},
            "absent": {
                "type": "list",
                "elements": "str",
                "choices": ["containers", "images"],
                "default": [],
            },
            "label": {"default": "io.scratchlab.lab"},
            "image_label": {"default": "io.scratchlab.image"},
        },
        supports_check_mode=True,
    )
    sys.path.insert(0, module.params["scratchlab"])
    # These modules exist in that file only.
    errors = importlib.import_module("docker.errors")
    connect = importlib.import_module("scratchlab.collect.engines").connect
    failed = (
        importlib.import_module("scratchlab.errors").LabError,
        errors.DockerException,
        OSError,
    )
    try:
        with connect(None, module.params["url"]) as engine:
            version = engine.version()
            lab = Lab(module, engine.client.api, errors.NotFound)
            for name, directory in module.params["images"].items():
                lab.build(name, directory)
            if module.params["container"]:
                lab.run(module.params["container"], module.params["image"])
            lab.remove(module.params["absent"])
    except failed as error:
        module.fail_json(msg=str(error))
    removed = bool(module.params["absent"])
    lines = "".join(f"{change}\n" for change in lab.changes)
    module.exit_json(
        changed=bool(lab.changes),
        architecture=version.get("Arch", ""),
        version=version.get("Version", ""),
        diff={"before": lines if removed else "", "after": "" if removed else lines},
    )


if __name__ == "__main__":
    main()
