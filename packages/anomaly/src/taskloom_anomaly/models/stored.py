"""A trained network in a folder: its config, its parameters, and the task that it was trained for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from taskloom.arrays import load_tensors, save_tensors
from taskloom.errors import ConfigError, RunCorruptError
from taskloom.given.tasks import recorded_task
from taskloom.records.documents import read_object
from taskloom.records.files import open_file
from taskloom.records.folders import RECORD
from taskloom.records.run_record import read_record
from taskloom.registry.components import load_component
from taskloom.registry.factory import as_factory
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_task, load_task

from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.models.base import Model

if TYPE_CHECKING:
    from jaxtyping import PyTree
    from taskloom.runs.run import Run

    from taskloom_anomaly.backends.handle import ModelHandle
    from taskloom_anomaly.data.arrays import ArrayDataset

MODEL_FILE = "model.json"
PARAMETERS_FILE = "model.safetensors"
MODELS_GROUP = "taskloom_anomaly.models"


def save_model(
    folder: Path,
    handle: ModelHandle,
    *,
    component: Model,
    input_shape: tuple[int, ...],
    num_outputs: int,
    task: str,
    task_config: dict[str, Any],
) -> None:
    """Write a network so that `StoredModel` and `TrainDataFromRun` find everything they need."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / PARAMETERS_FILE, handle.parameters())
    description = {
        "schema": 1,
        "model": component.model_dump(mode="json"),
        "input_shape": list(input_shape),
        "num_outputs": num_outputs,
        "task": task,
        "task_config": task_config,
        "fingerprint": handle.fingerprint,
    }
    partial = folder / f".{MODEL_FILE}.partial"
    partial.write_text(
        json.dumps(description, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
    )
    partial.replace(folder / MODEL_FILE)


def model_folder(path: Path) -> Path:
    """Return the folder that holds the model of a run.

    Args:
        path: A run's folder, its `artifacts`, or the model's folder itself.

    Raises:
        ConfigError: There is no model.
    """
    for folder in (path, path / "artifacts" / "model", path / "model"):
        if (folder / MODEL_FILE).is_file():
            return folder
    what = "holds no model" if path.is_dir() else "does not exist"
    raise ConfigError(
        f"The run path '{path}' {what}: neither '{MODEL_FILE}' nor 'artifacts/model/{MODEL_FILE}' is there.",
        hint="tasks runs path RUN prints the folder of a run; tasks anomaly train-classifier --dir DIR trains a network",
    )


@dataclass(frozen=True)
class StoredModel:
    """A network that an earlier run trained.

    Attributes:
        path: The run's folder, or the model's.
    """

    path: Path | str

    @cached_property
    def description(self) -> dict[str, Any]:
        """The description of the model in its folder.

        Raises:
            ConfigError: There is no model, or its description cannot be read.
        """
        file = model_folder(Path(self.path)) / MODEL_FILE
        try:
            found = read_object(file.parent, MODEL_FILE)
            if found.get("schema") != 1:
                raise ValueError("it is not a model description of schema 1")
        except (RunCorruptError, ValueError) as error:
            raise ConfigError(f"The model description '{file}' cannot be read: {error}.") from None
        return found

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.description["input_shape"])

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        return int(self.description["num_outputs"])

    def component(self) -> Model:
        """Return the network's config.

        Raises:
            ConfigError: The description names an unknown kind of network, or parameters it does not have.
        """
        kind = str(self.description["model"].get("kind", ""))
        cls = load_component(MODELS_GROUP, kind)
        try:
            model = cls.model_validate(self.description["model"])
        except ValidationError as error:
            raise ConfigError(
                f"The stored model of '{self.path}' cannot be built: {error.errors()[0]['msg']}."
            ) from None
        if not isinstance(model, Model):
            raise ConfigError(f"The component '{kind}' of '{self.path}' is not a network.")
        return model

    def build_model(self) -> object:
        """Return the module."""
        return self.component().build(self.input_shape, self.num_outputs, 0)

    def build_params(self) -> PyTree:
        """Return the parameters in the form that the module's framework uses."""
        with open_file(model_folder(Path(self.path)), PARAMETERS_FILE) as file:
            flat = load_tensors(file)
        if self.component().backend == "torch":
            return flat
        from taskloom_anomaly.backends.tree import nest  # jax is heavy

        buffers = {
            k.removeprefix("buffers:"): v for k, v in flat.items() if k.startswith("buffers:")
        }
        parameters = nest({k: v for k, v in flat.items() if not k.startswith("buffers:")})
        return (
            {"params": parameters, **nest(buffers)}
            if self.component().backend == "linen"
            else parameters
        )

    def handle(self) -> ModelHandle:
        """Return the network with its parameters, ready to run."""
        example = np.zeros((1, *self.input_shape), self.component().input_dtype)
        return as_handle(self.build_model(), self.build_params(), example)


def model_of(run: Run) -> StoredModel:
    """Return the network that a run left: what `Run.load("model")` gives."""
    return StoredModel(run.dir)


@dataclass(frozen=True)
class TrainDataFromRun:
    """The data that an earlier run trained its network on, built again from its config.

    Attributes:
        path: The run's folder, or the model's.
    """

    path: Path | str

    @cached_property
    def task(self) -> Any:  # noqa: ANN401 -- the task that trained the model
        """The task that trained the model, with the config of its run.

        Raises:
            ConfigError: The config no longer fits the task.
        """
        description = StoredModel(self.path).description
        factory, config_class = self._trainer(str(description["task"]))
        try:
            config = config_class.model_validate(description["task_config"])
        except ValidationError as error:
            raise ConfigError(
                f"The config stored in '{self.path}' no longer fits the task '{description['task']}':"
                f" {error.errors()[0]['msg']}."
            ) from None
        return factory(config)

    def _trainer(self, name: str) -> tuple[Callable[[Any], Any], type[Any]]:
        """Return the factory and the config class of the task: that of the run's record if its code is not installed.

        A class of a file may inherit the name of an installed task, whose samples would be others.
        """
        run = model_folder(Path(self.path)).parent.parent
        if (run / RECORD).is_file() and (record := read_record(run / RECORD)).code:
            loaded = recorded_task(record)
            return loaded.factory, loaded.config_class
        return trainer(name)

    def build(self) -> ArrayDataset:
        """Return the training data as it was: with its poison, if it had any."""
        data: ArrayDataset = self.task.build_train_data()
        return data

    build_dataset = build

    @property
    def original(self) -> ArrayDataset:
        """The training data before anything was done to it."""
        data: ArrayDataset = self.task.build_original_data()
        return data

    @property
    def test(self) -> ArrayDataset:
        """The test side of the same split, untouched."""
        data: ArrayDataset = self.task.build_original_test_data()
        return data


def trainer(name: str) -> tuple[Callable[[Any], Any], type[Any]]:
    """Return the factory and the config class of a task that trains networks, by name: a file never says what code to import."""
    if name in _UNLISTED:
        return as_factory(load_target(_UNLISTED[name], what=f"The task '{name}'"), f"'{name}'")
    loaded = load_task(find_task("anomaly", name))
    return loaded.factory, loaded.config_class


# A task without anomalies, which no listing has; it is opened by name as those of the manifest are.
_UNLISTED = {"classifier": "taskloom_anomaly.tasks.classifier:Classifier"}
