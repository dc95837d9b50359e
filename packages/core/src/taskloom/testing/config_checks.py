"""Checks of a task's config and of what a task says about itself; nothing is run."""

from __future__ import annotations

import json
from collections.abc import Callable

from taskloom.config import Config
from taskloom.lifecycle.lifecycle import check_task_instance
from taskloom.params.files import to_toml
from taskloom.params.layers import resolve
from taskloom.params.tree import walk
from taskloom.testing.trial import Trial


def _defaults(trial: Trial) -> str | None:
    trial.loaded.config_class()
    return None


def _sentences(trial: Trial) -> str | None:
    """Look at the parameters of the task and of every variant of its components."""
    config_class = trial.loaded.config_class
    parameters = walk(config_class)
    for chosen in [p for p in parameters if p.is_component]:
        for choice in chosen.choices:
            parameters += walk(config_class, {chosen.path: choice})
    silent = sorted({p.path for p in parameters if not p.help.strip()})
    return f"no sentence under the field of {', '.join(silent)}" if silent else None


def _toml(trial: Trial) -> str | None:
    path = trial.folder / "config.toml"
    path.write_text(to_toml(trial.config), encoding="utf-8", newline="\n")
    read = resolve(trial.loaded.config_class, files=[path], environ={}).config
    return None if read == trial.config else f"{trial.config!r} came back as {read!r}"


def _json(trial: Trial) -> str | None:
    read = trial.loaded.config_class.model_validate(json.loads(trial.config.model_dump_json()))
    return None if read == trial.config else f"{trial.config!r} came back as {read!r}"


def _keeps_config(trial: Trial) -> str | None:
    config = getattr(trial.construct().task, "config", trial.config)
    # judo's own form of a config is no `Config`, and is filled in by the driver.
    if not isinstance(config, Config):
        return None
    return (
        None
        if config == trial.config
        else f"task.config is {config!r}, not the config it was made from"
    )


def _frozen(trial: Trial) -> str | None:
    before = trial.config.model_dump_json()
    trial.construct()
    return (
        None if trial.config.model_dump_json() == before else "the constructor changed the config"
    )


def _check(trial: Trial) -> str | None:
    errors = [
        f.message for f in check_task_instance(trial.loaded, trial.config) if f.level == "error"
    ]
    return " ".join(errors) or None


def _describe(trial: Trial) -> str | None:
    try:
        json.dumps(trial.construct().describe(), allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"describe() returns something that JSON does not hold: {error}"
    return None


CHECKS: dict[str, Callable[[Trial], str | None]] = {
    "every parameter has a default": _defaults,
    "every parameter has a sentence": _sentences,
    "the config survives TOML": _toml,
    "the config survives JSON": _json,
    "the task keeps its config": _keeps_config,
    "the constructor leaves the config alone": _frozen,
    "the check finds no error": _check,
    "the description is JSON": _describe,
}
