"""One run of a task under test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from taskloom.asking import resolve_values
from taskloom.lifecycle.lifecycle import run_task
from taskloom.request import RunOptions
from taskloom.runs.run import Run
from taskloom.testing.conformance import load_factory


def run_once(
    factory: Callable[..., Any], store: Path, /, *, domain: str = "", **values: object
) -> Run:
    """Run a task once, installed or not, and return the run.

    Args:
        factory: The task's class, or a function that makes one from its config.
        store: An empty folder for the run: pytest's `tmp_path`.
        domain: The domain of a task that does not run itself and is not registered yet: `domain="hci"`.
        **values: Parameters: `run_once(MyTask, tmp_path, steps=3, detector={"rank": 1})`.

    Raises:
        RunFailedError: The task raised.
        ConfigError: A parameter is not as its type wants it.
    """
    loaded = load_factory(factory, domain)
    config = resolve_values(loaded.config_class, values).config
    return run_task(loaded, config, RunOptions(store=store, quiet=True))
