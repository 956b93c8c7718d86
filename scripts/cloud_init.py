"""``./lab cloud-init``: user-data with which a fresh VM anywhere installs, runs and proves itself.

Prints a document for cloud-init. It writes a script and a systemd service that runs it: at the
first boot, again after a failure (five times at most), and never again once it has succeeded.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machines.arguments import Parser

ROOT = Path(__file__).resolve().parents[1]
HOME = "/opt/scratchlab"
PROGRAM = "/usr/local/sbin/scratchlab-first-run"
SERVICE = "scratchlab-first-run.service"
DONE = "/var/lib/scratchlab-first-run"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
URL = re.compile(r"(https?|ssh|git|file)://[^\s]+|[\w.-]+@[\w.-]+:[^\s]+")

UNIT = f"""\
[Unit]
Description=scratchlab installs, runs and proves itself
Wants=network-online.target
After=network-online.target
ConditionPathExists=!{DONE}
StartLimitIntervalSec=1d
StartLimitBurst=5

[Service]
Type=oneshot
ExecStart={PROGRAM}
Restart=on-failure
RestartSec=30
TimeoutStartSec=2h
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""
SCRIPT = """\
#!/bin/sh
# Written by ./lab cloud-init. What it prints is on the console and in: journalctl -u {service}
set -eu
umask 022
export HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive{environment}
if ! command -v git >/dev/null || ! command -v curl >/dev/null; then
    apt-get -q update
    apt-get -q --yes install --no-install-recommends git curl ca-certificates
fi
if [ ! -d {home}/.git ]; then
    rm -rf {home}.new
    git clone --quiet {url} {home}.new
    mv {home}.new {home}
fi
cd {home}
git cat-file -e {commit} 2>/dev/null || git fetch --quiet origin
if ! git cat-file -e {commit} 2>/dev/null; then
    echo "scratchlab: commit {commit} is not in" {url} "-- push it there"
    exit 1
fi
git checkout --quiet --detach {commit}
status=0
./lab{options} </dev/null || status=$?
report={home}/reports/localhost/report.json
{upload}if [ "$status" -ne 0 ]; then
    echo "scratchlab: ./lab ended with status $status; tried again in 30 s, five times in all"
    exit "$status"
fi
date --utc >{done}
echo "scratchlab: proved at commit {commit}; the report is $report"
"""
UPLOAD = """\
if [ -e "$report" ]; then
    curl --silent --show-error --fail --retry 5 --retry-all-errors --upload-file "$report" {address}
fi
"""


class UsageError(Exception):
    """What a person asked for cannot be done; the message says why, and what can."""


def script(
    url: str, commit: str, options: Sequence[str] = (), report_to: str = "", own_ca: bool = False
) -> str:
    """The shell script of the first boot.

    ``options`` are those of ./lab. ``report_to`` is an http(s) address that gets the report by PUT.
    """
    return SCRIPT.format(
        service=SERVICE,
        environment=f" PIP_CERT={CERTIFICATES}" if own_ca else "",
        home=HOME,
        url=shlex.quote(url),
        commit=commit,
        options="".join(f" {shlex.quote(option)}" for option in options),
        upload=UPLOAD.format(address=shlex.quote(report_to)) if report_to else "",
        done=DONE,
    )


def user_data(first_run: str, certificate: str = "") -> str:
    """The document for cloud-init; ``certificate`` is one more authority to trust (PEM)."""
    files = [
        {"path": PROGRAM, "permissions": "0755", "content": first_run},
        {"path": f"/etc/systemd/system/{SERVICE}", "permissions": "0644", "content": UNIT},
    ]
    lines = ["#cloud-config", "# Written by ./lab cloud-init."]
    if certificate:
        # JSON is YAML.
        lines.append(f"ca_certs: {json.dumps({'trusted': [certificate]})}")
    lines.append("write_files:")
    for file in files:
        lines += [f"  - path: {file['path']}", f'    permissions: "{file["permissions"]}"']
        lines.append("    content: |")
        lines += [f"      {line}".rstrip() for line in file["content"].splitlines()]
    lines.append("runcmd:")
    lines.append("  - [systemctl, daemon-reload]")
    lines.append(f"  - [systemctl, enable, --now, --no-block, {SERVICE}]")
    return "\n".join(lines) + "\n"


def git(*arguments: str) -> str:
    """Standard output of git in this checkout; empty when it fails or is missing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def chosen(options: argparse.Namespace) -> tuple[str, str]:
    """Address and commit. Raises UsageError."""
    url = options.git or git("remote", "get-url", "origin")
    if not URL.fullmatch(url):
        what = f"{url!r} is no address of a repository" if url else "this checkout has no origin"
        raise UsageError(f"{what}; name one that the VM can reach: --git https://HOST/lab.git")
    if options.report_to and not re.fullmatch(r"https?://[^\s]+", options.report_to):
        raise UsageError(f"{options.report_to!r} is no http(s) address: --report-to URL")
    commit = options.commit or git("rev-parse", "HEAD")
    if not COMMIT.fullmatch(commit):
        what = f"{commit!r} is no commit" if commit else "this directory is no git checkout"
        raise UsageError(f"{what}; name all 40 digits of one: --commit COMMIT")
    return url, commit


def authority(file: Path) -> str:
    """The certificate in ``file``. Raises UsageError, and OSError."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise UsageError(f"{file} holds no certificate in PEM")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: print the user-data."""
    parser = Parser(
        prog="./lab cloud-init",
        description="Print user-data with which a fresh VM installs, runs and proves itself.",
        epilog="Options after -- go to ./lab on the VM, as in: ./lab cloud-init -- -e x=1",
    )
    parser.add_argument("--git", metavar="URL", help="the repository (default: this one's origin)")
    parser.add_argument("--commit", help="the commit to run (default: that of this checkout)")
    parser.add_argument("--report-to", default="", metavar="URL",
        help="an http(s) address that gets report.json by PUT, whatever the verdict")  # fmt: skip
    parser.add_argument("--ca-cert", type=Path, metavar="FILE",
        help="one more certificate authority for the VM to trust (a proxy's), PEM")  # fmt: skip
    parser.add_argument("options", nargs="*", metavar="OPTION", help="for ./lab on the VM")
    options = parser.parse_args(arguments)
    try:
        url, commit = chosen(options)
        certificate = authority(options.ca_cert) if options.ca_cert else ""
    except (UsageError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    if not options.commit and git("status", "--porcelain", "--untracked-files=no"):
        print(f"lab: changes that are not committed are not in {commit}", file=sys.stderr)
    first_run = script(url, commit, options.options, options.report_to, bool(certificate))
    print(user_data(first_run, certificate), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
