"""The one driver of the domain: prepare, assemble, assert validity, fit, score, evaluate, keep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import ConfigError
from taskloom.task import JsonValue, Result

from taskloom_anomaly.backends.devices import Placement
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection import validity_card as card
from taskloom_anomaly.detection.artifacts import keep_detector, keep_scores, keep_worst
from taskloom_anomaly.detection.assembly import Problem, assemble
from taskloom_anomaly.detection.evaluation import SetScores, evaluate, flat_metrics, headline, judge
from taskloom_anomaly.detection.fitting import (
    FUSED,
    FittedDetector,
    fit_detector,
    score_sets,
)
from taskloom_anomaly.detection.validity import predictions
from taskloom_anomaly.models.stored import MODEL_FILE
from taskloom_anomaly.task import AnomalyTask, Check, HasValidity, Prepares

if TYPE_CHECKING:
    from taskloom.context import RunContext


def run_task(
    task: object, config: AnomalyConfig, ctx: RunContext, checkpoint: Path | None = None
) -> Result:
    """Run an anomaly task.

    Args:
        task: Has the four methods of `AnomalyTask`, and perhaps some of the optional ones.
        config: Detector, layers, regime.
        ctx: The run.
        checkpoint: Where `prepare` continues from.

    Raises:
        ConfigError: A method is missing, or data, network, detector and regime do not fit together.
        InvalidTaskError: An attack did not take or a network did not learn.
    """
    if not isinstance(task, AnomalyTask):
        missing = [name for name in _METHODS if not hasattr(task, name)]
        raise ConfigError(
            f"{type(task).__name__} is no anomaly task: it lacks {', '.join(missing)}."
        )
    with Placement(task, ctx.resources) as placement:
        if isinstance(task, Prepares) and not task.prepare(ctx, checkpoint):
            return Result(summary="stopped while preparing; the checkpoint continues it")
        problem = assemble(task, config)
        placement.follow(problem.handle)
        return _judge(task, config, ctx, problem)


def _judge(task: AnomalyTask, config: AnomalyConfig, ctx: RunContext, problem: Problem) -> Result:
    """Fit the detector, score, evaluate and keep what came of it."""
    checks = list(task.validity(problem.handle)) if isinstance(task, HasValidity) else []
    card_path = ctx.artifact("card.json")
    card.write_json(card_path, _card(problem, checks, {}))
    card.assert_valid(checks)
    fitted = fit_detector(problem, config)
    scores = score_sets(fitted, problem.test_sets, config)
    evaluation = evaluate(scores)
    metrics = flat_metrics(evaluation)
    baselines = _baselines(task, problem) if config.baselines else {}
    card.write_json(card_path, _card(problem, checks, baselines, metrics, fitted))
    metrics |= {f"card/{check.name}": check.value for check in checks}
    metrics |= {f"baseline_auroc/{name}": value for name, value in baselines.items()}
    ctx.log(_last_step(config) + 1, **metrics)
    return Result(
        metrics=metrics,
        artifacts=_keep(task, problem, fitted, scores, evaluation, config=config, ctx=ctx)
        | {"card": card_path},
        summary=_summary(evaluation, problem),
    )


# The baselines are judged on at most this many samples of every set.
_BASELINE_SAMPLES = 3000
_METHODS = ("build_reference_data", "build_model", "build_params", "build_anomalous_data")


def _last_step(config: AnomalyConfig) -> int:
    """The last step that training logged; the evaluation's line comes after it."""
    training = getattr(config, "training", None)
    return int(training.epochs) if training is not None else 0


def _baselines(task: object, problem: Problem) -> dict[str, float]:
    """AUROC of detectors that see no activation."""
    few = slice(_BASELINE_SAMPLES)
    anomalous = [data.take(few).arrays() for data in problem.anomalous.values()]
    sets = [problem.normal.take(few).arrays(), card.everything(anomalous)]
    trusted = problem.trusted.take(few).arrays()
    rows = [card.input_rows(task, data) for data in (trusted, *sets)]
    answers = [predictions(problem.handle, data) for data in (trusted, *sets)]
    by_input = card.input_baseline(rows[0], *rows[1:])
    by_label = card.label_baseline(answers[0], problem.handle.num_outputs, *answers[1:])
    return {
        "input": judge(*by_input)["auroc"],
        "predicted_class": judge(*by_label)["auroc"],
    }


def _card(
    problem: Problem,
    checks: list[Check],
    baselines: dict[str, float],
    metrics: dict[str, float] | None = None,
    fitted: FittedDetector | None = None,
) -> JsonValue:
    control = {
        name.removeprefix("control_auroc/"): value
        for name, value in (metrics or {}).items()
        if name.startswith("control_auroc/")
    }
    return {
        "schema": 1,
        "valid": all(check.ok for check in checks),
        "checks": card.checks_as_json(checks),
        "parameters": "random" if problem.random_parameters else "trained",
        "model": problem.handle.fingerprint,
        "layers": {
            name: list(problem.handle.layers[name].shape)
            for name in (fitted.extractor.layers if fitted else problem.handle.default_layers)
        },
        "samples": {
            "trusted": len(problem.trusted),
            "calibration": len(problem.calibration),
            "untrusted": 0 if problem.untrusted is None else len(problem.untrusted),
            **{name: len(data) for name, data in problem.test_sets.items()},
        },
        "baseline_auroc": dict(baselines),
        "control_auroc": dict(control),
        "auroc": (metrics or {}).get(f"auroc/{FUSED}"),
        "mechanistic_specificity": (metrics or {}).get("mechanistic_specificity"),
    }


def _keep(
    task: AnomalyTask,
    problem: Problem,
    fitted: FittedDetector,
    scores: SetScores,
    evaluation: Mapping[str, Any],
    *,
    config: AnomalyConfig,
    ctx: RunContext,
) -> dict[str, Path]:
    eval_path = ctx.artifact("eval.json")
    card.write_json(eval_path, {"schema": 1, **evaluation})
    kept = {
        "eval": eval_path,
        "scores": keep_scores(ctx.artifact("scores.npz"), scores, fitted.calibration),
        "detector": keep_detector(ctx.artifact("detector.safetensors"), fitted, config),
        "worst": keep_worst(ctx.artifact("worst.npz"), task, problem, scores),
    }
    # Asking the context for the path would announce a model, which a task over a stored network does not leave.
    model = eval_path.parent / "model"
    return kept | ({"model": model} if (model / MODEL_FILE).is_file() else {})


def _summary(
    evaluation: dict[str, dict[str, dict[str, dict[str, float]]]], problem: Problem
) -> str:
    layers = headline(evaluation)
    each = ", ".join(f"{name} {t['auroc']:.3f}" for name, t in layers.items() if name != FUSED)
    warning = "RANDOM PARAMETERS: " if problem.random_parameters else ""
    return f"{warning}AUROC {layers[FUSED]['auroc']:.3f} (layers: {each})"


def scores_of(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read scores by set and layer from a run's `scores.npz`."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            name, _, layer = key.partition("|")
            found.setdefault(name, {})[layer] = stored[key]
    return found
