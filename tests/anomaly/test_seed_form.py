"""A task file of cupbearer: its import line must be changed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.cli import main
from taskloom.errors import PluginError
from taskloom.opening import open_task
from taskloom.runs import open_run
from taskloom.testing import MemoryContext
from taskloom_anomaly import (
    TASKS,
    AdversarialExampleConfig,
    AdversarialExampleTask,
    AnomalyTaskConfig,
    BackdoorDetection,
    TaskConfigBase,
    ToyFeaturesTask,
)
from taskloom_anomaly.compat.tasks import run_task
from taskloom_anomaly.data.arrays import Dataset
from taskloom_anomaly.errors import InvalidTaskError
from taskloom_anomaly.tasks.classifier import Classifier, ClassifierConfig

# The default network of MNIST digits is trained here.
OPTIMIZED = True

PORTED = '''
"""Adversarial examples, written as the seed system's documentation writes a task."""

from dataclasses import dataclass
from pathlib import Path

from taskloom_anomaly import AdversarialExampleConfig, StoredModel, TaskConfigBase, TrainDataFromRun
from taskloom_anomaly.attacks.fgsm import FGSM


@dataclass(kw_only=True)
class Ported(TaskConfigBase):
    """Adversarial examples of a classifier."""

    run_path: Path
    """Run of a trained classifier."""
    eps: float = 0.5
    """Largest change of a pixel."""
    untrained: bool = False
    """Throw the parameters away."""

    def __post_init__(self):
        attack = FGSM(eps=self.eps)
        self._reference_data = TrainDataFromRun(path=self.run_path)
        self._anomalous_data = AdversarialExampleConfig(run_path=self.run_path, attack=attack)
        self._model = StoredModel(path=self.run_path)

    def build_reference_data(self):
        return self._reference_data.build_dataset()

    def build_model(self):
        return self._model.build_model()

    def build_params(self):
        return None if self.untrained else self._model.build_params()

    def build_anomalous_data(self):
        return self._anomalous_data.build_dataset()
