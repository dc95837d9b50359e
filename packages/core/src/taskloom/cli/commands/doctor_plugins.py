"""Findings of `tasks doctor` about manifests beyond whether they load."""

from __future__ import annotations

from collections.abc import Iterator

from taskloom.cli.commands.doctor_checks import Fact
from taskloom.registry.quarantine import printed


def manifest_output() -> Iterator[Fact]:
    """Yield a finding for each manifest that printed while it was loaded; a listing shows none of it."""
    for name, text in printed.items():
        remedy = "a manifest only names things: let it print nothing"
        yield Fact("plugins", name, "note", f"its manifest printed: {text.strip()}", remedy)
