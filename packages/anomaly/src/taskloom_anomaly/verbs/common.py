"""What the verbs share: a task by name and parameters, folders that are not overwritten, progress on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from taskloom.errors import ConfigError, UsageError

TASK_FILE = "task.json"

TaskOption: TypeAlias = Annotated[str, typer.Option(help="Task: tasks list shows them.")]
ParamOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--param", help="A parameter of the task, NAME=VALUE; repeatable."),
]
ConfigOption: TypeAlias = Annotated[
    list[Path] | None, typer.Option("--config", help="TOML, YAML or JSON file; repeatable.")
]
DirOption: TypeAlias = Annotated[Path, typer.Option("--dir", help="Folder to write into.")]


def arguments_of(params: Sequence[str] | None) -> dict[str, str]:
    """Read `NAME=VALUE` arguments.

    Raises:
        UsageError: One has no `=`.
    """
    found = {}
    for text in params or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--param {text!r} is not NAME=VALUE.")
        found[name] = value
    return found


def make_task(name: str, params: Mapping[str, str], files: Sequence[Path] | None) -> Any:  # noqa: ANN401
    """Return the task of a name, configured like `tasks run anomaly NAME`.

    Raises:
        UnknownNameError: There is no such task or parameter.
        ConfigError: A value is not accepted.
    """
    from taskloom.params import resolve

    factory, config_class = trainer(name)
    return factory(resolve(config_class, files=list(files or ()), arguments=dict(params)).config)


def trainer(name: str) -> tuple[Any, type[Any]]:
    """Return a task's factory and config class; `classifier` is known here and is no task of its own."""
    if name == "classifier":
        from taskloom_anomaly.tasks.classifier import Classifier, ClassifierConfig

        return Classifier, ClassifierConfig
    from taskloom.registry import find_task, load_task

    loaded = load_task(find_task("anomaly", name))
    if hasattr(loaded.config_class, "run"):
        return _itself, loaded.config_class
    return loaded.factory, loaded.config_class


def _itself(config: Any) -> Any:  # noqa: ANN401 -- a config that is its own task
    return config


def fresh_folder(folder: Path, marker: str) -> Path:
    """Return a folder to write into, made if missing.

    Raises:
        ConfigError: Somebody wrote there before, or it cannot be made.
    """
    if (folder / marker).exists():
        raise ConfigError(f"--dir={folder} already holds a '{marker}'; choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"--dir={folder} cannot be written: {error.strerror}.") from None
    return folder


def say_json(data: Mapping[str, Any]) -> None:
    """Print data on stdout."""
    typer.echo(json.dumps(data, indent=2, sort_keys=True))


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError) as error:
        raise ConfigError(f"The {what} '{path}' cannot be read: {error}.") from None
    return found