'''


@pytest.fixture
def ported(install: Callable[..., Path]) -> None:
    """Install the ported file as a package."""
    install("lab-seed", "[taskloom.tasks]\nanomaly.ported = lab_seed:Ported\n", lab_seed=PORTED)


@pytest.mark.usefixtures("ported")
def test_a_ported_task_is_a_task_and_its_fields_are_options(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ported" in TASKS
    assert main(["run", "anomaly", "ported", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--run_path" in shown
    assert "--eps FLOAT 0.5 Largest change of a pixel." in shown

    store = str(tmp_path / "store")
    assert main(["run", "anomaly", "ported", f"--store={store}"]) == 2
    assert "--run_path must be given" in capsys.readouterr().err

    words = [f"--run_path={classifier}", "--eps=0.6", f"--store={store}"]
    assert main(["run", "anomaly", "ported", *words]) == 0
    # A task over a stored network leaves no network, and does not pretend to.
    assert "warning" not in capsys.readouterr().err
    run = open_run("@last", Path(store))
    assert run.metrics["auroc/fused"] > 0.9
    assert run.config["eps"] == 0.6
    assert "model" not in run.artifacts
    assert len(list((classifier / "model" / "adv_examples").glob("*.safetensors"))) == 1


@pytest.mark.usefixtures("ported")
def test_a_ported_task_is_made_by_position_and_without_parameters_warns_loudly(
    classifier: Path, tmp_path: Path
) -> None:
    task: Any = TASKS["ported"](classifier, untrained=True)
    assert task.run_path == classifier
    with pytest.warns(UserWarning, match="RANDOM"):
        result = run_task(task, task, MemoryContext(tmp_path / "run"))  # type: ignore[arg-type] # a memory context
    assert result.summary.startswith("RANDOM PARAMETERS")


def test_the_seeds_tasks_take_their_run_path_by_position(classifier: Path) -> None:
    task = AdversarialExampleTask(classifier, max_size=None)
    assert task.run_path == classifier
    assert task.max_size == 0
    assert BackdoorDetection(str(classifier)).run_path == classifier
    assert len(task.build_reference_data()) == 300


def test_a_config_says_when_it_gets_too_much_by_position() -> None:
    class Mine(AnomalyTaskConfig):
        size: int = 3

    assert Mine(5).size == 5
    with pytest.raises(TypeError, match=r"at most 1 values by position \(size\); 2 were given"):
        Mine(1, 2)
    with pytest.raises(TypeError, match="'size' twice"):
        Mine(1, size=2)


@pytest.mark.parametrize("options", [{}, {"kw_only": True}])
def test_the_decorator_that_cupbearer_asks_for_changes_nothing(options: dict[str, bool]) -> None:
    class Plain(TaskConfigBase):
        run_path: Path
        size: int = 3

        def __post_init__(self) -> None:
            self._parts = self.size * ["part"]

    decorated: Any = dataclass(**options)(type("Plain", (Plain,), {"__module__": __name__}))
    for made in (
        decorated("runs/a", size=2),
        decorated.model_validate({"run_path": "runs/a", "size": 2}),
    ):
        assert made.run_path == Path("runs/a")
        assert made._parts == ["part", "part"]
        assert made == decorated("runs/a", size=2)
        assert hash(made) == hash(decorated("runs/a", size=2))
    assert sorted(decorated.model_fields) == sorted(Plain.model_fields)


class Named(ToyFeaturesTask):
    """A task that a script names."""


def test_assigning_to_tasks_names_a_task_for_this_process() -> None:
    TASKS["named"] = Named
    try:
        assert "named" in TASKS
        assert TASKS["named"] is Named
        assert isinstance(open_task("anomaly/named", noise=0.2).task, Named)
    finally:
        del TASKS["named"]
    assert "named" not in TASKS
    with pytest.raises(KeyError):
        del TASKS["backdoor"]


def test_assigning_to_tasks_what_cannot_be_imported_names_the_entry_point() -> None:
    local = type("Local", (ToyFeaturesTask,), {"__module__": "<run_path>"})
    with pytest.raises(PluginError, match="by an entry point") as caught:
        TASKS["mine"] = local
    assert '"anomaly.mine" = "PACKAGE:Local"' in caught.value.hint
    with pytest.raises(PluginError, match="'anomaly/backdoor' is a task of taskloom-anomaly"):
        TASKS["backdoor"] = Named


def test_adversarial_example_config_makes_examples_once_in_this_process(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The seed started `python` from PATH in a subprocess.
    monkeypatch.setenv("PATH", "")
    settings: dict[str, Any] = {"max_size": 40, "success_threshold": 0.4}
    made = AdversarialExampleConfig(classifier, **settings)
    examples = made.build()
    assert isinstance(examples, Dataset)
    assert len(examples) == 40
    assert made.outcome.new_accuracy <= 0.4 < made.outcome.original_accuracy
    again = AdversarialExampleConfig(run_path=classifier, **settings).build()
    np.testing.assert_array_equal(examples.inputs, again.inputs)


def test_adversarial_example_config_finds_what_a_verb_has_made(classifier: Path) -> None:
    assert (
        main(
            ["anomaly", "make-adversarial-examples", str(classifier), "--attack=fgsm", "--eps=0.55"]
        )
        == 0
    )
    place = classifier / "model" / "adv_examples"
    before = set(place.iterdir())
    assert len(AdversarialExampleConfig(run_path=classifier).build_dataset()) > 0
    assert set(place.iterdir()) == before


def test_adversarial_example_config_names_what_would_do(classifier: Path) -> None:
    from taskloom_anomaly.attacks.fgsm import FGSM

    weak = AdversarialExampleConfig(classifier, attack=FGSM(eps=8 / 255))
    with pytest.raises(
        InvalidTaskError, match=r"accuracy under attack is 0\.\d+ .*eps=0\.\d+ would"
    ):
        weak.build()


def test_the_default_attack_fools_a_network_of_mnist_digits(tmp_path: Path) -> None:
    # The seed's, FGSM at 8/255, left an accuracy of 0.85: its example task could not work out of the box.
    config = ClassifierConfig.model_validate(
        {"data": {"num_train": 1500, "num_test": 300}, "training": {"epochs": 6, "batch_size": 50}}
    )
    Classifier(config).prepare(MemoryContext(tmp_path, 0))
    made = AdversarialExampleTask(tmp_path).adversarial.outcome
    assert made.original_accuracy > 0.85
    assert made.new_accuracy <= 0.1


PLAIN = """
from sklearn.datasets import make_blobs
from taskloom_anomaly import ArrayDataset
from taskloom_anomaly.models.mlp import MLP


class Blobs:
    def build_reference_data(self):
        return self.blob(0)

    def build_model(self):
        return MLP(hidden_dims=(8,)).build((4,), 3, 0)

    def build_params(self):
        return None

    def build_anomalous_data(self):
        return self.blob(9)

    def blob(self, centre):
        return ArrayDataset(make_blobs(60, centers=[[centre] * 4], random_state=0)[0].astype("float32"))


class Half:
    def build_model(self): ...
"""


@pytest.mark.filterwarnings("ignore::taskloom_anomaly.backends.resolve.RandomParametersWarning")
def test_a_plain_class_with_the_four_methods_is_a_task(
    install: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = (
        "[taskloom.tasks]\nanomaly.blobs = plain_blobs:Blobs\nanomaly.half = plain_blobs:Half\n"
    )
    install("plain-blobs", entries, plain_blobs=PLAIN)
    store = f"--store={tmp_path / 'store'}"
    words = ["--detector=knn", "--fusion=max", store]
    assert main(["run", "anomaly", "blobs", *words]) == 0
    run = open_run("@last", tmp_path / "store")
    assert run.metrics["auroc/dense_0"] > 0.8
    assert run.config["fusion"] == "max"
    assert run.config["detector"] == {**run.config["detector"], "kind": "knn"}  # type: ignore[dict-item] # JSON
    capsys.readouterr()

    assert main(["run", "anomaly", "half", store]) == 4
    lacking = "it lacks build_reference_data, build_params, build_anomalous_data"
    assert lacking in " ".join(capsys.readouterr().err.split())
