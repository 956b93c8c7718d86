#!/usr/bin/python
"""Ansible module: add users to a group, and record which ones."""

DOCUMENTATION = r"""
module: recorded_members
short_description: Add users to a group, and remember which of them were not in it
description:
  - Adds users to a group. A receipt holds the users that this module added.
  - With O(state=absent), removes the users in the receipt from the group, and no other.
options:
  group:
    description: The group.
    type: str
    required: true
  users:
    description: Users to add.
    type: list
    elements: str
    default: []
  state:
    description: V(present) adds O(users), V(absent) removes the users that the lab added.
    type: str
    choices: [present, absent]
    default: present
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Add students to the engine's group
  scratchlab.lab.recorded_members:
    group: docker
    users: [student]
"""

RETURN = r""" # """

import grp
import pwd

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    ReceiptError,
    read_json,
    remove_json,
    write_json,
)


def exists(user):
    """Return whether the machine knows the user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "group": {"required": True},
            "users": {"type": "list", "elements": "str", "default": []},
            "state": {"choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    group, users = module.params["group"], module.params["users"]
    receipt = STATE / "receipts" / f"members-{group}.json"
    try:
        members = set(grp.getgrnam(group).gr_mem)
    except KeyError:
        members = set()
    try:
        recorded = set(read_json(receipt, []))
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    adding = module.params["state"] == "present"
    moving = sorted(set(users) - members if adding else recorded & members)
    unknown = [user for user in moving if adding and not exists(user)]
    if unknown:
        module.fail_json(
            msg=f"no such user: {', '.join(unknown)}; create them first "
            "(adduser NAME) or correct docker_host_users"
        )
    if not module.check_mode:
        if adding and moving:
            write_json(receipt, sorted(recorded | set(moving)))
        for user in moving:
            module.run_command(
                ["gpasswd", "--add" if adding else "--delete", user, group], check_rc=True
            )
        if not adding:
            remove_json(receipt)
    after = sorted(members | set(moving) if adding else members - set(moving))
    module.exit_json(
        changed=bool(moving),
        diff={
            "before": "".join(f"{name}\n" for name in sorted(members)),
            "after": "".join(f"{name}\n" for name in after),
            "before_header": f"group {group}",
            "after_header": f"group {group}",
        },
    )


if __name__ == "__main__":
    main()
