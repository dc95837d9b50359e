"""Parts that the verbs share: a task by name and parameters, folders that are not overwritten, a stored detector."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError, RunCorruptError, RunNotFoundError, UsageError
from taskloom.given.tasks import file_task, is_file
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.params.layers import resolve
from taskloom.records.documents import read_object
from taskloom.runs.run import Run, open_run

from taskloom_anomaly.backends.opening import NETWORK_FILE
from taskloom_anomaly.detection.artifacts import (
    DETECTOR_FILE,
    LAYERS_FILE,
    PARAMETERS_FILE,
    keep_detector,
)
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.fitting import fit_detector
from taskloom_anomaly.detection.validity_card import assert_valid, write_json
from taskloom_anomaly.models.stored import MODEL_FILE, trainer
from taskloom_anomaly.task import HasValidity, Prepares

if TYPE_CHECKING:
    from taskloom_anomaly.config import AnomalyConfig

TASK_FILE = "task.json"
CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.json"
# Whatever a verb writes beside a detector, and beside a network.
DETECTOR_FILES = (
    *(DETECTOR_FILE, PARAMETERS_FILE, LAYERS_FILE, NETWORK_FILE, TASK_FILE, CONFIG_FILE),
    f"model/{MODEL_FILE}",
)
NETWORK_FILES = (f"model/{MODEL_FILE}", METRICS_FILE, CONFIG_FILE, TASK_FILE)

TaskOption: TypeAlias = Annotated[str, typer.Option(help="Task: tasks list shows them.")]
ParamOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--param", help="A parameter of the task, NAME=VALUE; repeatable."),
]
ConfigOption: TypeAlias = Annotated[
    list[Path] | None, typer.Option("--config", help="TOML, YAML or JSON file; repeatable.")
]
DirOption: TypeAlias = Annotated[Path, typer.Option("--dir", help="Folder to write into.")]
TextKeyOption: TypeAlias = Annotated[
    str, typer.Option("--text-key", help="Field of the text in a file of JSON lines.")
]
StoreOption: TypeAlias = Annotated[
    Path | None, typer.Option("--store", help="Run store in which ids and @last are looked up.")
]


@dataclass(frozen=True, slots=True)
class Place:
    """The place that a reference leads to.

    Attributes:
        folder: A folder of a verb, or a run's folder.
        task: The task that it belongs to; empty when it is not known.
        settings: A file with the task's config, if there is one.
        run: The run, if the folder is one's.
    """

    folder: Path
    task: str = ""
    settings: Path | None = None
    run: Run | None = None

    @property
    def files(self) -> Path:
        """The folder with the detector and the network."""
        return self.folder if self.run is None else self.folder / "artifacts"


def place_of(opened: Run | Path) -> Place:
    """Return the place that a run is, or a folder that a verb has written."""
    if isinstance(opened, Run):
        return Place(opened.dir, opened.words[-1], opened.dir / "config.toml", opened)
    described = [opened / TASK_FILE, opened / "model" / "model.json", opened / "model.json"]
    facts = next((read_json(file, "description") for file in described if file.is_file()), {})
    config = opened / CONFIG_FILE
    named = str(facts.get("task", ""))
    # A folder may come from anywhere: it never says which file's code to run.
    task = "" if is_file(named) else named
    return Place(opened, task, config if config.is_file() else None)


def find_place(reference: str, store: Path | None) -> Place:
    """Return the place that a folder, a run's id, the unique beginning of one, or `@last` leads to.

    Raises:
        ConfigError: It is neither a folder nor a run, or a run of another domain.
        RunCorruptError: The run's record cannot be read.
    """
    path = Path(reference)
    if path.is_dir() and not (path / "run.json").is_file():
        return place_of(path)
    try:
        run = open_run(str(path.resolve()) if path.is_dir() else reference, store)
    except RunNotFoundError as error:
        raise ConfigError(
            f"'{reference}' is no folder, and no run either: {error.message}", hint=error.hint
        ) from None
    if run.domain != "anomaly":
        raise ConfigError(f"The run '{reference}' is of '{run.domain}/{run.task}', not of anomaly.")
    return place_of(run)


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


def make_task(
    name: str,
    params: Mapping[str, str],
    files: Sequence[Path] | None,
    environ: Mapping[str, str] | None = None,
) -> BoundTask[Any, AnomalyConfig]:
    """Return the task of a name, configured like `tasks run anomaly NAME`.

    Raises:
        UnknownNameError: There is no such task or parameter.
        ConfigError: A value is not accepted.
    """
    factory, config_class = asked_trainer(name)
    found = resolve(config_class, files=list(files or ()), environ=environ, arguments=dict(params))
    config: Any = found.config
    return BoundTask(factory(config), config, factory, name=f"anomaly/{Path(name).name}")


def asked_trainer(name: str) -> tuple[Callable[[Any], Any], type[Any]]:
    """Return the factory and the config class of a task that a person names, or whose run a person names: also one of a file."""
    if not is_file(name):
        return trainer(name)
    loaded = file_task(name, "anomaly")
    return loaded.factory, loaded.config_class


def store_detector(bound: BoundTask[Any, AnomalyConfig], folder: Path) -> None:
    """Fit the detector of a task, store it with its network and its config in a folder, and print where it is.

    Raises:
        ConfigError: A detector is in the folder already, or it cannot be made.
        InvalidTaskError: An attack did not take or a network did not learn.
    """
    task, config, name = bound.task, bound.config, bound.name.rpartition("/")[2]
    with fresh_folder(folder, *DETECTOR_FILES), scratch(folder, config.seed) as ctx:
        if isinstance(bound.task, Prepares):
            bound.task.prepare(ctx)
        data = assemble(task, config)
        if isinstance(task, HasValidity):
            assert_valid(task.validity(data.handle))
        fitted = fit_detector(data, config)
        fitted = fitted.calibrated_by(fitted.score(data.normal))
        path = keep_detector(folder, fitted, config)
        settings = config.model_dump(mode="json")
        write_json(folder / TASK_FILE, {"schema": 1, "task": name, "config": settings})
        keep_config(folder, config)
    say_json({"detector": str(path), "layers": list(fitted.extractor.layers), "task": name})


def keep_config(folder: Path, config: AnomalyConfig) -> None:
    """Keep a task's config in its folder, in the form that `--config` reads."""
    write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))


