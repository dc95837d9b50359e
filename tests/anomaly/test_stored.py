"""Stored models and what is built from them, by the seed's names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from taskloom.errors import ConfigError
from taskloom.task import Result
from taskloom.testing import MemoryContext
from taskloom_anomaly import (
    TASKS,
    AdversarialExampleTask,
    BackdoorDetection,
    StoredModel,
    ToyFeaturesTask,
    TrainDataFromRun,
)
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.models.stored import model_folder
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig
from taskloom_anomaly.tasks.classifier import Classifier, ClassifierConfig

DATA = {"source": "digits8", "num_train": 300, "num_test": 200}
TRAINING = {"epochs": 12, "batch_size": 30, "learning_rate": 0.01}


def classifier_in(folder: Path, backend: str = "linen") -> Classifier:
    config = ClassifierConfig.model_validate(
        {
            "data": DATA,
            "training": TRAINING,
            "model": {"kind": "mlp", "hidden_dims": [24], "backend": backend},
        }
    )
    task = Classifier(config)
    task.prepare(MemoryContext(folder, 0))
    return task


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Classifier]:
    """A stored classifier of flax linen, trained once; a test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("classifier")
    task = classifier_in(folder)
    return folder / "artifacts", task


@pytest.fixture
def classifier(trained: tuple[Path, Classifier], tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained[0], tmp_path / "classifier")


@pytest.mark.parametrize("backend", ["linen", "nnx", "torch"])
def test_stored_model_computes_what_was_trained(
    tmp_path: Path, backend: str, trained: tuple[Path, Classifier]
) -> None:
    folder, task = trained
    if backend != "linen":
        folder, task = tmp_path, classifier_in(tmp_path, backend)
    stored = StoredModel(folder)
    inputs = task.sides[1].inputs[:20]
    handle = as_handle(stored.build_model(), stored.build_params(), inputs[:1])
    assert handle.fingerprint == task.trained.fingerprint
    np.testing.assert_array_equal(
        handle.forward(inputs).logits, task.trained.forward(inputs).logits
    )


def test_stored_model_of_linen_is_a_plain_flax_model(trained: tuple[Path, Classifier]) -> None:
    folder, task = trained
    stored = StoredModel(folder)
    inputs = task.sides[1].inputs[:5]
    logits = stored.build_model().apply(stored.build_params(), inputs)  # type: ignore[attr-defined]
    np.testing.assert_allclose(logits, task.trained.forward(inputs).logits, atol=1e-5)


def test_train_data_from_run_is_the_poisoned_data_and_its_original(tmp_path: Path) -> None:
    config = BackdoorConfig.model_validate(
        {"data": DATA, "training": {"epochs": 1}, "model": {"kind": "mlp", "hidden_dims": [8]}}
    )
    task = Backdoor(config)
    task.prepare(MemoryContext(tmp_path, 0))
    found = TrainDataFromRun(tmp_path)
    np.testing.assert_array_equal(found.build().inputs, task.build_train_data().inputs)
    np.testing.assert_array_equal(found.build().labels, task.build_train_data().labels)
    np.testing.assert_array_equal(found.original.inputs, task.build_original_data().inputs)
    assert np.abs(found.build().inputs - found.original.inputs).max() > 0


def test_model_folder_takes_a_run_its_artifacts_or_the_folder(
    tmp_path: Path, trained: tuple[Path, Classifier]
) -> None:
    shutil.copytree(trained[0], tmp_path / "artifacts")
    folder = tmp_path / "artifacts" / "model"
    assert model_folder(tmp_path) == folder
    assert model_folder(tmp_path / "artifacts") == folder
    assert model_folder(folder) == folder


def test_run_path_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no model: neither 'model\.json' nor"):
        StoredModel(tmp_path).build_model()
    with pytest.raises(ConfigError, match="does not exist"):
        list(AdversarialExampleTask(run_path=tmp_path / "none").check())


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}'])
def test_model_description_that_is_damaged_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ConfigError, match=r"model\.json' cannot be read"):
        StoredModel(tmp_path).build_model()


def test_stored_model_never_says_what_code_to_import(classifier: Path) -> None:
    file = classifier / "model" / "model.json"
    description = json.loads(file.read_text())
    description["task"] = "os:system"
    file.write_text(json.dumps(description))
    with pytest.raises(Exception, match="os:system"):
        TrainDataFromRun(classifier).build()


