"""Measurements; nothing here is a test."""

from __future__ import annotations

from collections.abc import Mapping


def keeping_bytecode(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python keeps what it compiles, as it does unless that is forbidden.

    Without, each start of Ansible takes half a second more than anyone has (measured).
    """
    return {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
