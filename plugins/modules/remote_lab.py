#!/usr/bin/python
"""Ansible module: the lab's images and container on an engine that is known by its API only."""

DOCUMENTATION = r"""
module: remote_lab
short_description: Images and a container by an engine's API alone
description:
  - Runs on the controller and speaks to the engine by what scratchlab itself carries, over a
    socket, TLS or ssh. Nothing is written down here, the objects' labels tell what they were
    made from.
  - What carries a name in use and not the lab's label is never replaced.
options:
  scratchlab:
    description: scratchlab as one file.
    type: path
    required: true
  url:
    description: The engine.
    type: str
    required: true
  images:
    description: Image names and the folders of their contexts, to build where these changed.
    type: dict
    default: {}
  epoch:
    description: Modification time of everything in the contexts, in seconds since 1970.
    type: int
    default: 0
  container:
    description: Name of a container to run.
    type: str
    default: ""
  image:
    description: Its image.
    type: str
    default: ""
  absent:
    description: What of the lab's is to be removed.
    type: list
    elements: str
    choices: [containers, images]
    default: []
  label:
    description: Label that marks a container of the lab.
    type: str
    default: io.scratchlab.lab
  image_label:
    description: Label that marks an image of the lab. A container inherits the labels of its image.
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

import hashlib
import importlib
import io
import os
import sys
import tarfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

CONTENT = "io.scratchlab.content"


def context(folder, epoch):
    """The build context as a tar file that depends on names, modes and contents only."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            member = tarfile.TarInfo(str(path.relative_to(folder)))
            member.mtime, member.mode = epoch, 0o755 if os.access(path, os.X_OK) else 0o644
            if path.is_dir():
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            else:
                member.size = path.stat().st_size
                tar.addfile(member, io.BytesIO(path.read_bytes()))
    return made.getvalue()


class Lab:
    """The lab's objects on one engine. ``changes`` says in words what was, or would be, done."""

    def __init__(self, module, api, not_found):
        self.module, self.api, self.not_found = module, api, not_found
        self.label, self.image_label = module.params["label"], module.params["image_label"]
        self.changes = []

    def found(self, ask, name):
        """What the engine says of an object; None where it has none."""
        try:
            return ask(name)
        except self.not_found:
            return None

    def ours(self, what, name, described, label):
        """Stop where the name is taken by something that is not the lab's."""
        if described and label not in (described["Config"].get("Labels") or {}):
            self.module.fail_json(
                msg=f"there is {what} '{name}' on that engine that is not the lab's, and it stays: "
                "give it another name, or the lab's one (roles/remote_engine/README.md)"
            )

    def build(self, name, folder):
        """Build the image unless it was made from just this."""
        data = context(Path(folder), self.module.params["epoch"])
        wish = hashlib.sha256(data).hexdigest()
        described = self.found(self.api.inspect_image, name)
        self.ours("an image", name, described, self.image_label)
        if described and (described["Config"].get("Labels") or {}).get(CONTENT) == wish:
            return
        self.changes.append(f"image {name}")
        if self.module.check_mode:
            return
        said = self.api.build(
            fileobj=io.BytesIO(data),
            custom_context=True,
            tag=name,
            labels={self.image_label: "1", CONTENT: wish},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for line in said:
            if line.get("error"):
                self.module.fail_json(msg=f"the engine could not build {name}: {line['error']}")

    def run(self, name, image):
        """Run the container unless it runs, from the image that the name means today."""
        described = self.found(self.api.inspect_container, name)
        self.ours("a container", name, described, self.label)
        wish = (self.found(self.api.inspect_image, image) or {}).get("Id")
        state = described["State"] if described else {}
        if state.get("Running") and not state.get("Paused") and described["Image"] == wish:
            return
        self.changes.append(f"container {name}")
        if self.module.check_mode:
            return
        if described:
            self.api.remove_container(described["Id"], force=True, v=True)
        # The program ends after an hour; so that it is still there at the end of a class.
        policy = self.api.create_host_config(restart_policy={"Name": "unless-stopped"})
        made = self.api.create_container(
            image, name=name, labels={self.label: "1"}, host_config=policy
        )
        self.api.start(made["Id"])

    def remove(self, kinds):
        """Remove what carries the label."""
        if "containers" in kinds:
            for one in self.api.containers(all=True, filters={"label": self.label}):
                self.changes.append(
                    f"container {(one['Names'] or [one['Id'][:12]])[0].lstrip('/')}"
                )
                if not self.module.check_mode:
                    self.api.remove_container(one["Id"], force=True, v=True)
        if "images" in kinds:
            for one in self.api.images(filters={"label": self.image_label}):
                self.changes.append(f"image {(one['RepoTags'] or [one['Id']])[0]}")
                if not self.module.check_mode:
                    self.api.remove_image(one["Id"], force=True)


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
    # What is in that file, and only there.
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
            for name, folder in module.params["images"].items():
                lab.build(name, folder)
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
