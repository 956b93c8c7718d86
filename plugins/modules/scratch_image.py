#!/usr/bin/python
"""Ansible module: build images from small contexts, only when these change."""

DOCUMENTATION = r"""
module: scratch_image
short_description: Build images with docker build, only when their contexts change
description:
  - Builds with BuildKit and SOURCE_DATE_EPOCH if the engine has both, and with the classic builder
    otherwise.
  - The receipt C(images.json) holds a digest of the context of each image, and the id of the image.
  - Never replaces an image of the same name that the lab did not build.
options:
  images:
    description: Images, each with its C(name) and the directory C(context).
    type: list
    elements: dict
    required: true
  label:
    description: Label of everything that belongs to the lab.
    type: str
    default: io.scratchlab.image
  epoch:
    description: SOURCE_DATE_EPOCH, in seconds since 1970.
    type: int
    default: 0
  state:
    description: V(present) builds the images, V(absent) removes the lab's images.
    type: str
    choices: [present, absent]
    default: present
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Build the images
  scratchlab.lab.scratch_image:
    images:
      - {name: sleep, context: /var/lib/scratchlab/build/sleep}
    epoch: 1511222400
"""

RETURN = r"""
images:
  description: Image ids by name.
  type: dict
  returned: always
builder:
  description: V(buildkit) or V(classic); empty if nothing was built.
  type: str
  returned: always
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    engine_listing,
    engine_ownership,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    ask_engine,
    docker_environment,
    engine_version,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    ReceiptError,
    read_json,
    remove_json,
    write_json,
)

RECEIPT = STATE / "receipts" / "images.json"
KEPT = 50  # ids of earlier builds
FIRST_ENGINE_WITH_EPOCH = 23  # BuildKit 0.11: SOURCE_DATE_EPOCH (moby v23.0)


def digest(context, epoch):
    """Return the SHA-256 of names, types, modes and contents of a context, and of the epoch."""
    total = hashlib.sha256(str(epoch).encode())
    for path in sorted(context.rglob("*")):
        status = path.lstat()
        total.update(f"\n{path.relative_to(context)}\0{status.st_mode:o}\0".encode())
        if path.is_symlink():
            total.update(os.readlink(path).encode())
        elif path.is_file():
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def image(name):
    """Return ``(id, labels)`` of the image, or ``("", {})`` if the engine does not have it."""
    described = ask_engine(f"/images/{name}/json")
    return described.get("Id", ""), (described.get("Config") or {}).get("Labels") or {}


def builder(environment):
    """Return ``buildkit`` if the image's id can be pinned, otherwise ``classic``."""
    major = int(engine_version().get("Version", "0").split(".")[0] or 0)
    buildx = (
        subprocess.run(
            ["docker", "buildx", "version"], env=environment, capture_output=True, check=False
        ).returncode
        == 0
    )
    return "buildkit" if buildx and major >= FIRST_ENGINE_WITH_EPOCH else "classic"


def build(module, name, context):
    """Build one image; return the builder that made it."""
    environment = docker_environment()
    chosen = builder(environment)
    extra = {
        "DOCKER_BUILDKIT": "1" if chosen == "buildkit" else "0",
        "SOURCE_DATE_EPOCH": str(module.params["epoch"]),
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }
    done = subprocess.run(
        [
            "docker",
            "build",
            "--quiet",
            # BuildKit has no intermediate containers that a failing build could leave.
            *(["--force-rm"] if chosen == "classic" else []),
            "--label",
            module.params["label"] + "=1",
            "--tag",
            name,
            ".",
        ],
        cwd=context,
        env={**environment, **extra},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        module.fail_json(
            msg=f"docker build of {name} in {context} failed: "
            f"{done.stderr.strip()[-600:]} -- fix what it names, then run the same command again"
        )
    return chosen


def present(module, images):
    """Build the images whose contexts changed."""
    receipt = read_json(RECEIPT, {})
    label, changed, ids, chosen, diff = module.params["label"], False, {}, "", ["", ""]
    for name, directory in images.items():
        context = Path(directory)
        content = digest(context, module.params["epoch"])
        current, labels = image(name)
        mine = label in labels or name in receipt
        if current and not mine:
            module.fail_json(
                msg=f"there is an image '{name}' that is not the lab's, and it stays: "
                f"give it another name (docker tag {name} my-{name}; docker rmi {name}) "
                f"or the lab's one (see roles/scratch_images/README.md)"
            )
        known = receipt.get(name, {})
        if not current or (known.get("content"), known.get("id")) != (content, current):
            changed = True
            diff[0] += f"{name} {current}\n"
            if not module.check_mode:
                chosen = build(module, name, context)
                current = image(name)[0]
                receipt[name] = {"content": content, "id": current, "earlier": earlier(known)}
                write_json(RECEIPT, receipt)
            diff[1] += f"{name} {'(built)' if module.check_mode else current}\n"
        ids[name] = current
    header = {"before_header": "images", "after_header": "images"}
    return {
        "changed": changed,
        "images": ids,
        "builder": chosen,
        "diff": {"before": diff[0], "after": diff[1], **header},
    }


def earlier(known):
    """Return the ids of earlier builds of an image, which may still be there without a name."""
    ids = [*known.get("earlier", []), *([known["id"]] if known else [])]
    return ids[-KEPT:]


def absent(module, images):
    """Remove the lab's images. Their containers must be gone; what the user's need stays."""
    receipt = read_json(RECEIPT, {})
    knows = engine_ownership.known(receipt, images)
    owned = engine_ownership.judge(engine_listing.objects(), knows)
    for name in owned.images if not module.check_mode else ():
        done = subprocess.run(
            ["docker", "rmi", name],
            env=docker_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        # Removing an image removes its untagged parents too.
        if done.returncode and "No such image" not in done.stderr:
            module.fail_json(
                msg=f"docker rmi {name}: {done.stderr.strip()} -- remove the "
                "containers that it names, then run this again"
            )
    if not module.check_mode:
        left = {name: entry for name, entry in receipt.items() if name not in owned.images}
        left = {name: entry for name, entry in left.items() if image(name)[0] == entry["id"]}
        if left != receipt:
            write_json(RECEIPT, left)
        if not left:
            remove_json(RECEIPT)
    return {
        "changed": bool(owned.images),
        "images": {},
        "builder": "",
        "diff": {"before": "".join(f"{name}\n" for name in owned.images), "after": ""},
    }


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "dict", "required": True},
            # Not the label of containers: every container inherits this one from its image.
            "label": {"default": "io.scratchlab.image"},
            "epoch": {"type": "int", "default": 0},
            "state": {"choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    act = present if module.params["state"] == "present" else absent
    try:
        result = act(module, {one["name"]: one["context"] for one in module.params["images"]})
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    except (OSError, engine_listing.Unanswered) as error:
        if module.check_mode or module.params["state"] == "absent":
            module.exit_json(
                changed=module.params["state"] == "present",
                images={},
                builder="",
                msg=f"no engine answers ({error}); it would be started first",
            )
        module.fail_json(msg=f"no engine answers ({error}); run the role docker_host first")
    except json.JSONDecodeError as error:
        module.fail_json(
            msg=f"the engine's answer is not JSON ({error}); restart it, then run this again"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
