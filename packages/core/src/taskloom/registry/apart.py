"""Manifests that end the process: each is loaded in a process of its own. For `tasks doctor --plugins`.

python -m taskloom.registry.apart DOMAIN
"""

from __future__ import annotations

import signal
import subprocess
import sys

from taskloom.registry.discovery import DOMAINS, condemn, domain_named
from taskloom.registry.installed import entry_points, is_first_party
from taskloom.registry.isolate import manifest_seconds

_LOADED = 64
"""Exit code of a process that is still there after the manifest was loaded, whether it is broken or not."""
_START_SECONDS = 30.0  # for Python itself, on a busy machine


def condemn_deadly() -> None:
    """Load every third party's manifest in a process of its own; never load those here that did not survive it."""
    points = [point for point in entry_points(DOMAINS) if not is_first_party(point.distribution)]
    for name in dict.fromkeys(point.name for point in points):
        if reason := _end_of(name):
            condemn(name, f"its manifest {reason}.")


def _end_of(name: str) -> str:
    """Return how a process ends that loads a manifest, as a clause; empty if it survives."""
    seconds = manifest_seconds() + _START_SECONDS
    command = [sys.executable, "-m", "taskloom.registry.apart", name]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not come back within {seconds:g} s"
    if done.returncode == _LOADED:
        return ""
    if done.returncode < 0:
        return f"ends the process, by {signal.Signals(-done.returncode).name}"
    return f"ends the process, with exit code {done.returncode}"


if __name__ == "__main__":
    import os

    domain_named(sys.argv[1])
    os._exit(_LOADED)
