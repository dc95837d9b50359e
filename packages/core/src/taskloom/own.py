"""Names of taskloom's own packages, and threads that others left in the process.

Imported by every command, `--version` included, so it brings in nothing that costs time.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

FIRST_PARTY = ("anomaly", "hci", "diffusion", "control")
"""The domains that are extras of the `taskloom` distribution."""

OWN_PACKAGES = frozenset({"taskloom", *(f"taskloom_{domain}" for domain in FIRST_PARTY)})

foreign_threads: list[threading.Thread] = []
"""Threads that manifests started and that keep the process from ending."""


def is_own(module: str) -> bool:
    """Return whether a module belongs to taskloom or to the standard library.

    >>> is_own("taskloom.seeding"), is_own("json"), is_own("numpy")
    (True, True, False)
    """
    root = module.partition(".")[0]
    return root in OWN_PACKAGES or root in sys.stdlib_module_names
