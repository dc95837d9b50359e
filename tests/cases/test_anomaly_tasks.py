"""Tasks and folders of users: nothing of theirs is replaced, miscalled, or refused for its form."""

from __future__ import annotations

import contextlib
import hashlib
import runpy
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from cases_tasks import Tasks, done
from cases_verdict import verdict
from taskloom.testing import MemoryContext
from taskloom_anomaly import TASKS, AnomalyTaskConfig, ArrayDataset
from taskloom_anomaly.compat.tasks import run_task
from tests_sizes import size

# A task file of cupbearer of which only the import line was changed.
CUPBEARER = """
from pathlib import Path

from taskloom_anomaly import AdversarialExampleConfig, StoredModel, TaskConfigBase, TrainDataFromRun

class AdversarialExampleTask(TaskConfigBase):
    run_path: Path

    def __post_init__(self):
        self._reference_data = TrainDataFromRun(path=self.run_path)
        self._anomalous_data = AdversarialExampleConfig(run_path=self.run_path)
        self._model = StoredModel(path=self.run_path)

    def build_anomalous_data(self):
        return self._anomalous_data.build_dataset()

    def build_model(self):
        return self._model.build_model()

    def build_params(self):
        return self._model.build_params()

    def build_reference_data(self):
        return self._reference_data.build_dataset()
"""


def _train(tasks: Tasks, folder: Path) -> None:
    """Leave a trained classifier in the folder."""
    settings = ("data.source=digits8", f"training.epochs={size('classifier_epochs')}")
    words = [word for setting in settings for word in ("--param", setting)]
    done(tasks.call("anomaly", "train-classifier", "--dir", folder, *words))


def test_folder_of_a_classifier(tasks: Tasks, tmp_path: Path) -> None:
    """Refuses to train a detector of another task into a classifier's folder, whose parameters stay to the byte."""
    home = tmp_path / "classifier"
    _train(tasks, home)

    def digest() -> str:
        return hashlib.sha256((home / "model/model.safetensors").read_bytes()).hexdigest()

    before = digest()
    words = ("anomaly", "train-detector", "--task", "toy_features", "--dir")
    code = tasks.call(*words, home).returncode
    same = digest() == before
    verdict(
        code != 0 and same,
        f"exit code {code}, the same classifier: {same}",
        "a non-zero exit code, the same classifier: True",
    )


def test_task_in_the_original_form(tasks: Tasks, tmp_path: Path) -> None:
    """Builds data and a model, and takes an entry in TASKS or names the entry point, as the page promises."""
    network = tmp_path / "classifier"
    _train(tasks, network)
    words = ("anomaly", "make-adversarial-examples")
    done(tasks.call(*words, network, "--attack=fgsm", "--eps=0.4"))
    file = tmp_path / "mine.py"
    file.write_text(CUPBEARER)
    mine, wrong = runpy.run_path(str(file))["AdversarialExampleTask"], []
    try:
        task = mine(run_path=network)
        given = [task.build_model() is not None, task.build_params() is not None]
        given += [len(task.build_reference_data()) > 0, len(task.build_anomalous_data()) > 0]
        wrong += ["something empty"] * (not all(given))
    except (AttributeError, TypeError) as error:
        wrong.append(f"{type(error).__name__}: {error}")
    try:
        TASKS["my_task"] = mine
    except Exception as error:
        wrong += [f"TASKS: {error}"] * ("entry" not in str(error))
    with contextlib.suppress(AttributeError, KeyError, TypeError):
        del TASKS["my_task"]
    verdict(
        not wrong,
        "; ".join(wrong),
        "a model, parameters and data, and TASKS takes an entry or names the entry point",
    )


@cache
def _inputs() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(400, 8)).astype("f4")


@cache
def _trained() -> torch.nn.Module:
    """Return a network that knows the sign of the first input."""
    x = torch.tensor(_inputs())
    torch.manual_seed(0)
    layers = torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)
    network = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(100):
        loss = torch.nn.functional.cross_entropy(network(x), (x[:, 0] > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


class Mine(AnomalyTaskConfig):
    """A trained torch classifier and shifted inputs."""

    given: bool = False

    def build_reference_data(self) -> ArrayDataset:
        return ArrayDataset(_inputs())

    def build_model(self) -> torch.nn.Module:
        return _trained()

    def build_params(self) -> dict[str, torch.Tensor] | None:
        return _trained().state_dict() if self.given else None

    def build_anomalous_data(self) -> ArrayDataset:
        return ArrayDataset(_inputs()[:100] + 3)


def test_trained_torch_module_is_not_random(tmp_path: Path) -> None:
    """Calls a module that arrives with its weights not random, where `build_params` returns None, and scores alike."""
    areas, told = {}, ""
    for given in (True, False):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            task = Mine(given=given)
            result = run_task(task, task, MemoryContext(tmp_path / f"given-{given}"))
        areas[given] = result.metrics["auroc/fused"]
        told = " ".join([result.summary, *(str(warning.message) for warning in caught)])
    same, random = areas[True] == areas[False], "random" in told.lower()
    verdict(
        same and not random,
        f"the same AUROC: {same}, called random: {random}",
        "the same AUROC: True, called random: False",
    )