def test_adversarial_task_makes_its_examples_beside_the_model(
    classifier: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    # The seed started a subprocess, `python` from PATH, and its default attack could not succeed.
    settings = {"run_path": classifier, "attack": {"kind": "fgsm", "eps": 0.4}, "max_size": 250}
    task = AdversarialExampleTask.model_validate(settings)
    adversarial = task.build_anomalous_data()
    assert len(list((classifier / "model" / "adv_examples").glob("*.safetensors"))) == 1
    assert len(task.build_reference_data()) == 250
    handle = as_handle(task.build_model(), task.build_params(), adversarial.inputs[:1])
    hits = handle.forward(adversarial.inputs).logits.argmax(1) == adversarial.labels
    assert hits.mean() <= task.success_threshold
    result = run(AdversarialExampleTask.model_validate(settings), MemoryContext(tmp_path / "run"))
    assert result.metrics["card/robust_accuracy"] == pytest.approx(hits.mean())
    assert "control_auroc/random_signs" in result.metrics


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Backdoor]:
    """A poisoned network, trained once; nobody changes it."""
    folder = tmp_path_factory.mktemp("poisoned")
    config = {
        "data": {"source": "digits8", "num_train": 800, "num_test": 200},
        "training": {"epochs": 20, "batch_size": 32, "learning_rate": 3e-3},
        "model": {"kind": "mlp", "hidden_dims": [32]},
        "trigger": {"kind": "corner", "corner": "bottom_left"},
    }
    task = Backdoor(BackdoorConfig.model_validate(config))
    task.prepare(MemoryContext(folder, 0))
    return folder, task


def test_backdoor_detection_looks_into_a_network_that_a_run_poisoned(
    poisoned: tuple[Path, Backdoor], tmp_path: Path, run: Callable[..., Result]
) -> None:
    folder, own = poisoned
    task = BackdoorDetection(run_path=folder, max_size=150)
    # Reference data are clean copies: upstream takes `.original` of the poisoned training data.
    np.testing.assert_array_equal(
        task.build_reference_data().inputs, own.build_original_data().inputs[:150]
    )
    anomalous = task.build_anomalous_data()
    # Without --backdoor the trigger is that of the run.
    assert (anomalous.inputs[:, -1, 0, 0] == 1).all()
    metrics = run(task, MemoryContext(tmp_path / "run")).metrics
    assert metrics["card/attack_success"] >= 0.9
    assert metrics["auroc/fused"] > 0.9


def test_backdoor_detection_takes_another_trigger_as_an_ablation(
    poisoned: tuple[Path, Backdoor],
) -> None:
    settings = {"run_path": poisoned[0], "backdoor": {"kind": "corner", "corner": "bottom_right"}}
    other = BackdoorDetection.model_validate(settings).build_anomalous_data()
    assert (other.inputs[:, -1, -1, 0] == 1).all()
    assert other.inputs[:, -1, 0, 0].mean() < 0.5


def test_backdoor_detection_says_what_is_missing(trained: tuple[Path, Classifier]) -> None:
    with pytest.raises(ConfigError, match="--run_path is missing"):
        BackdoorDetection().build_model()
    with pytest.raises(ConfigError, match="was not poisoned: the task 'classifier' trained it"):
        list(BackdoorDetection(run_path=trained[0]).check())


def test_tasks_is_a_mapping_over_the_registry() -> None:
    assert {"backdoor", "adversarial_examples", "toy_features"} <= set(TASKS)
    assert len(TASKS) == len(list(TASKS))
    assert TASKS["adversarial_examples"] is AdversarialExampleTask
    assert TASKS["backdoor"] is Backdoor
    assert TASKS["backdoor_detection"] is BackdoorDetection
    assert TASKS["toy_features"] is ToyFeaturesTask
    with pytest.raises(KeyError, match="backdoor"):
        TASKS["backdor"]


def test_build_params_trains_when_nobody_has_yet() -> None:
    config = ClassifierConfig.model_validate(
        {"data": DATA, "training": {"epochs": 1}, "model": {"kind": "mlp", "hidden_dims": [8]}}
    )
    task = Classifier(config)
    assert set(task.build_params()["params"]) == {"dense_0", "logits"}
