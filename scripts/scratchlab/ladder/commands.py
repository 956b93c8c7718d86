"""`scratchlab ladder` and `scratchlab timelapse`: words in, one exit status out."""

from __future__ import annotations

import click

from scratchlab.options import Command, engine_options


def view_options(command: Command) -> Command:
    """What `ladder` and `timelapse` have in common."""
    options = [
        click.option("--image", default="sleep", show_default=True, help="What is started"),
        engine_options,
        click.option("--from", "source", metavar="REPORT.json", help="Show a report's instead"),
        click.option("--svg", metavar="FILE", help="Also draw it"),
        click.option(
            "--format",
            "form",
            type=click.Choice(["table", "json"]),
            default="table",
            show_default=True,
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@view_options
@click.option("--clean", is_flag=True, help="Only remove what a killed run left")
def ladder(image: str, clean: bool, **options: str | None) -> int:
    """Start one root filesystem by ever more tools: who makes an entry shows on the first rung.

    chroot, chroot with mounts, bare runc and crun, containerd, the engine, podman, gVisor: as far
    as they are installed. Needs root, on the engine's own host.
    """
    from scratchlab.ladder import command

    if clean:
        return command.clean(options["engine"], options["url"])
    return command.main("ladder", image, **options)  # type: ignore[arg-type]


@click.command()
@view_options
def timelapse(image: str, **options: str | None) -> int:
    """Look at one container's root filesystem in every stage of its life.

    Image, created, prepared by the runtime, running, during exec -t, stopped, removed. Needs
    root, on the engine's own host.
    """
    from scratchlab.ladder import command

    return command.main("timelapse", image, **options)  # type: ignore[arg-type]
