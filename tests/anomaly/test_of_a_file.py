"""A task of a file whose network is stored: what an earlier run trained on is built by the file, never by a namesake."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import taskloom as tl
from taskloom.errors import UnknownNameError
from taskloom_anomaly import StoredModel, TrainDataFromRun
from taskloom_anomaly.tasks.toy_features import ToyFeaturesConfig, ToyFeaturesTask
from taskloom_anomaly.verbs.common import asked_trainer, place_of

# The class inherits the name of an installed task, and its samples are others.
SHIFTED = """
from taskloom_anomaly.tasks.toy_features import ToyFeaturesConfig, ToyFeaturesTask


class Shifted(ToyFeaturesTask):
    def __init__(self, config: ToyFeaturesConfig) -> None:
        super().__init__(config)

    def build_train_data(self, epoch=0):
        found = super().build_train_data(epoch)
        return type(found)(found.inputs + 0.25, found.labels)
"""
SMALL = {
    "size": 80, "training.epochs": 2, "min_accuracy": 0.0, "baselines": False, "model.hidden_dims": [4],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tl.Run:
    """Return a run of the file."""
    folder = tmp_path_factory.mktemp("file")
    (folder / "shifted.py").write_text(SHIFTED)
    options = tl.RunOptions(store=folder / "runs", quiet=True, report="no")
    return tl.run(f"{folder / 'shifted.py'}:Shifted", SMALL, options=options)


def test_the_training_data_of_a_run_are_those_of_its_file(run: tl.Run) -> None:
    found = TrainDataFromRun(run.dir).build()
    installed = ToyFeaturesTask(ToyFeaturesConfig(size=80)).build_train_data()
    np.testing.assert_array_equal(found.inputs, installed.inputs + 0.25)
    np.testing.assert_array_equal(
        TrainDataFromRun(run.artifacts["model"]).build().inputs, found.inputs
    )
    assert run.load("model").handle().fingerprint == StoredModel(run.dir).description["fingerprint"]


def test_a_folder_without_its_run_leads_to_no_task_and_to_no_code(
    run: tl.Run, tmp_path: Path
) -> None:
    alone = Path(shutil.copytree(run.artifacts["model"], tmp_path / "alone"))
    with pytest.raises(UnknownNameError, match="shifted:Shifted"):
        TrainDataFromRun(alone).build()
    (alone / "model.json").write_text(
        (alone / "model.json")
        .read_text()
        .replace("shifted:Shifted", "elsewhere/shifted.py:Shifted")
    )
    assert not place_of(alone).task


def test_a_verb_takes_the_task_of_a_run_from_its_file(run: tl.Run) -> None:
    factory, config_class = asked_trainer(place_of(run).task)
    assert (factory.__name__, config_class) == ("Shifted", ToyFeaturesConfig)
