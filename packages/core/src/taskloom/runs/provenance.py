"""Provenance of a run: Python, machine, distributions and git, gathered within a fixed time and without secrets."""

from __future__ import annotations

import os
import platform
import re
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from taskloom.system.machine import cpu_count, host_name

BUDGET = 0.3  # [s]
PATCH_LIMIT = 1_000_000  # [bytes]

# Only these environment variables are recorded: everything else may hold a password.
_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "JAX_PLATFORMS",
    "MKL_NUM_THREADS",
    "MUJOCO_GL",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "RANK",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_ID",
    "TASKS_STORE",
    "WORLD_SIZE",
    "XLA_FLAGS",
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.(dist-info|egg-info)")
_SETTLED = 2_000_000_000  # [ns]
_listed: dict[str, tuple[int, list[tuple[str, str]]]] = {}


def strip_credentials(text: str) -> str:
    """Remove `user:password@` from every address in the text."""
    return _CREDENTIALS.sub("", text)


def gather(budget: float = BUDGET) -> dict[str, Any]:
    """Return what goes into `env.json` before a run begins, within the budget.

    A package folder on a file server is slow, so it is read in a thread of its own; what has not arrived in time is left out and
    named under `missing`. So is git at first: it is asked while the run goes on.

    Args:
        budget: Time after which this returns in any case [s].
    """
    environment: dict[str, Any] = {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "host": host_name(),
        "cpus": cpu_count(),
        "variables": {
            name: strip_credentials(os.environ[name]) for name in _VARIABLES if name in os.environ
        },
    }
    arrived: dict[str, Any] = {}
    thread = threading.Thread(target=_gather_slow, args=(arrived,), daemon=True)
    thread.start()
    thread.join(budget)
    environment.update(dict(arrived))  # a copy: the thread may still be adding
    environment["missing"] = [name for name in ("distributions", "git") if name not in environment]
    return environment


def _gather_slow(arrived: dict[str, Any]) -> None:
    arrived["distributions"] = installed_distributions(sys.path)


def installed_distributions(search_path: Iterable[str]) -> dict[str, str]:
    """Return names and versions from the names of metadata folders.

    Opening each METADATA file, as `importlib.metadata` does, takes a hundred times as long and says the same.
    """
    found: dict[str, str] = {}
    for folder in search_path:
        for name, version in _distributions_in(os.path.abspath(folder)):
            found.setdefault(name, version)
    return dict(sorted(found.items()))


def _distributions_in(folder: str) -> list[tuple[str, str]]:
    """Return names and versions by the metadata folders in one folder, which is read anew only once it has changed."""
    try:
        changed = os.stat(folder).st_mtime_ns
        known = _listed.get(folder)
        if known is not None and known[0] == changed:
            return known[1]
        entries = os.listdir(folder)
    except OSError:  # a zip file, or a folder that is gone
        return []
    matches = [_DISTRIBUTION.fullmatch(entry) for entry in entries if entry.endswith("-info")]
    found = [
        (match["name"].replace("_", "-").lower(), match["version"]) for match in matches if match
    ]
    # Within a tick of the file system's clock it may change again without a trace.
    if time.time_ns() - changed > _SETTLED:
        _listed[folder] = changed, found
    return found


def commit_of(environment: Mapping[str, Any]) -> str:
    """Return the commit of a run for people: `1f2e3d4c5b (main, with uncommitted changes)`, or that it is unknown, and why.

    Args:
        environment: What `env.json` holds.

    Returns:
        An empty text for a run outside of a repository.
    """
    git = environment.get("git")
    found: Mapping[str, Any] = git if isinstance(git, Mapping) else {}
    if found.get("unknown"):
        return f"commit unknown: {found['unknown']}"
    if not found.get("sha"):
        missing = environment.get("missing")
        is_open = isinstance(missing, list) and "git" in missing
        return "commit unknown: the run ended before git was asked" if is_open else ""
    changes = {True: ", with uncommitted changes", None: ", changes unknown"}
    dirty = changes.get(found.get("dirty"), "")
    return f"{str(found['sha'])[:10]} ({found.get('branch') or 'no branch'}{dirty})"
