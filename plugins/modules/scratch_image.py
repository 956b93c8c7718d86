#!/usr/bin/python
"""Ansible module: make small contexts and build images from them, only when these change."""

DOCUMENTATION = r"""
module: scratch_image
short_description: Build images from contexts whose bytes and times are the same everywhere
description:
  - Writes the files of each context, builds Go programs and unpacks a static busybox, each only
    where it is missing or differs. All of it is one task, because each task costs a connection to
    the machine.
  - Builds an image only when its context has changed, with BuildKit and SOURCE_DATE_EPOCH if the
    engine has both, and with the classic builder otherwise.
  - The receipt C(images.json) holds a digest of the context of each image, and the id of the image;
    also what the module was asked for and the state of the context after that. Where
    M(scratchlab.lab.lab_machine) found both as they were, the action plugin does not send the
    module.
  - Never replaces an image of the same name that the lab did not build.
options:
  images:
    description:
      - Images, each with its C(name), the directory C(context) and in it C(files), names with the
        files of the role that they come from (empty for an empty file); C(program), the name of a
        Go program to build from C(main.go) there; C(shell), a directory there to fill with busybox
        under the names of all its programs. The action plugin of the same name reads the files of
        the role.
    type: list
    elements: dict
    required: true
  label:
    description: Label of everything that belongs to the lab.
    type: str
    default: io.scratchlab.image
  epoch:
    description: Modification time of everything and SOURCE_DATE_EPOCH, in seconds since 1970.
    type: int
    default: 0
  repository:
    description:
      - Directory on the machine with a flat repository, to take busybox from instead of the
        machine's own sources.
    type: path
    default: ""
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
      - name: sleep
        context: /var/lib/scratchlab/build/sleep
        files: {Dockerfile: sleep/Dockerfile, main.go: sleep/main.go}
        program: sleep
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
ansible_facts:
  description: RV(ansible_facts.lab_images) has the C(id) of each image by name.
  type: dict
  returned: success
"""

import json
import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    busybox,
    context_files,
    engine_listing,
    engine_ownership,
    go_programs,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import PackageError
from ansible_collections.scratchlab.lab.plugins.module_utils.known_facts import FORGOTTEN
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    ask_engine,
    docker_environment,
    engine_version,
    go,
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


def contexts(module):
    """Make the contexts; return whether something was changed, and the diffs of files."""
    options, check = module.params, module.check_mode
    try:
        diffs = context_files.write(options["files"], options["epoch"], check)
        built = go_programs.build(options["programs"], options["epoch"], check)
        unpacked = options["shell"] and busybox.unpack(
            options["shell"], options["epoch"], options["repository"], check
        )
    except (go_programs.BuildError, PackageError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"the build contexts cannot be made: {error} -- fix what it names, then run the "
            "same command again"
        )
    return bool(diffs or built or unpacked), diffs


def present(module, images):
    """Build the images whose contexts changed."""
    receipt = read_json(RECEIPT, {})
    asked, compiler = module.params["asked"], go()["version"]
    label, changed, ids, chosen, diff = module.params["label"], False, {}, "", ["", ""]
    for name, directory in images.items():
        context = Path(directory)
        content = context_files.digest(context, module.params["epoch"])
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
                known = {"content": content, "id": current, "earlier": earlier(known)}
            diff[1] += f"{name} {'(built)' if module.check_mode else current}\n"
        ids[name] = current
        if known and not module.check_mode:
            state = context_files.state(context, compiler)
            known = {**known, "context": directory, "asked": asked, "state": state}
            if known != receipt.get(name):
                receipt[name] = known
                write_json(RECEIPT, receipt)
    header = {"before_header": "images", "after_header": "images"}
    return {
        "changed": changed,
        "images": ids,
        "builder": chosen,
        "diff": {"before": diff[0], "after": diff[1], **header},
        "ansible_facts": {"lab_images": {name: {"id": id_} for name, id_ in ids.items()}},
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
        "ansible_facts": FORGOTTEN,
    }


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    module = AnsibleModule(
        argument_spec={
            # Contexts by name, and what is in them by absolute path: see the action plugin.
            "images": {"type": "dict", "required": True},
            "files": {"type": "dict", "default": {}},
            "programs": {"type": "dict", "default": {}},
            "shell": {"type": "path", "default": ""},
            "repository": {"type": "path", "default": ""},
            # Not the label of containers: every container inherits this one from its image.
            "label": {"default": "io.scratchlab.image"},
            "epoch": {"type": "int", "default": 0},
            "asked": {"default": ""},
            "state": {"choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    starting = module.params["state"] == "present"
    made, diffs = contexts(module) if starting else (False, [])
    act = present if starting else absent
    try:
        result = act(module, module.params["images"])
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    except (OSError, engine_listing.Unanswered) as error:
        if module.check_mode or not starting:
            module.exit_json(
                changed=starting,
                images={},
                builder="",
                diff=diffs,
                msg=f"no engine answers ({error}); it would be started first",
                ansible_facts=FORGOTTEN,
            )
        module.fail_json(msg=f"no engine answers ({error}); run the role docker_host first")
    except json.JSONDecodeError as error:
        module.fail_json(
            msg=f"the engine's answer is not JSON ({error}); restart it, then run this again"
        )
    result["diff"] = [*diffs, result["diff"]]
    module.exit_json(**result | {"changed": made or result["changed"]})


if __name__ == "__main__":
    main()
