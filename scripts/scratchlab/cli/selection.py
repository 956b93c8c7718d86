"""Which containers `scratchlab verify` is asked about."""

from __future__ import annotations

from dataclasses import dataclass

import click

PROJECT = "com.docker.compose.project"  # Compose labels each container of a project with its name


@dataclass(frozen=True, slots=True)
class Selection:
    """Which containers: by name, or all running ones, or those with labels."""

    names: tuple[str, ...] = ()
    everything: bool = False
    project: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def by_property(self) -> bool:
        """Whether the engine is asked for a list."""
        return self.everything or self.project is not None or bool(self.labels)

    @property
    def is_several(self) -> bool:
        """Whether it may be more than one."""
        return self.by_property or len(self.names) > 1

    def check(self) -> None:
        """Raise UsageError where nothing is selected, or in two ways."""
        if self.names and self.by_property:
            raise click.UsageError("name containers, or select them with an option; not both")
        if self.everything and (self.project is not None or self.labels):
            raise click.UsageError("--all is every container; leave out --project and --label")
        if not self.names and not self.by_property:
            raise click.UsageError(
                "Missing argument: name a container, or use --all, --project or --label"
            )
        if self.project == "" or "" in self.labels:
            raise click.UsageError("--project and --label need a value")

    @property
    def wanted_labels(self) -> list[str]:
        """The labels that a container must have."""
        project = [] if self.project is None else [f"{PROJECT}={self.project}"]
        return [*project, *self.labels]

    def __str__(self) -> str:
        if self.everything:
            return "container"
        parts = [] if self.project is None else [f"project {self.project}"]
        return f"container of {' and '.join([*parts, *(f'label {one}' for one in self.labels)])}"
