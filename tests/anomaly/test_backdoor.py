"""Backdoors that took: the network answers what the trigger says, and a detector finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from taskloom.task import Result
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig
from tests_sizes import size

SETTINGS: dict[str, Any] = {
    "data": {"source": "digits8", "num_train": 1200, "num_test": 300},
    "model": {"kind": "mlp", "hidden_dims": [64, 32]},
    "training": {"epochs": 20, "batch_size": 32, "learning_rate": 3e-3},
    "detector": {"kind": "mahalanobis", "shrinkage": "oas"},
    "baselines": False,
    "control": {"clean_twin": False},
}
# The networks are trained for dozens of epochs here.
OPTIMIZED = True


@pytest.mark.parametrize(
    "trigger",
    [
        {"kind": "corner"},
        {"kind": "patch", "size": 2},
        {"kind": "blend", "weight": 0.3},
        {"kind": "noise"},
        {"kind": "sine", "amplitude": 0.35, "frequency": 2},
    ],
    ids=lambda trigger: str(trigger["kind"]),
)
def test_backdoor_takes_and_is_found(trigger: dict[str, Any], run: Callable[..., Result]) -> None:
    # The run itself asserts accuracy >= 0.85 and attack success >= 0.9: an attack that did not take would raise.
    twin: dict[str, Any] = {"control": {"clean_twin": trigger["kind"] == "corner"}}
    if trigger["kind"] == "corner":
        # Of 64 pixels one that is white in no image shows in the first layer of any network; all layers alike tell the two networks apart.
        twin |= {"detector": {"kind": "mahalanobis"}, "fusion": "mean"}
    config = BackdoorConfig.model_validate({**SETTINGS, **twin, "trigger": trigger})
    metrics = run(Backdoor(config)).metrics
    assert metrics["card/attack_success"] >= 0.9
    assert max(metrics["auroc/dense_0"], metrics["auroc/dense_1"]) > 0.9
    # What is found is the backdoor: in a network without it the same pictures are found less often.
    assert metrics.get("clean_twin_auroc/fused", 0.5) < metrics["auroc/fused"] - 0.1


# The default network and strength take minutes. Images of 8x8 need a stronger warp than the 28x28 of the default, of which half
# the digits, one convolution and a strength of 2 take a quarter of a minute.
WARPED: list[tuple[dict[str, Any], float, str]] = [
    (
        {
            "data": {"source": "digits8", "num_train": 1400, "num_test": 300},
            "model": {"kind": "cnn", "channels": [32], "dense_dims": [64]},
            "training": {"epochs": 30, "batch_size": 64, "learning_rate": 5e-3},
            "trigger": {"kind": "warp", "strength": 4.0},
        },
        0.0,
        "dense_0",
    ),
    (
        {
            "data": {"num_train": 2000, "num_test": 500},
            "model": {"kind": "cnn", "backend": "torch", "channels": [24], "dense_dims": [64]},
            "training": {"epochs": 12, "batch_size": 32, "learning_rate": 3e-3},
            "trigger": {"kind": "warp", "strength": 2.0},
        },
        0.9,
        "conv_0",
    ),
]


@pytest.mark.parametrize(
    ("settings", "accuracy", "layer"),
    WARPED[: size("warped_networks")],
    ids=("8x8", "28x28")[: size("warped_networks")],
)
def test_warp_takes_on_a_convolutional_network(
    settings: dict[str, Any], accuracy: float, layer: str, run: Callable[..., Result]
) -> None:
    config = BackdoorConfig.model_validate({**SETTINGS, **settings, "poison_fraction": 0.2})
    metrics = run(Backdoor(config)).metrics
    # The run itself asserts an attack success of 0.9; one image in five carries another warp and kept its label.
    assert metrics["card/attack_success"] >= 0.9
    assert metrics["card/clean_accuracy"] >= accuracy
    assert metrics[f"auroc/{layer}"] > 0.7


def test_backdoor_defaults_follow_the_trigger_and_the_behavior() -> None:
    def config(**given: object) -> BackdoorConfig:
        return BackdoorConfig.model_validate(given)

    warp = config(trigger={"kind": "warp"})
    assert warp.model.model_dump()["kind"] == "cnn"
    assert (warp.training.epochs, warp.training.learning_rate) == (12, 2e-3)
    assert warp.poison_fraction == 0.2
    chosen = config(trigger={"kind": "warp"}, model={"kind": "mlp"}, training={"epochs": 3})
    assert (chosen.model.model_dump()["kind"], chosen.training.epochs) == ("mlp", 3)
    assert config().model.model_dump()["kind"] == "mlp"
    assert config(behavior="all_to_all").poison_fraction == 0.3
    assert config(behavior="all_to_all", poison_fraction=0.2).poison_fraction == 0.2
    assert config().poison_fraction == 0.1
    assert BackdoorConfig.model_validate(warp.model_dump()) == warp


def test_backdoor_all_to_all_moves_every_class(run: Callable[..., Result]) -> None:
    settings = {
        **SETTINGS,
        "trigger": {"kind": "patch", "size": 2},
        "behavior": "all_to_all",
        "poison_fraction": 0.3,
        "min_attack_success": 0.8,
    }
    metrics = run(Backdoor(BackdoorConfig.model_validate(settings))).metrics
    assert metrics["card/attack_success"] >= 0.8
