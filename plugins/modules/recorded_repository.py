#!/usr/bin/python
"""Ansible module: a signed repository of Debian packages, by the fingerprint of its key."""

DOCUMENTATION = r"""
module: recorded_repository
short_description: Add a signed repository of Debian packages by the fingerprint of its key
description:
  - Writes C(/etc/apt/keyrings/NAME.asc), C(/etc/apt/sources.list.d/NAME.sources) and, with
    O(version), C(/etc/apt/preferences.d/NAME.pref).
  - Fetches the key only if the file does not have it yet. Writes nothing if the fetched file holds
    any primary key but the one with O(fingerprint).
  - Leaves the machine as it is if its own sources have the repository already.
  - M(scratchlab.lab.lab_restore) removes the files; their names are in its O(files).
options:
  name:
    description: Name of the files.
    type: str
    required: true
  url:
    description: URL of the repository.
    type: str
    required: true
  suite:
    description: Suite of the repository, such as V(trixie).
    type: str
    required: true
  component:
    description: Component of the repository, such as V(stable).
    type: str
    required: true
  key:
    description: URL of the public key, armored or not.
    type: str
    required: true
  fingerprint:
    description: Fingerprint of the primary key, with or without blanks.
    type: str
    required: true
  packages:
    description: Packages that only O(version) may be installed of, now and by later upgrades.
    type: list
    elements: str
    default: []
  version:
    description: Version with its epoch, or its beginning, such as V(5:28.5). Empty for any.
    type: str
    default: ""
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Add Docker's repository
  scratchlab.lab.recorded_repository:
    name: scratchlab-docker
    url: https://download.docker.com/linux/debian
    suite: trixie
    component: stable
    key: https://download.docker.com/linux/debian/gpg
    fingerprint: 9DC8 5822 9FC7 DD38 854A  E2D8 8D81 803C 0EBF CD88
"""

RETURN = r"""
files:
  description: Files that were written, or would be in check mode.
  type: list
  elements: str
  returned: always
"""

import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    apt_fetch,
    apt_forecast,
    openpgp,
)

APT = Path("/etc/apt")
KEY_LIMIT = 1 << 20  # bytes


def fingerprint_of(params):
    """Return the wanted fingerprint without blanks, in upper case."""
    return "".join(params["fingerprint"].split()).upper()


def fetched_key(module):
    """Return the key that the URL has; end the module if it is not the one that is wanted."""
    url, wanted = module.params["key"], fingerprint_of(module.params)
    try:
        content = apt_fetch.read(url, KEY_LIMIT)
    except (OSError, ValueError) as error:
        module.fail_json(
            msg=f"no key from {url}: {getattr(error, 'reason', error)} -- check the network, the "
            "proxy and the URL; nothing was changed"
        )
    try:
        found = openpgp.fingerprints(content)
    except ValueError as error:
        module.fail_json(msg=f"{url} has no key: {error} -- correct the URL; nothing was changed")
    if set(found) != {wanted}:
        module.fail_json(
            msg=f"{url} has the key {', '.join(found) or 'none'}, and not {wanted}: somebody else "
            "may have put it there -- compare it with what the vendor publishes, and correct "
            "the fingerprint or the URL; nothing was changed"
        )
    return content


def key_content(module, path):
    """Return the key for the file: what it has, if that is the wanted key, else what is fetched."""
    try:
        content = path.read_bytes()
        if openpgp.fingerprints(content) == [fingerprint_of(module.params)]:
            return content
    except (OSError, ValueError):
        pass
    return fetched_key(module)


def source(params, key):
    """Return the content of the file of sources: sources.list(5), deb822."""
    return (
        "# Written by scratchlab, which removes it with the engine.\n"
        f"Types: deb\nURIs: {params['url']}\nSuites: {params['suite']}\n"
        f"Components: {params['component']}\nSigned-By: {key}\n"
    ).encode()


def preferences(params):
    """Return the content of the preferences: apt_preferences(5). The first that matches counts."""
    return "\n".join(
        f"Package: {name}\nPin: version {params['version'].rstrip('*')}*\nPin-Priority: 1001\n\n"
        f"Package: {name}\nPin: version *\nPin-Priority: -1\n"
        for name in params["packages"]
    ).encode()


def known_elsewhere(params):
    """Return whether other sources of this machine have the repository."""
    done = subprocess.run(
        ["apt-get", "--print-uris", "update"], capture_output=True, text=True, check=False
    )
    place = f"{params['url'].rstrip('/')}/dists/{params['suite']}/"
    return any(uri.startswith(place) for uri in apt_forecast.addresses(done.stdout))


def write(path, content):
    """Replace a file; a reader sees the old or the new one."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    temporary.chmod(0o644)  # apt reads it as the user _apt
    temporary.replace(path)


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("name", "url", "suite", "component", "fingerprint"), text),
            "key": {**text, "no_log": False},
            "packages": {"type": "list", "elements": "str", "default": []},
            "version": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    key = APT / "keyrings" / f"{params['name']}.asc"
    sources = APT / "sources.list.d" / f"{params['name']}.sources"
    pins = APT / "preferences.d" / f"{params['name']}.pref"
    wanted = {}
    if sources.exists() or not known_elsewhere(params):
        wanted = {key: key_content(module, key), sources: source(params, key)}
    wanted[pins] = preferences(params) if params["version"] else None
    current = {path: path.read_bytes() if path.exists() else None for path in wanted}
    changing = [path for path, content in wanted.items() if content != current[path]]
    if not module.check_mode:
        for path in changing:
            path.unlink() if wanted[path] is None else write(path, wanted[path])
    module.exit_json(
        changed=bool(changing),
        files=[str(path) for path in changing],
        diff=[
            {
                "before": (current[path] or b"").decode(errors="replace"),
                "after": (wanted[path] or b"").decode(errors="replace"),
                "before_header": str(path),
                "after_header": str(path),
            }
            for path in changing
        ],
    )


if __name__ == "__main__":
    main()
