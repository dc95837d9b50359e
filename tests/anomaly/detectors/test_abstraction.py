"""The abstraction's losses against their formulas, and what training and the adversary do to them."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from taskloom_anomaly.detectors.abstraction import Abstraction
from taskloom_anomaly.detectors.abstraction_model import initial, losses
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.stream import ArrayStream

# Training is a large part of these tests.
OPTIMIZED = True

RNG = np.random.default_rng(0)
LAYERS = [RNG.standard_normal((9, width)).astype(np.float32) for width in (8, 6, 4)]
LOGITS = RNG.standard_normal((9, 3)).astype(np.float32)
PARAMETERS = initial([8, 6, 4], 3, 2.0, 1)


def affine(name: str, x: np.ndarray) -> np.ndarray:
    return x @ PARAMETERS[f"{name}_weight"] + PARAMETERS[f"{name}_bias"]


def step(index: int, x: np.ndarray) -> np.ndarray:
    return affine(f"step{index}_out", np.maximum(affine(f"step{index}_in", x), 0))


@pytest.mark.parametrize("follow", [False, True], ids=["local", "global"])
@pytest.mark.parametrize("cosine", [False, True], ids=["l2", "cosine"])
def test_abstraction_losses_are_their_formulas(follow: bool, cosine: bool) -> None:
    true = [affine(f"map{index}", layer) for index, layer in enumerate(LAYERS)]
    first = step(0, true[0])
    second = step(1, first if follow else true[1])
    p = softmax(LOGITS, axis=1)
    q = softmax(step(2, second if follow else true[2]), axis=1)
    expected = []
    for guess, after in ((first, true[1]), (second, true[2])):
        similarity = np.sum(guess * after, axis=1) / (
            np.linalg.norm(guess, axis=1) * np.linalg.norm(after, axis=1)
        )
        expected.append(1 - similarity if cosine else np.mean((guess - after) ** 2, axis=1))
    expected.append(np.sum(p * np.log(p / q), axis=1))
    found = losses(PARAMETERS, LAYERS, LOGITS, follow=follow, cosine=cosine, xp=np)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_abstraction_losses_are_the_same_in_numpy_and_jax() -> None:
    ours = losses(PARAMETERS, LAYERS, LOGITS, follow=True, cosine=True, xp=np)
    theirs = losses(PARAMETERS, LAYERS, LOGITS, follow=True, cosine=True, xp=jnp)
    np.testing.assert_allclose(ours, np.array(theirs), rtol=1e-4, atol=1e-6)


def test_abstraction_sizes_follow_the_factor() -> None:
    shapes = {name: array.shape for name, array in initial([16, 8], 5, 4.0, 0).items()}
    assert shapes["map0_weight"] == (16, 4)
    assert shapes["map1_weight"] == (8, 2)
    assert shapes["step1_out_weight"][1] == 5


def test_abstraction_learns_how_layers_follow(data: dict[str, Features], spec: FeatureSpec) -> None:
    stream = ArrayStream(data["trusted"])
    means = []
    for epochs in (1, 40):
        detector = Abstraction(epochs=epochs, size_factor=2)
        fitted = fit(detector, stream, spec, 0)
        means.append(sum(v.mean() for v in detector.score(fitted, data["test"]).values()))
    assert means[1] < 0.5 * means[0]


def test_abstraction_is_not_constant(data: dict[str, Features], spec: FeatureSpec) -> None:
    # A map that forgets its input would be predicted perfectly; predicting the output keeps it from that.
    detector = Abstraction(epochs=20, size_factor=2, distance="l2")
    fitted = fit(detector, ArrayStream(data["trusted"]), spec, 0)
    own = fitted["abstraction/map1_weight"]
    rows = (data["test"].activations["hidden_1"] - fitted["hidden_1/centre"]) * fitted[
        "hidden_1/factor"
    ]
    assert (rows @ own).std(axis=0).max() > 0.05


def test_abstraction_turned_against_samples_hurts_the_inconsistent_more(
    data: dict[str, Features], spec: FeatureSpec
) -> None:
    stream = ArrayStream(data["trusted"])
    gains = {}
    for name in ("test", "inconsistent"):
        scores = []
        for mode in ("local", "adversarial"):
            detector = Abstraction.model_validate(
                {"mode": mode, "epochs": 20, "size_factor": 2, "adversarial_samples": 64}
            )
            fitted = fit(detector, stream, spec, 0)
            scores.append(detector.score(fitted, data[name])["hidden_1"].mean())
        gains[name] = scores[1] - scores[0]
    assert gains["inconsistent"] > gains["test"]


def test_abstraction_lists_the_layers(data: dict[str, Features], spec: FeatureSpec) -> None:
    detector = Abstraction(layers=("hidden_0", "hiden_1"))
    with pytest.raises(ValueError, match=r"no layer 'hiden_1'.*Did you mean 'hidden_1'\?"):
        fit(detector, ArrayStream(data["trusted"]), spec, 0)


def test_abstraction_of_one_layer_scores_the_output_alone(
    data: dict[str, Features], spec: FeatureSpec
) -> None:
    detector = Abstraction(layers=("hidden_1",), epochs=2)
    fitted = fit(detector, ArrayStream(data["trusted"]), spec, 0)
    assert list(detector.score(fitted, data["test"])) == ["logits"]


def test_abstraction_predicts_the_output_from_the_layer_before_it(
    data: dict[str, Features], spec: FeatureSpec
) -> None:
    # A layer that is the output would predict itself, and its score would carry the output's name.
    detector = Abstraction(epochs=3)

    def watched(features: Features) -> Features:
        assert features.logits is not None
        return replace(features, activations={**features.activations, "logits": features.logits})

    wide = replace(spec, widths={**spec.widths, "logits": 4})
    fitted = fit(detector, ArrayStream(watched(data["trusted"])), wide, 0)
    scores = detector.score(fitted, watched(data["test"]))
    without = fit(detector, ArrayStream(data["trusted"]), spec, 0)
    assert list(scores) == ["hidden_1", "logits"]
    for layer, values in detector.score(without, data["test"]).items():
        np.testing.assert_array_equal(scores[layer], values)
