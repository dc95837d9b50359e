"""Attacks: inside the ball, as strong as they claim, stored once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from taskloom_anomaly.attacks.apgd import APGD, checkpoints
from taskloom_anomaly.attacks.base import Attack
from taskloom_anomaly.attacks.fgsm import FGSM
from taskloom_anomaly.attacks.generate import attack_data, stored_examples, sufficient_eps
from taskloom_anomaly.attacks.pgd import PGD
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.images import digits8
from taskloom_anomaly.errors import InvalidTaskError
from taskloom_anomaly.models.mlp import MLP

EPS = 0.1
ATTACKS = [FGSM(eps=EPS), PGD(eps=EPS, steps=25), APGD(eps=EPS, steps=15)]


@pytest.fixture(scope="module")
def data() -> ArrayDataset:
    return digits8().take(slice(600))


@pytest.fixture(scope="module")
def handle(data: ArrayDataset) -> ModelHandle:
    module = MLP(hidden_dims=(32,)).build((8, 8, 1), 10, 0)
    fresh = as_handle(module, None, data.inputs[:1], warn=False)
    trainer = fresh.trainer(learning_rate=1e-2)
    for _ in range(8):
        trainer.run_epoch(data.inputs, data.labels, np.arange(600).reshape(12, 50))
    return trainer.model()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: type(a).__name__)
def test_attack_stays_inside_the_ball_and_the_image(
    attack: Attack, handle: ModelHandle, data: ArrayDataset
) -> None:
    few = data.take(slice(100))
    outcome = attack_data(handle, few, attack, seed=0)
    moved = outcome.examples.inputs
    assert np.abs(moved - few.inputs).max() <= EPS + 1e-6
    assert 0 <= moved.min() <= moved.max() <= 1
    assert outcome.original_accuracy > 0.9
    assert outcome.new_accuracy < outcome.original_accuracy - 0.2
    assert outcome.new_loss > outcome.original_loss + 0.5
    np.testing.assert_array_equal(outcome.examples.labels, few.labels)
    again = attack_data(handle, few, attack, seed=0)
    np.testing.assert_array_equal(again.examples.inputs, moved)


def test_iterated_attacks_raise_the_loss_more_than_one_step(
    handle: ModelHandle, data: ArrayDataset
) -> None:
    few = data.take(slice(100))
    fgsm, pgd, apgd = (attack_data(handle, few, attack, seed=0).new_loss for attack in ATTACKS)
    assert pgd > fgsm
    assert apgd > 0.98 * pgd


def test_attack_on_a_linear_network_has_a_closed_form() -> None:
    # With two classes and logits W x, the best point of the ball is x + eps sign(w_other - w_true).
    from flax import linen as nn

    class Linear(nn.Module):
        @nn.compact
        def __call__(self, x: object) -> object:
            return nn.Dense(2, use_bias=False, name="logits")(x)  # type: ignore[arg-type]

    weights = np.array([[1.0, -1.0], [-2.0, 0.5], [0.5, 0.0]], np.float32)
    inputs = np.full((1, 3), 0.5, np.float32)
    handle = as_handle(Linear(), {"logits": {"kernel": weights}}, inputs)
    sign = np.sign(weights[:, 1] - weights[:, 0])
    clean = ArrayDataset(inputs, np.array([0]))
    for attack in ATTACKS:
        moved = attack_data(handle, clean, attack, seed=0).examples.inputs
        np.testing.assert_allclose(moved[0], 0.5 + EPS * sign, atol=1e-6)


def test_apgd_reconsiders_its_step_where_the_paper_says() -> None:
    # Section 3.2: p = 0, 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99.
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]


def test_stored_examples_are_made_once(
    tmp_path: Path, handle: ModelHandle, data: ArrayDataset
) -> None:
    few, attack = data.take(slice(50)), FGSM(eps=0.4)
    first = stored_examples(tmp_path, handle, few, attack, threshold=0.2, seed=0)
    (file,) = (tmp_path / "adv_examples").glob("*.safetensors")
    written = file.stat().st_mtime_ns
    second = stored_examples(tmp_path, handle, few, attack, threshold=0.2, seed=0)
    np.testing.assert_array_equal(first.examples.inputs, second.examples.inputs)
    assert file.stat().st_mtime_ns == written
    assert first.new_accuracy == second.new_accuracy
    facts = json.loads(file.with_suffix(".json").read_text())
    assert facts["num_examples"] == 50
    stored_examples(tmp_path, handle, few, attack, threshold=0.2, seed=1)
    assert len(list((tmp_path / "adv_examples").glob("*.safetensors"))) == 2


def test_stored_examples_name_what_would_do_when_an_attack_fails(
    tmp_path: Path, handle: ModelHandle, data: ArrayDataset
) -> None:
    weak = FGSM(eps=0.01)
    with pytest.raises(
        InvalidTaskError,
        match=r"accuracy under attack is 0\.\d+ at eps 0\.01, .*0\.1; --attack\.eps=",
    ):
        stored_examples(tmp_path, handle, data, weak, threshold=0.1, seed=0)
    assert not list((tmp_path / "adv_examples").glob("*.safetensors"))
    enough = sufficient_eps(handle, data, weak, 0.1, 0)
    assert enough is not None
    # What the message promises holds of all samples, by the very digits that it shows.
    strong = weak.model_copy(update={"eps": float(f"{enough:g}")})
    assert attack_data(handle, data, strong, seed=0).new_accuracy <= 0.1
