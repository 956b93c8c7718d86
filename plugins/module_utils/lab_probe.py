"""Facts of a machine: engine, Go, init system, route.

Changes nothing, and needs only the standard library.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import http.client
import json
import os
import platform
import re
import shutil
import socket
import subprocess

from ansible_collections.scratchlab.lab.plugins.module_utils.apt_causes import unfinished
from ansible_collections.scratchlab.lab.plugins.module_utils.patience import allowed

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SOCKET = "/var/run/docker.sock"
ENGINES = ("docker.io", "docker-ce", "moby-engine")
LIST = ("dpkg-query", "--listfiles")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=allowed(10))
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask_engine(resource, path=SOCKET):
    """Return the engine's answer to ``GET resource``, or {} if it has no such object.

    ``path`` is the engine's socket. Raises OSError if no engine answers.
    """
    connection = _UnixConnection(path)
    try:
        connection.request("GET", resource)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"no engine at {path}: {error!r}") from error
    finally:
        connection.close()
    return json.loads(body) if answer.status == 200 else {}


def engine_version():
    """Return the engine's ``GET /version``, or {} if no engine answers."""
    try:
        return ask_engine("/version")
    except (OSError, ValueError):
        return {}


def docker_environment():
    """Return docker's environment: the local engine, no files outside the lab's directory."""
    others = ("DOCKER_", "BUILDX_", "BUILDKIT_")
    keep = {key: value for key, value in os.environ.items() if not key.startswith(others)}
    return {
        **keep,
        "PATH": SEARCH,
        "LC_ALL": "C.UTF-8",
        "DOCKER_HOST": f"unix://{SOCKET}",
        "DOCKER_CONFIG": "/var/lib/scratchlab/docker",
        "DOCKER_CLI_HINTS": "false",
    }


def output(*command, env=None):
    """Return the standard output of ``command``, empty if it cannot run or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=allowed(30), check=False, env=env
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def dockerd():
    """Return the path of dockerd, or an empty string."""
    return shutil.which("dockerd", path=SEARCH) or ""


def engine_package(program):
    """Return name and version of the package that ``program`` belongs to, or empty strings."""
    places = dict.fromkeys((program, os.path.realpath(program))) if program else ()
    for place in places:
        # Asking all packages takes a tenth of a second, and asking these a hundredth.
        listed = (name for name in ENGINES if place in output(*LIST, name).splitlines())
        name = next(listed, "") or output("dpkg-query", "--search", place).partition(":")[0]
        if name:
            return {
                "package": name,
                "package_version": output("dpkg-query", "-W", "-f", "${Version}", name),
            }
    return {"package": "", "package_version": ""}


def unfinished_packages():
    """Return the packages that dpkg left unfinished, with their state: ``{"docker.io": "iU"}``."""
    listing = output("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\n")
    pairs = (line.split("\t") for line in listing.splitlines())
    return {name: state.strip() for state, name in pairs if unfinished(state.strip())}


def go_at(path):
    """Return ``{"path", "version"}`` of the go program at ``path``, or empty strings."""
    # No home, because Go 1.23 and later keep counters in ~/.config/go (go.dev/doc/telemetry).
    quiet = {"PATH": SEARCH, "GOTOOLCHAIN": "local", "GOENV": "off"}
    match = re.search(r"\bgo(\d+(?:\.\d+)*)", output(path, "version", env=quiet))
    return {"version": match.group(1), "path": path} if match else {"version": "", "path": ""}


def go():
    """Return the Go that the lab recorded, or the newest of the machine, or empty strings."""
    with contextlib.suppress(OSError, ValueError), open("/etc/ansible/facts.d/golang.fact") as fact:
        recorded = go_at(json.load(fact).get("path", ""))
        if recorded["path"]:
            return recorded
    paths = [shutil.which("go", path=SEARCH), "/usr/local/go/bin/go"]
    paths += glob.glob("/usr/lib/go-*/bin/go")
    real = {os.path.realpath(path) for path in paths if path and os.path.exists(path)}
    programs = [go_at(path) for path in sorted(real)]
    return max(programs, default=go_at(""), key=lambda program: _numbers(program["version"]))


def _numbers(version):
    return tuple(int(part) for part in version.split(".") if part)


def default_route_mtu():
    """Return the MTU of the interface with the default route, or 0 if there is no such route."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/net/route") as routes:
        name = next(line.split()[0] for line in routes if line.split()[1:2] == ["00000000"])
        return _mtu(name)
    with contextlib.suppress(OSError, StopIteration), open("/proc/net/ipv6_route") as routes:
        fields = (line.split() for line in routes)
        name = next(f[9] for f in fields if f[0] == "0" * 32 and f[1] == "00" and f[9] != "lo")
        return _mtu(name)
    return 0


def _mtu(interface):
    with open(f"/sys/class/net/{interface}/mtu") as value:
        return int(value.read())


def distribution():
    """Return fields of os-release(5), empty strings if they are missing."""
    fields = {}
    with contextlib.suppress(OSError), open("/etc/os-release") as lines:
        for line in lines:
            name, _, value = line.strip().partition("=")
            fields[name] = value.strip("\"'")
    return {
        key: fields.get(name, "")
        for key, name in (
            ("id", "ID"),
            ("version", "VERSION_ID"),
            ("codename", "VERSION_CODENAME"),
            ("name", "PRETTY_NAME"),
        )
    }


def group_exists(name):
    """Return whether the machine knows the group."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _read(path):
    try:
        with open(path) as value:
            return value.read().strip()
    except OSError:
        return ""


def machine():
    """Return all facts as one dictionary."""
    engine = engine_version()
    return {
        "system": platform.system(),
        "hostname": platform.node(),
        "architecture": platform.machine(),
        "distribution": distribution(),
        "root": os.geteuid() == 0,
        "apt": bool(shutil.which("apt-get", path=SEARCH)),
        "systemd": os.path.isdir("/run/systemd/system"),
        "cgroup": os.path.ismount("/sys/fs/cgroup"),
        # With AppArmor in the kernel, dockerd cannot start a container without its parser.
        "apparmor_parser_missing": _read("/sys/module/apparmor/parameters/enabled") == "Y"
        and not shutil.which("apparmor_parser", path=SEARCH),
        "engine": {
            "running": bool(engine),
            "version": engine.get("Version", ""),
            "dockerd": dockerd(),
            "enabled": output("systemctl", "is-enabled", "docker.service").strip() == "enabled",
            "proxy": os.path.exists("/usr/local/lib/scratchlab/engine.env"),
            **engine_package(dockerd()),
        },
        "unfinished": unfinished_packages(),
        "go": go(),
        "python": output(
            "/usr/bin/python3", "-c", "import platform; print(platform.python_version())"
        ).strip(),
        "mtu": default_route_mtu(),
    }
