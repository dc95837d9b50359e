"""The driver: what a run measures, keeps and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import linen as nn
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError, PluginError, RunFailedError, UnknownNameError
from taskloom.task import Result
from taskloom.testing import MemoryContext
from taskloom_anomaly import driver
from taskloom_anomaly.backends.resolve import RandomParametersWarning
from taskloom_anomaly.compat.task_config import AnomalyTaskConfig
from taskloom_anomaly.compat.tasks import run_task
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.evaluation import flat_metrics
from taskloom_anomaly.detection.validity_card import input_baseline, label_baseline
from taskloom_anomaly.errors import InvalidTaskError
from taskloom_anomaly.task import AnomalyTask, Check
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig


class Net(nn.Module):
    """One hidden layer."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(nn.Dense(4, name="hidden")(x))
        return nn.Dense(3, name="logits")(x)


def gaussian(n: int, mean: float, seed: int) -> ArrayDataset:
    rng = np.random.default_rng(seed)
    return ArrayDataset(rng.normal(mean, 1, (n, 5)).astype(np.float32), rng.integers(0, 3, n))


class Shifted(AnomalyTaskConfig):
    """The seed's form: the config carries the four methods."""

    shift: float = 4.0
    """Mean of the anomalies."""
    poison: str = ""
    """What is wrong with the data."""

    def build_reference_data(self) -> ArrayDataset:
        return gaussian(6 if self.poison == "few" else 300, 0, 1)

    def build_model(self) -> nn.Module:
        return Net()

    def build_params(self) -> dict[str, Any] | None:
        if self.poison == "random":
            return None
        parameters: dict[str, Any] = Net().init(jax.random.key(0), np.zeros((1, 5), np.float32))[
            "params"
        ]
        if self.poison == "nan":
            parameters["hidden"]["bias"] = parameters["hidden"]["bias"].at[0].set(np.nan)
        return parameters

    def build_anomalous_data(self) -> ArrayDataset | dict[str, ArrayDataset]:
        data = gaussian(80, self.shift, 2)
        if self.poison == "shape":
            return ArrayDataset(np.ones((4, 7), np.float32))
        if self.poison == "named":
            return {"near": data, "far": gaussian(50, 3 * self.shift, 3)}
        return data


class Guarded(Shifted):
    """One that says whether it is valid."""

    floor: float = 0.5
    """Least value."""

    def validity(self, handle: object, /) -> list[Check]:
        return [Check("attack_success", 0.4, floor=self.floor, remedy="raise --shift")]

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        return {"same": gaussian(80, 0, 9), "wide": gaussian(80, 1.5, 9)}


def test_seed_form_runs_and_separates(ctx: MemoryContext, run: Callable[..., Result]) -> None:
    task = Shifted()
    assert isinstance(task, AnomalyTask)
    result = run(task)
    assert result.metrics["auroc/fused"] > 0.95
    assert {"auroc/hidden", "auroc/logits", "average_precision/hidden"} <= set(result.metrics)
    assert ctx.rows[-1]["auroc/fused"] == result.metrics["auroc/fused"]


