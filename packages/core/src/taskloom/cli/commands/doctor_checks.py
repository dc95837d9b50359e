"""Facts of `tasks doctor` about the installation, the machine, the plugins and the shell; nothing heavy is imported."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from taskloom import __version__
from taskloom.own import FIRST_PARTY
from taskloom.registry.audit import audit_plugins
from taskloom.registry.discovery import broken_plugins, installed_domains, tasks_of
from taskloom.system.machine import cpu_count, memory
from taskloom.system.processes import STOP_SIGNALS, can_fork, can_signal

_EXTRAS = {"report": ("htpy", "vl_convert"), "ray": ("ray",)}
_BACKENDS = ("torch", "jax", "jaxlib", "mujoco", "lightning", "numpy", "pydantic", "typer", "rich")
_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at.

    Attributes:
        area: The heading it stands under.
        name: What was looked at.
        state: `wrong` makes the command exit with 3; a `note` is worth knowing.
        text: What was found.
        remedy: What to do about it.
    """

    area: str
    name: str
    state: Literal["ok", "note", "wrong"]
    text: str
    remedy: str = ""


def installation() -> Iterator[Fact]:
    """Python, taskloom's own distributions, extras, and the versions of what they stand on."""
    area, python = "installation", platform.python_version()
    if sys.version_info >= _OLDEST_PYTHON:
        yield Fact(area, "python", "ok", f"{python} ({sys.executable})")
    else:
        yield Fact(
            area, "python", "wrong", f"{python} is older than 3.11", "install Python 3.11 or newer"
        )
    yield Fact(area, "taskloom-core", "ok", __version__)
    for name in FIRST_PARTY:
        yield _domain(area, name)
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        text = f"missing {', '.join(missing)}" if missing else "installed"
        remedy = f"pip install 'taskloom[{extra}]'" if missing else ""
        yield Fact(area, f"extra {extra}", "note" if missing else "ok", text, remedy)
    for name in _BACKENDS:
        if found := _version(name):
            yield Fact(area, name, "ok", found)


def _domain(area: str, name: str) -> Fact:
    found = _version(f"taskloom-{name}")
    if not found:
        return Fact(
            area, f"taskloom-{name}", "note", "not installed", f"pip install 'taskloom[{name}]'"
        )
    if found != __version__:
        text = f"{found} does not belong to taskloom-core {__version__}"
        return Fact(
            area,
            f"taskloom-{name}",
            "wrong",
            text,
            f"pip install 'taskloom[{name}]=={__version__}'",
        )
    return Fact(area, f"taskloom-{name}", "ok", found)


def machine() -> Iterator[Fact]:
    """System, processors, memory and accelerators."""
    area = "machine"
    yield Fact(area, "system", "ok", platform.platform(terse=True))
    yield Fact(area, "cpu cores", "ok", str(cpu_count()))
    if size := memory():
        yield Fact(area, "memory", "ok", f"{size / 2**30:.1f} GiB")
    yield from facilities(area)
    yield from _accelerators(area)


def facilities(area: str) -> Iterator[Fact]:
    """Facilities of this system that runs use, and what stands in for those that it lacks."""
    native = "flock" if can_signal() else "msvcrt"
    yield Fact(area, "locks", "ok", native)
    forks = can_fork()
    yield Fact(area, "fork", "ok", "yes" if forks else "no, runs of a sweep start 0.3 s later")
    names = ", ".join(signum.name for signum in STOP_SIGNALS)
    text = names if can_signal() else "ctrl-break, and the file `stop` in a run's folder"
    yield Fact(area, "signals", "ok", text)


def _accelerators(area: str) -> Iterator[Fact]:
    names = _gpus()
    yield Fact(area, "gpu", "ok" if names else "note", ", ".join(names) or "none found")
    torch, jax_cuda = (
        _version("torch"),
        _version("jax-cuda12-plugin") or _version("jax-cuda13-plugin"),
    )
    if names and torch.endswith("+cpu"):
        yield Fact(
            area,
            "torch build",
            "wrong",
            f"{torch} cannot use the gpu",
            "install a CUDA build of torch",
        )
    elif torch:
        kind = "CPU only" if torch.endswith("+cpu") else "may use a gpu"
        yield Fact(area, "torch build", "ok", f"{torch} ({kind})")
    if _version("jaxlib"):
        text = f"CUDA plugin {jax_cuda}" if jax_cuda else "CPU only"
        yield Fact(area, "jax build", "note" if names and not jax_cuda else "ok", text)


def _gpus() -> list[str]:
    """Ask the driver's own tool, which needs no Python back-end."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return (
        [line.strip() for line in done.stdout.splitlines() if line.strip()]
        if done.returncode == 0
        else []
    )


def plugins(*, thorough: bool) -> Iterator[Fact]:
    """Domains and tasks by count, and every plugin that cannot be used."""
    area = "plugins"
    for entry in installed_domains():
        tasks = tasks_of(entry.ref.name)
        yield Fact(area, entry.ref.name, "ok", f"{len(tasks)} tasks ({entry.distribution})")
    for broken in audit_plugins() if thorough else broken_plugins():
        remedy = f"upgrade or uninstall {broken.distribution}"
        yield Fact(area, broken.name, "wrong", broken.error, remedy)
    for name in ("TASKLOOM_DISABLE_PLUGINS", "TASKLOOM_STRICT_PLUGINS"):
        if name in os.environ:
            yield Fact(area, name, "note", os.environ[name])


def shell() -> Iterator[Fact]:
    """Return whether the shell completes the command."""
    name = Path(os.environ.get("SHELL", "")).name
    files = {"bash": ".bashrc", "zsh": ".zshrc"}
    if name not in files:
        yield Fact("shell", "completion", "note", f"no completion for the shell '{name}'")
        return
    try:
        text = (Path.home() / files[name]).read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError):
        text = ""
    if "tasks completion" in text:
        yield Fact("shell", "completion", "ok", f"set up in ~/{files[name]}")
    else:
        remedy = f"add to ~/{files[name]}: source <(tasks completion {name})"
        yield Fact("shell", "completion", "note", "not set up", remedy)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
