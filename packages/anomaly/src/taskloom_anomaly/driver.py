"""The driver of the domain: it prepares a task, assembles its data, asserts validity, fits, scores, evaluates and keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.task import Finding, JsonValue, Result

from taskloom_anomaly.backends.devices import Devices
from taskloom_anomaly.backends.layers import layer_info
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection import validity_card as card
from taskloom_anomaly.detection.artifacts import (
    DETECTOR_FILE,
    keep_detector,
    keep_scores,
    keep_worst,
)
from taskloom_anomaly.detection.assembly import DetectionData, assemble
from taskloom_anomaly.detection.baselines import (
    BASELINE_SAMPLES,
    baseline_scores,
    best,
    gain,
)
from taskloom_anomaly.detection.evaluation import (
    SetScores,
    document,
    evaluate,
    flat_metrics,
    headline,
)
from taskloom_anomaly.detection.fitting import (
    FittedDetector,
    answer_sets,
    fit_detector,
    score_sets,
)
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detection.headline import best_of, headline_of_run, units_of
from taskloom_anomaly.detection.regimes import regime_conflict
from taskloom_anomaly.detection.tokens import keep_tokens, scores_tokens
from taskloom_anomaly.metrics.ranking import auroc
from taskloom_anomaly.models.stored import MODEL_FILE
from taskloom_anomaly.task import (
    AnomalyTask,
    Check,
    HasCleanTwin,
    HasUntrustedData,
    HasValidity,
    Prepares,
)

if TYPE_CHECKING:
    from taskloom.bound import BoundTask
    from taskloom.context import RunContext
    from taskloom.headline import Baseline


def run(
    task: BoundTask[AnomalyTask, AnomalyConfig], ctx: RunContext, checkpoint: Path | None
) -> Result:
    """Pair a task with the detector of its config.

    Args:
        task: The task, with its detector, layers and regime.
        ctx: The run.
        checkpoint: The place at which `prepare` continues; None begins.

    Raises:
        ConfigError: Data, network, detector and regime do not fit together.
        InvalidTaskError: An attack did not succeed, or a network did not learn.
    """
    with Devices(task.config, ctx.resources) as devices:
        if isinstance(task.task, Prepares) and not task.task.prepare(ctx, checkpoint):
            return Result(summary="stopped while preparing; the checkpoint continues it")
        data = assemble(task.task, task.config)
        devices.follow(data.handle)
        return _judge(task.task, task.config, ctx, data)


def check(task: BoundTask[AnomalyTask, AnomalyConfig]) -> Iterable[Finding]:
    """Yield an error when the detector does not get what it needs."""
    conflict = regime_conflict(
        task.config.detector.needs, task.config.regime, isinstance(task.task, HasUntrustedData)
    )
    if conflict:
        yield Finding("error", conflict)


def describe(task: BoundTask[AnomalyTask, AnomalyConfig]) -> Mapping[str, JsonValue]:
    """Return the needs of the detector, and whether the task has a mixture for those that need one."""
    return {
        "detector_needs": [*sorted(task.config.detector.needs)],
        "untrusted_data": isinstance(task.task, HasUntrustedData),
    }


def can_resume(task: BoundTask[AnomalyTask, AnomalyConfig]) -> bool:
    """Return whether the task prepares something, which is what checkpoints keep."""
    return isinstance(task.task, Prepares)


def _judge(
    task: AnomalyTask, config: AnomalyConfig, ctx: RunContext, data: DetectionData
) -> Result:
    """Fit the detector, score, evaluate and keep what came of it."""
    checks = list(task.validity(data.handle)) if isinstance(task, HasValidity) else []
    card_path = ctx.artifact("card.json")
    card.write_json(card_path, _card(data, checks, {}))
    card.assert_valid(checks)
    with ctx.progress(None, "fitting the detector"):
        fitted = fit_detector(data, config)
    with ctx.progress(None, "scoring the test sets"):
        answers = answer_sets(fitted, data.test_sets)
    fitted = fitted.calibrated_by(answers["normal"])
    scores = {name: {**own, FUSED: own.fused} for name, own in answers.items()}
    evaluation = evaluate(scores)
    metrics = flat_metrics(evaluation)
    beside: dict[str, Path] = {}
    with ctx.progress(None, "scoring without the network"):
        baselines, gained, plain, best_scores = (
            _baselines(task, data, scores) if config.baselines else ({}, {}, None, {})
        )
    if best_scores:
        beside["baseline"] = keep_scores(ctx.artifact("baseline.npz"), best_scores, {})
    twin = _clean_twin(task, config, ctx, data)
    card.write_json(
        card_path, _card(data, checks, baselines, metrics, fitted, gained=gained, twin=twin)
    )
    metrics |= {f"card/{check.name}": check.value for check in checks}
    metrics |= {f"baseline_auroc/{name}": value for name, value in baselines.items()}
    metrics |= {f"gain_over_baseline/{name}": value for name, value in gained.items()}
    metrics |= {f"clean_twin_auroc/{name}": value for name, value in twin.items()}
    ctx.log(_last_step(config) + 1, **metrics)
    return Result(
        metrics=metrics,
        artifacts=_keep(task, data, fitted, scores, evaluation, config=config, ctx=ctx)
        | {"card": card_path}
        | beside,
        summary=_summary(evaluation, data, baselines, gained, twin),
        headline=headline_of_run(config, headline(evaluation)[FUSED], data, plain, twin.get(FUSED)),
        units=units_of(scores),
    )


def _clean_twin(
    task: object, config: AnomalyConfig, ctx: RunContext, data: DetectionData
) -> dict[str, float]:
    """Return the AUROC of the same detector on the same inputs, on a network that has nothing to be found."""
    if not isinstance(task, HasCleanTwin):
        return {}
    handle = task.build_clean_twin(ctx)
    if handle is None:
        return {}
    twin = replace(data, handle=handle, control={})
    layers = headline(evaluate(score_sets(fit_detector(twin, config), twin.test_sets)))
    return {name: table["auroc"] for name, table in layers.items()}


def _last_step(config: AnomalyConfig) -> int:
    """Return the last step that training logged; the line of the evaluation comes after it."""
    training = getattr(config, "training", None)
    return int(training.epochs) if training is not None else 0


def _baselines(
    task: object, data: DetectionData, scores: SetScores
) -> tuple[dict[str, float], dict[str, float], Baseline, SetScores]:
    """Return the AUROC of detectors that see no activation, what the fused score gains over the best, the best, and its scores."""
    found = baseline_scores(task, data)
    areas = {name: auroc(*pair) for name, pair in found.items()}
    few = slice(BASELINE_SAMPLES)
    own = [scores[f"anomalous/{name}"][FUSED][few] for name in data.anomalous]
    fused = scores["normal"][FUSED][few], np.concatenate(own)
    name = best(areas)
    normal, other = found[name]
    # The best of those that see the input keeps the name that it had.
    inputs = [area for label, area in areas.items() if label != "predicted_class"]
    gained = gain(fused, (normal, other))
    kept = {"normal": {name: normal}, "anomalous": {name: other}}
    return {**areas, "input": max(inputs)}, gained, best_of(name, normal, other, gained), kept


def _card(
    data: DetectionData,
    checks: list[Check],
    baselines: dict[str, float],
    metrics: dict[str, float] | None = None,
    fitted: FittedDetector | None = None,
    *,
    gained: Mapping[str, float] | None = None,
    twin: Mapping[str, float] | None = None,
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
        "parameters": "random" if data.random_parameters else "trained",
        "model": data.handle.fingerprint,
        "layers": {
            name: list(layer_info(data.handle, name).shape)
            for name in (fitted.extractor.layers if fitted else data.handle.default_layers)
        },
        "samples": {
            "trusted": len(data.trusted),
            "calibration": len(data.calibration),
            "untrusted": 0 if data.untrusted is None else len(data.untrusted),
            **{name: len(part) for name, part in data.test_sets.items()},
        },
        "baseline_auroc": dict(baselines),
        "best_baseline": _named_best(baselines),
        "gain_over_baseline": dict(gained or {}),
        "clean_twin_auroc": dict(twin or {}),
        "control_auroc": dict(control),
        "auroc": (metrics or {}).get(f"auroc/{FUSED}"),
        "mechanistic_specificity": (metrics or {}).get("mechanistic_specificity"),
    }


def _keep(
    task: AnomalyTask,
    data: DetectionData,
    fitted: FittedDetector,
    scores: SetScores,
    evaluation: Mapping[str, Any],
    *,
    config: AnomalyConfig,
    ctx: RunContext,
) -> dict[str, Path]:
    eval_path = ctx.artifact("eval.json")
    card.write_json(eval_path, document(evaluation, len(data.normal)))
    kept = {
        "eval": eval_path,
        "scores": keep_scores(ctx.artifact("scores.npz"), scores, fitted.calibration),
        "detector": keep_detector(ctx.artifact(DETECTOR_FILE).parent, fitted, config),
        "worst": keep_worst(ctx.artifact("worst.npz"), task, data, scores),
    }
    if scores_tokens(fitted, data.normal):
        tokens = ctx.artifact("tokens.jsonl")
        kept["tokens"] = keep_tokens(tokens, task, fitted, data.calibration, data.test_sets)
    # Asking the context for the path would announce a model, which a task over a stored network does not leave.
    model = eval_path.parent / "model"
    return kept | ({"model": model} if (model / MODEL_FILE).is_file() else {})


def _named_best(baselines: Mapping[str, float]) -> str:
    """Return the name of the best baseline; `input` is the best of some of them and no other."""
    return best({n: area for n, area in baselines.items() if n != "input"}) if baselines else ""


def _summary(
    evaluation: dict[str, dict[str, dict[str, dict[str, float]]]],
    data: DetectionData,
    baselines: Mapping[str, float],
    gained: Mapping[str, float],
    twin: Mapping[str, float],
) -> str:
    layers = headline(evaluation)
    each = ", ".join(f"{name} {t['auroc']:.3f}" for name, t in layers.items() if name != FUSED)
    warning = "RANDOM PARAMETERS: " if data.random_parameters else ""
    beside = []
    if baselines:
        name = _named_best(baselines)
        beaten = "" if gained.get("low", 0) > 0 else ", which is not beaten"
        beside.append(f"best without the network: {name} {baselines[name]:.3f}{beaten}")
    if twin:
        beside.append(f"the same on a network without poison: {twin[FUSED]:.3f}")
    rest = f"; {'; '.join(beside)}" if beside else ""
    return f"{warning}AUROC {layers[FUSED]['auroc']:.3f} (layers: {each}){rest}"