def test_run_metrics_equal_scikit_learn_on_the_kept_scores(run: Callable[..., Result]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    result = run(Shifted(shift=1.0))
    scores = scores_of(result.artifacts["scores"])
    for layer in ("hidden", "logits", "fused"):
        normal, anomalous = scores["normal"][layer], scores["anomalous/anomalies"][layer]
        truth = np.r_[np.zeros(len(normal)), np.ones(len(anomalous))]
        values = np.r_[normal, anomalous]
        assert result.metrics[f"auroc/{layer}"] == pytest.approx(roc_auc_score(truth, values))
        assert result.metrics[f"average_precision/{layer}"] == pytest.approx(
            average_precision_score(truth, values)
        )


def test_run_judges_several_anomalous_sets(run: Callable[..., Result]) -> None:
    result = run(Shifted(poison="named", shift=1.5))
    assert result.metrics["auroc_of/far"] > result.metrics["auroc_of/near"]
    evaluation = json.loads(result.artifacts["eval"].read_text())
    assert set(evaluation["anomalous"]) == {"near", "far", "all"}


def test_run_scores_no_sample_that_the_detector_was_fitted_on() -> None:
    # The seed system scored its training points as the normal side.
    problem = assemble(Shifted(), Shifted())
    parts = [problem.trusted, problem.calibration, problem.normal]
    rows = [{tuple(row) for row in part.inputs.tolist()} for part in parts]
    assert sum(map(len, rows)) == 300 == len(rows[0] | rows[1] | rows[2])


def test_run_warns_of_random_parameters_and_says_so(run: Callable[..., Result]) -> None:
    with pytest.warns(RandomParametersWarning, match="RANDOM"):
        result = run(Shifted(poison="random"))
    assert result.summary.startswith("RANDOM PARAMETERS")
    assert json.loads(result.artifacts["card"].read_text())["parameters"] == "random"


def test_invalid_task_is_never_scored(ctx: MemoryContext, run: Callable[..., Result]) -> None:
    with pytest.raises(
        InvalidTaskError, match=r"attack_success is 0\.400, below the floor 0\.5: raise --shift\."
    ):
        run(Guarded())
    card = json.loads((ctx.dir / "artifacts" / "card.json").read_text())
    assert card["valid"] is False
    assert card["auroc"] is None
    assert not (ctx.dir / "artifacts" / "scores.npz").exists()


def test_validity_that_is_not_a_number_is_invalid() -> None:
    assert not Check("accuracy", float("nan"), floor=0.5).ok


def test_control_sets_lower_the_mechanistic_specificity(run: Callable[..., Result]) -> None:
    metrics = run(Guarded(floor=0.1)).metrics
    control = [max(metrics[f"control_auroc/{name}"], 0.5) for name in ("same", "wide")]
    assert metrics["mechanistic_specificity"] == pytest.approx(
        metrics["auroc/fused"] - np.mean(control)
    )
    assert metrics["control_auroc/wide"] > metrics["control_auroc/same"]


def test_calling_benign_shifts_more_normal_earns_nothing() -> None:
    judged = {"auroc": 0.9, "average_precision": 0.9}
    evaluation = {
        "anomalous": {"anomalies": {"fused": judged}},
        "control": {"dim": {"fused": {"auroc": 0.1}}},
    }
    assert flat_metrics(evaluation)["mechanistic_specificity"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("poison", "error", "message"),
    [
        ("nan", RunFailedError, r"NaN or infinity in (the logits|layer 'hidden') on \d+ of \d+"),
        ("shape", ConfigError, r"'anomalous/anomalies' have the shape \(7,\); .* \(5,\)"),
        ("few", ConfigError, "too few samples"),
    ],
)
def test_bad_data_is_one_sentence(
    poison: str, error: type[Exception], message: str, run: Callable[..., Result]
) -> None:
    with pytest.raises(error, match=message) as caught:
        run(Shifted(poison=poison))
    assert "\n" not in str(caught.value)


def test_unknown_layer_lists_those_that_exist(run: Callable[..., Result]) -> None:
    with pytest.raises(UnknownNameError, match=r"no layer 'hiden'.*hidden, .*logits") as caught:
        run(Shifted(layers=("hiden",)))
    assert caught.value.hint == "Did you mean 'hidden'?"


def test_run_names_the_methods_that_a_task_lacks(ctx: MemoryContext) -> None:
    class Half:
        def build_model(self) -> None: ...

    with pytest.raises(
        PluginError, match="lacks build_reference_data, build_params, build_anomalous_data"
    ):
        run_task(Half(), Shifted(), ctx)  # type: ignore[arg-type] # that is the question


@pytest.mark.parametrize(
    ("detector", "regime", "message"),
    [
        ("mahalanobis", "untrusted", "needs trusted data, which --regime=untrusted denies"),
        ("que", "trusted", "needs untrusted data, which --regime=trusted denies"),
        ("probe", "trusted_untrusted", "needs labels, which --regime=trusted_untrusted denies"),
        ("que", "auto", "needs untrusted data and the task has none"),
    ],
)
def test_regime_denies_a_detector_what_it_may_not_see(
    detector: str, regime: str, message: str
) -> None:
    task = Shifted.model_validate({"detector": {"kind": detector}, "regime": regime})
    (finding,) = driver.check(BoundTask(task, task, lambda _: task))
    assert finding.level == "error"
    assert message in finding.message


def test_contamination_puts_anomalies_among_the_trusted() -> None:
    clean = assemble(Shifted(shift=50), Shifted(shift=50))
    config = Shifted(shift=50, contamination=0.1)
    dirty = assemble(config, config)
    assert (clean.trusted.inputs.mean(axis=1) > 25).sum() == 0
    assert (dirty.trusted.inputs.mean(axis=1) > 25).mean() == pytest.approx(0.1, abs=0.01)
    assert len(dirty.trusted) == len(clean.trusted)


def test_input_baseline_is_the_shrunk_mahalanobis_distance() -> None:
    from sklearn.covariance import OAS

    rows = np.random.default_rng(0).normal(size=(60, 8)) * np.arange(1, 9)
    fitted = OAS().fit(rows)
    np.testing.assert_allclose(input_baseline(rows, rows[:9])[0], fitted.mahalanobis(rows[:9]))


def test_label_baseline_finds_rare_answers() -> None:
    common, rare = label_baseline(np.array([0, 0, 0, 1]), 3, np.array([0]), np.array([2]))
    assert rare[0] > common[0]


def test_backdoor_stops_when_asked_and_scores_nothing(
    tmp_path: Path, tiny: dict[str, object], run: Callable[..., Result]
) -> None:
    config = BackdoorConfig.model_validate({**tiny, "min_attack_success": 0})
    ctx = MemoryContext(tmp_path, stop_after=1)
    result = run(Backdoor(config), ctx)
    assert result.metrics == {}
    assert ctx.latest_checkpoint is not None


def test_backdoor_target_class_must_exist(
    tiny: dict[str, object], run: Callable[..., Result]
) -> None:
    with pytest.raises(ConfigError, match="target_class=12 is no class; the classes are 0 to 9"):
        run(Backdoor(BackdoorConfig.model_validate({**tiny, "target_class": 12})))


def test_training_that_diverges_says_so(tiny: dict[str, Any], run: Callable[..., Result]) -> None:
    config = BackdoorConfig.model_validate(
        {**tiny, "training": {**tiny["training"], "learning_rate": 1e30}}
    )
    with pytest.raises(RunFailedError, match="Training diverged"):
        run(Backdoor(config))
