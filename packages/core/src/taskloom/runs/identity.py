"""The identity of a run: two runs with the same identity compute the same thing."""

from __future__ import annotations

from taskloom.config import Config
from taskloom.identity.canonical import canonical, digest_of


def identity(domain: str, task: str, version: int, config: Config) -> str:
    """Return the sha256 (hexadecimal) of task, version and config without its execution-only fields.

    The whole resolved config counts, not only what differs from the defaults: a default that changes changes what is computed.
    """
    return digest_of({"task": f"{domain}/{task}", "version": version, "config": canonical(config)})