@contextmanager
def scratch(folder: Path, seed: int) -> Iterator[ScratchContext]:
    """Yield a context whose network comes to lie in the folder; checkpoints are thrown away."""
    with TemporaryDirectory(dir=folder) as name:
        ctx = ScratchContext(Path(name), seed)
        yield ctx
        network = ctx.dir / "artifacts" / "model"
        if network.is_dir():
            network.rename(folder / "model")


@contextmanager
def fresh_folder(folder: Path, *files: str) -> Iterator[Path]:
    """Yield a folder to write into, made if missing; all that was written is removed again when the block fails.

    Args:
        folder: The folder.
        *files: All that is going to be written: none of it may be there.

    Raises:
        ConfigError: A file is there already, or the folder cannot be made.
    """
    for name in files:
        if (folder / name).exists():
            raise ConfigError(f"--dir={folder} already holds a '{name}'; choose another folder.")
    existed = folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = set(folder.iterdir())
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"--dir={folder} cannot be written: {error.strerror}.") from None
    try:
        yield folder
    except BaseException:
        for path in set(folder.iterdir()) - before:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if not existed:
            folder.rmdir()
        raise


def say_json(data: Mapping[str, Any]) -> None:
    """Print data on stdout."""
    typer.echo(json.dumps(data, indent=2, sort_keys=True))


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return read_object(path.parent, path.name)
    except RunCorruptError as error:
        raise ConfigError(f"The {what} '{path}' cannot be read: {error.reason}.") from None
