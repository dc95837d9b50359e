"""Every detector on every task: fused AUROC, and the CPU time of fitting and scoring. One network is trained per task.

python board.py                                   # all, as a Markdown table
python board.py --tasks backdoor --seeds 0 1 --detectors spectral "spectral classes=none"
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from taskloom.errors import ConfigError
from taskloom.registry.components import load_components
from taskloom.testing import MemoryContext
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import concatenate
from taskloom_anomaly.detection.assembly import DetectionData, assemble
from taskloom_anomaly.detection.fitting import fit_detector, score_sets
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detection.regimes import regime_conflict
from taskloom_anomaly.detectors.base import GROUP, Detector
from taskloom_anomaly.domain import DOMAIN
from taskloom_anomaly.metrics import auroc
from taskloom_anomaly.tasks.adversarial import AdversarialExampleTask
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig
from taskloom_anomaly.tasks.mechanism_distinction import (
    MechanismDistinction,
    MechanismDistinctionConfig,
)
from taskloom_anomaly.tasks.ood import OodConfig, OodFar, OodNear, OodNearConfig
from taskloom_anomaly.tasks.quirky_arithmetic import QuirkyArithmetic, QuirkyArithmeticConfig

WARP = {
    "trigger": {"kind": "warp"},
    "model": {"kind": "cnn"},
    "training": {"epochs": 14, "batch_size": 32, "learning_rate": 2e-3},
}
TASKS = {
    "backdoor": (Backdoor, BackdoorConfig, {}),
    "backdoor, warp": (Backdoor, BackdoorConfig, WARP),
    "adversarial": (None, AdversarialExampleTask, {}),
    "ood_near": (OodNear, OodNearConfig, {}),
    "ood_far": (OodFar, OodConfig, {}),
    "quirky": (QuirkyArithmetic, QuirkyArithmeticConfig, {}),
    "mechanism": (MechanismDistinction, MechanismDistinctionConfig, {}),
}
MORE = (
    "mahalanobis mode=class shrinkage=oas",
    "mahalanobis mode=relative shrinkage=oas",
    "mahalanobis mode=mixture shrinkage=oas",
    "abstraction mode=global",
    "abstraction mode=adversarial",
)


def detector(words: str) -> Detector:
    """Return the config that `kind name=value ...` describes."""
    kind, *pairs = words.split()
    values = dict(pair.split("=", 1) for pair in pairs)
    config = load_components(GROUP)[kind].model_validate({"kind": kind, **values}, strict=False)
    assert isinstance(config, Detector)
    return config


def problem_of(name: str, seed: int) -> tuple[DetectionData, AnomalyConfig]:
    """Train the task's network and put its data together."""
    factory, config_class, overrides = TASKS[name]
    config = config_class.model_validate({"seed": seed, **overrides})
    # In the seed system's form the config is the task.
    task = config if factory is None else factory(config)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert task.prepare(MemoryContext(Path(folder), seed=seed), None)
        problem = assemble(task, config)
        for check in task.validity(problem.handle):
            print(f"# {name} seed {seed}: {check.name} {check.value:.3f}", flush=True)
            assert check.ok, check
    return problem, config


def judge(
    problem: DetectionData, config: AnomalyConfig, words: str
) -> tuple[dict[str, float], float]:
    """Return the AUROC by layer, and the CPU time [s]; nothing of a detector that the task cannot have."""
    own = config.model_copy(update={"detector": detector(words)})
    if regime_conflict(own.detector.needs, "auto", problem.untrusted is not None):
        return {}, 0.0
    start = time.process_time()
    try:
        fitted = fit_detector(problem, own)
    except ConfigError as error:  # layers of several widths, a network of another framework
        print(f"# {words}: {error}", flush=True)
        return {}, 0.0
    joined = concatenate(list(problem.anomalous.values()))
    scores = score_sets(fitted, {"normal": problem.normal, "anomalous": joined})
    spent = time.process_time() - start
    layers = {k: auroc(v, scores["anomalous"][k]) for k, v in scores["normal"].items()}
    return layers, spent


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and keep everything as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument(
        "--detectors", nargs="*", default=[c.name for c in DOMAIN.components[GROUP]] + list(MORE)
    )
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    seconds: dict[str, list[float]] = {}
    for name in options.tasks:
        for seed in options.seeds:
            problem, config = problem_of(name, seed)
            for words in options.detectors:
                layers, spent = judge(problem, config, words)
                found.setdefault(words, {}).setdefault(name, []).append(layers)
                if layers:
                    seconds.setdefault(words, []).append(spent)
                print(f"# {name} {words}: {json.dumps(layers)} {spent:.2f} s", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"auroc": found, "cpu_s": seconds}, indent=1))
    print("| detector |", " | ".join(options.tasks), "| CPU [s] |")
    print("| --- |", " | ".join(["---:"] * len(options.tasks)), "| ---: |")
    for words, by_task in found.items():
        cells = [
            f"{np.mean([x[FUSED] for x in by_task[name]]):.3f}" if by_task[name][0] else "-"
            for name in options.tasks
        ]
        spent = f"{np.median(seconds[words]):.2f}" if words in seconds else "-"
        print(f"| `{words}` |", " | ".join(cells), f"| {spent} |")


if __name__ == "__main__":
    main()
