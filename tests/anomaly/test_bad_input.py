"""What a user gets wrong on the command line: one sentence, a non-zero exit, and a run that is recorded as failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import taskloom_anomaly
import torch
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom.runs import list_runs
from taskloom_anomaly.backends.told import tell_cast
from taskloom_anomaly.data.named import NamedArrays

WRONG = '''
"""A task that is wrong in one way."""

from typing import Literal

import numpy as np
from taskloom_anomaly import AnomalyTaskConfig, ArrayDataset
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.models.mlp import MLP


class Wrong(AnomalyTaskConfig):
    """A task that is wrong in one way."""

    wrong: str = ""
    """What is wrong."""
    net: Literal["linen", "nnx", "torch"] = "torch"
    """Framework."""

    def _draw(self, n, width=4):
        return np.random.default_rng(0).normal(size=(n, width)).astype(np.float32)

    def build_reference_data(self):
        return ArrayDataset(self._draw(120, 7 if self.wrong == "shape" else 4))

    def build_model(self):
        return MLP(hidden_dims=(6,), backend=self.net).build((4,), 2, 0)

    def build_params(self):
        tree = as_handle(self.build_model(), None, self._draw(1), warn=False).tree()
        if self.wrong == "parameters":
            tree[next(name for name in tree if name.endswith("bias"))][0] = np.nan
        return tree

    def build_anomalous_data(self):
        data = 3 + self._draw(30, 3 if self.wrong == "anomalies" else 4)
        if self.wrong == "nan":
            data[3] = np.nan
        return ArrayDataset(data)
'''

Refused = Callable[..., str]


@pytest.fixture
def wrong(install: Callable[..., Path]) -> None:
    """The wrong task as somebody's installed package."""
    install("lab-wrong", "[taskloom.tasks]\nanomaly.wrong = lab_wrong:Wrong\n", lab_wrong=WRONG)


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return a function that runs a task, asserts that it failed properly, and returns its one sentence."""

    def run(*words: str) -> str:
        store = tmp_path / "store"
        assert main(["run", "anomaly", *words, f"--store={store}"]) != 0
        shown = capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        (run,) = list_runs(store)
        assert run.status == "failed"
        assert not run.metrics
        failure = run.record.failure
        assert failure is not None
        assert "\n" not in failure.message
        assert f"error: {failure.message}" in shown.err
        return failure.message

    return run


def test_run_path_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    words = ("run", "anomaly", "adversarial_examples", f"--run_path={tmp_path}", f"--store={store}")
    assert main(words) != 0
    assert f"error: The run path '{tmp_path}' holds no model" in capsys.readouterr().err
    assert list_runs(store) == []  # the check refuses before a run is made


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize(
    ("framework", "why"), [("linen", "kernel"), ("nnx", "dot_general"), ("torch", "mat1 and mat2")]
)
def test_data_whose_shape_does_not_fit_the_network(
    framework: str, why: str, refused: Refused
) -> None:
    said = refused("wrong", "--wrong=shape", f"--net={framework}")
    assert said.startswith("Samples of the shape (7,) do not fit the network: ")
    assert why in said
    assert "http" not in said


@pytest.mark.usefixtures("wrong")
def test_anomalies_whose_shape_does_not_fit_the_reference_data(refused: Refused) -> None:
    said = refused("wrong", "--wrong=anomalies")
    assert said == (
        "The samples of 'anomalous/anomalies' have the shape (3,); the reference data and the network have (4,)."
    )


@pytest.mark.usefixtures("wrong")
def test_layer_that_does_not_exist(refused: Refused) -> None:
    said = refused("wrong", "--layers=dense_7")
    assert said.startswith("The network has no layer 'dense_7'; its layers are ")
    assert "dense_0, logits" in said


def test_too_few_samples_for_a_covariance(refused: Refused, classifier: Path) -> None:
    # 10 normal samples, of which a fifth calibrates: 8 samples span 7 directions, and the layer is 24 wide.
    unshrunk = ["--detector.mode=global", "--detector.shrinkage=none"]
    words = [f"--run_path={classifier}", "--max_size=10", "--attack.eps=0.5", *unshrunk]
    said = refused("adversarial_examples", *words)
    assert said.startswith(
        "Layer 'dense_0' has too few samples for a covariance: 7 effective dimensions out of 24"
    )
    assert "a shrinkage (ledoit_wolf, oas)" in said


def test_attack_that_cannot_reach_its_threshold(refused: Refused, classifier: Path) -> None:
    words = [f"--run_path={classifier}", "--attack=fgsm", "--attack.eps=0.01"]
    said = refused("adversarial_examples", *words)
    shape = r"accuracy under attack is 0\.\d{3} at eps 0\.01, above the threshold 0\.1; --attack\.eps=0\.\d+ would do"
    assert re.search(shape, said)


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "nan",
            "Scoring the samples of 'anomalous/anomalies' failed: NaN or infinity in the logits on 1 of 30 samples: the inputs",
        ),
        (
            "parameters",
            "NaN or infinity in the logits on 72 of 72 samples: their inputs are numbers, so it arises in the network",
        ),
    ],
)
def test_nan_in_activations(what: str, message: str, refused: Refused) -> None:
    assert refused("wrong", f"--wrong={what}").startswith(message)


def rows(width: int = 4, count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)


def plain() -> torch.nn.Module:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    with torch.no_grad():
        for value in module.parameters():  # as training moves them
            value.add_(0.3 * torch.randn_like(value))
    return module


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        (rows(5), r"Samples of the shape \(5,\) do not fit the network: mat1"),
        (np.ones((40, 4), int), r"Samples of the shape \(4,\) do not fit the network: .*dtype"),
        ({"foo": rows()}, "do not fit the network: .*unexpected keyword argument 'foo'"),
        ({"0": rows(), "mask": rows(count=9)}, "must share their first axis; they have '0' 40"),
        ([[1.0, 2.0], [1.0, 2.0, 3.0]] * 20, "do not fit the network"),
    ],
)
def test_samples_that_a_network_of_ones_own_cannot_take(trusted: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        taskloom_anomaly.fit(plain(), trusted)


def test_a_lazy_module_without_values_is_refused_and_left_without() -> None:
    module = torch.nn.Sequential(torch.nn.LazyLinear(3))
    with pytest.raises(ConfigError, match=r"'0\.weight' has no values yet"):
        taskloom_anomaly.fit(module, rows())
    assert isinstance(module[0].weight, torch.nn.parameter.UninitializedParameter)


@pytest.mark.parametrize(
    "trusted",
    [
        rows().tolist(),
        [(row, 0) for row in rows()],
        {"input": rows()},
        [{"input": row} for row in rows()],
        NamedArrays({"": rows()}),
    ],
)
def test_samples_in_other_forms_score_as_an_array_does(trusted: object) -> None:
    expected = taskloom_anomaly.fit(plain(), rows()).score(rows())
    found = taskloom_anomaly.fit(plain(), trusted).score(rows())
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, rtol=1e-6)


def test_rows_of_another_precision_are_cast_and_that_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tell_cast.cache_clear()
    for _ in range(2):
        taskloom_anomaly.fit(plain(), rows().astype(np.float64))
    said = [r.message for r in caplog.records if "cast" in r.message]
    assert said == ["Inputs in float64 are cast to float32, the precision of the network."]
