"""The real cloud-init reads what ./lab cloud-init printed; a seed becomes a lab and its report.

The machine is a system container, whose seed lies where the data source NoCloud looks for it; it is
rebooted, as a machine is switched on. The repository is a directory on it.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_init import DONE, HOME, SERVICE
from machines.docker_engine import docker, wait_until_started
from tests.machines.fresh import Fresh

ROOT = Path(__file__).parents[2]
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
SEED = "var/lib/cloud/seed/nocloud"
# What receives the report: it writes the body of one PUT into a file.
RECEIVER = """
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("/root/received.json", "wb").write(body)
        self.send_response(201)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8000), Receiver).serve_forever()
"""
WAIT = 1800  # seconds, on a busy machine

pytestmark = [pytest.mark.engine, pytest.mark.root]


def sh(name: str, script: str) -> str:
    """Run a shell script on the machine as root; its output."""
    return docker("exec", name, "sh", "-c", script)


def put(name: str, files: dict[str, bytes]) -> None:
    """Write files on the machine."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    docker("cp", "-", f"{name}:/", stdin=content.getvalue())


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A machine that was switched on with the seed."""
    machines = Fresh("cloud-init")
    machines.up({"cloud": "trixie"})
    try:
        made = machines.instance("cloud")
        apt = "DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Check-Valid-Until=false"
        sh(made, f"{apt} update && {apt} install --yes --no-install-recommends cloud-init git")
        bare = tmp_path_factory.mktemp("repository") / "lab.git"
        subprocess.run(["git", "clone", "-q", "--bare", str(ROOT), str(bare)], check=True)
        docker("cp", str(bare), f"{made}:/srv/lab.git")
        sh(made, "chown -R root: /srv/lab.git")
        program = [sys.executable, str(ROOT / "scripts" / "cloud_init.py")]
        options = ["--git=file:///srv/lab.git", "--report-to=http://127.0.0.1:8000/report.json"]
        # A proxy's authority, as a site may have one; here whatever this machine trusts.
        options.append(f"--ca-cert={AUTHORITIES}")
        done = subprocess.run([*program, *options], capture_output=True, check=True)
        put(
            made,
            {
                f"{SEED}/user-data": done.stdout,
                f"{SEED}/meta-data": b"instance-id: first\nlocal-hostname: cloud\n",
                "etc/cloud/cloud.cfg.d/90_seed.cfg": b"datasource_list: [NoCloud]\n",
                "root/receiver.py": RECEIVER.encode(),
                "etc/systemd/system/receiver.service": (
                    b"[Service]\nExecStart=python3 /root/receiver.py\n"
                    b"[Install]\nWantedBy=multi-user.target\n"
                ),
            },
        )
        sh(made, "systemctl -q enable receiver.service && cloud-init clean --logs")
        docker("restart", made)
        yield made
    finally:
        machines.down()


def test_switched_on_it_proves_itself(name: str) -> None:
    wait_until_started(name, 600)
    ends = time.monotonic() + WAIT
    while time.monotonic() < ends:
        if sh(name, f"test -e {DONE} && echo done || true"):
            break
        time.sleep(5)
    log = sh(name, f"journalctl --no-pager --output=cat -u {SERVICE} | tail -40")
    assert sh(name, f"test -e {DONE} && echo done || true") == "done", log
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert f"proved at commit {commit}" in log
    assert "checks passed" in log
    assert sh(name, f"git -C {HOME} rev-parse HEAD") == commit


def test_its_report_came_back(name: str) -> None:
    received = json.loads(sh(name, "cat /root/received.json"))
    here = json.loads(sh(name, f"cat {HOME}/reports/localhost/report.json"))
    assert received == here
    assert received["verdict"]["status"] == 0
    assert received["host"]["name"] == "cloud"


def test_the_next_boot_does_not_run_it_again(name: str) -> None:
    before = sh(name, f"stat --format=%Y {HOME}/reports/localhost/report.json {DONE}")
    docker("restart", name)
    wait_until_started(name, 600)
    assert sh(name, f"systemctl show --property=ConditionResult {SERVICE}") == "ConditionResult=no"
    after = sh(name, f"stat --format=%Y {HOME}/reports/localhost/report.json {DONE}")
    assert after == before
