"""Provenance of a run: Python, machine, distributions and git, gathered within a fixed time and without secrets."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskloom.system.machine import cpu_count, host_name
from taskloom.system.processes import own_session

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


def strip_credentials(text: str) -> str:
    """Remove `user:password@` from every address in the text."""
    return _CREDENTIALS.sub("", text)


@dataclass
class Provenance:
    """Provenance that was found before the time was up.

    Attributes:
        environment: What goes into `env.json`.
        patch: The uncommitted difference; empty if there is none, or if it is too long.
    """

    environment: dict[str, Any] = field(default_factory=dict)
    patch: str = ""


def gather(folder: Path, budget: float = BUDGET) -> Provenance:
    """Collect where a run comes from, within the budget.

    The slow parts (git, a package folder on a file server) run in a thread of their own; what has not arrived in time is left
    out and named under `missing`.

    Args:
        folder: The folder whose git repository is recorded.
        budget: Time after which this returns in any case [s].
    """
    found = Provenance()
    found.environment = {
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
    deadline = time.monotonic() + budget
    thread = threading.Thread(target=_gather_slow, args=(folder, deadline, arrived), daemon=True)
    thread.start()
    thread.join(budget)
    snapshot = dict(arrived)  # the thread may still be adding
    found.patch = snapshot.pop("patch", "")
    missing = [name for name in ("distributions", "git") if name not in snapshot]
    found.environment.update(snapshot)
    if missing:
        found.environment["missing"] = missing
    return found


def _gather_slow(folder: Path, deadline: float, arrived: dict[str, Any]) -> None:
    arrived["distributions"] = installed_distributions(sys.path)
    git, patch = _read_git(folder, deadline)
    if git is not None:
        arrived["patch"] = patch
        arrived["git"] = git


def installed_distributions(search_path: Iterable[str]) -> dict[str, str]:
    """Return names and versions from the names of metadata folders.

    Opening each METADATA file, as `importlib.metadata` does, takes a hundred times as long and says the same.
    """
    found: dict[str, str] = {}
    for folder in search_path:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in entries:
            match = _DISTRIBUTION.fullmatch(entry)
            if match:
                found.setdefault(match["name"].replace("_", "-").lower(), match["version"])
    return dict(sorted(found.items()))


def _read_git(folder: Path, deadline: float) -> tuple[dict[str, Any] | None, str]:
    """Return the state of the repository ({} outside of one, None if git was too slow) and the uncommitted difference."""
    try:
        # A stray GIT_DIR would describe another repository; LC_ALL keeps the output in one language.
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        sha = _git(folder, clean, deadline, "rev-parse", "HEAD")
        if sha is None:
            return {}, ""
        branch = _git(folder, clean, deadline, "rev-parse", "--abbrev-ref", "HEAD") or ""
        remote = _git(folder, clean, deadline, "config", "--get", "remote.origin.url") or ""
        patch = _git(folder, clean, deadline, "diff", "HEAD", "--no-ext-diff", "--no-color") or ""
    except (subprocess.TimeoutExpired, OSError):
        return None, ""
    state: dict[str, Any] = {
        "sha": sha.strip(),
        "branch": branch.strip(),
        "dirty": bool(patch),
        "remote": strip_credentials(remote.strip()),
    }
    if len(patch.encode(errors="replace")) > PATCH_LIMIT:
        state["patch"] = f"left out: longer than {PATCH_LIMIT} bytes"
        patch = ""
    return state, patch


def _git(folder: Path, environment: Mapping[str, str], deadline: float, *words: str) -> str | None:
    """Run git and return what it prints; None if it fails."""
    done = subprocess.run(
        ["git", "--no-optional-locks", *words],
        cwd=folder,
        env={**environment, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=max(0.01, deadline - time.monotonic()),
        check=False,
        # Ctrl-C in the terminal is meant for the run, not for the git that it happens to be asking.
        **own_session(),
    )
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
