"""Old import paths: each of the tables leads somewhere, and a plugin that uses them is told once."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = ("anomaly", "hci", "diffusion", "control")


def _homes(domain: str) -> list[tuple[str, str]]:
    moved = importlib.import_module(f"taskloom_{domain}.compat.moved").MOVED
    rows = []
    for old, homes in moved.items():
        targets = [homes] if isinstance(homes, str) else list(homes.values())
        rows += [(old, target) for target in targets]
    return rows


@pytest.mark.parametrize("domain", PACKAGES)
def test_every_new_home_exists(domain: str) -> None:
    for old, target in _homes(domain):
        module, _, name = target.partition(":")
        found = importlib.import_module(module)
        assert not name or hasattr(found, name), (old, target)


@pytest.mark.parametrize("domain", PACKAGES)
def test_a_table_names_no_module_that_still_exists(domain: str) -> None:
    """Such a row would never be asked for; a package that was a module lists its names instead."""
    moved = importlib.import_module(f"taskloom_{domain}.compat.moved").MOVED
    finders = [
        finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "MovedModules"
    ]
    for old, homes in moved.items():
        parent = importlib.import_module(old.rpartition(".")[0])
        paths = getattr(parent, "__path__", None)
        stands = any(finder.find_spec(old, paths) for finder in finders)
        assert not stands or "__getattr__" in vars(importlib.import_module(old)), old
        assert not stands or not isinstance(homes, str), old


def test_a_plugin_that_imports_from_old_paths_runs_with_one_warning() -> None:
    plugin = (
        "from taskloom_control.physics import trace_columns\n"
        "from taskloom_hci.bundle import Bundle\n"
        "import taskloom_anomaly.problem\n"
        "print(trace_columns.__module__, Bundle.__module__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", plugin], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["taskloom_control.mjcf.physics", "taskloom_hci.bundle.bundle"]
    assert done.stderr.count("FutureWarning") == 1
    assert "'taskloom_control.physics.trace_columns' has moved to" in done.stderr


def test_a_module_that_never_existed_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"taskloom_control\.nothing"):
        importlib.import_module("taskloom_control.nothing")
