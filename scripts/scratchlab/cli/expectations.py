"""`scratchlab expect`: write a policy from what changed in a container."""

from __future__ import annotations

import click

from scratchlab.cli.options import connect_engine, engine_options, running, vantage_option
from scratchlab.lab import verification
from scratchlab.progress import Progress
from scratchlab.report.allowances import listed
from scratchlab.report.policy.propose import propose
from scratchlab.report.verdict import ExitStatus


@click.command(short_help="Write a policy of what may change in CONTAINER.")
@click.argument("container", shell_complete=running)
@engine_options
@vantage_option
def expect(container: str, engine: str | None, url: str | None, vantage: str) -> int:
    """Write a policy for `verify --expect` from what changed in CONTAINER since its start.

    \b
    A policy is YAML: `allow` is a list of rules. The keys of a rule:
      path          a pattern as in .gitignore, or a list of them
      change        added (the default), altered or deleted, or a list of them
      origin        the origin, where it is not written-later
      kind          file, directory, symlink, fifo, socket, char-device, block-device
      mode          the permission bits, octal, in quotes: "0644"
      owner         a user id, or UID:GID in quotes
      max_size      the most that a file may have: bytes, or a number with KiB, MiB, GiB
      capabilities  true: the file may have file capabilities

    What is unexplained, a set-uid or set-gid file, a file with capabilities, a device and a mount
    are allowed only by a rule that has the whole path, without a wildcard, and names the origin,
    the mode, capabilities, the kind or the origin.
    """  # noqa: D301 - click reads the character
    with Progress() as progress, connect_engine(engine, url) as client:
        evidence, judgement = verification.verify(
            client, container, vantage=vantage, progress=progress
        )
    with evidence:
        name = evidence.facts.container.name
        policy = propose(name, listed(evidence, judgement))
    click.echo(policy.encode(), nl=False)  # UTF-8, whatever the locale
    return ExitStatus.EXPLAINED
