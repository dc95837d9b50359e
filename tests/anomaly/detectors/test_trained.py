"""The detectors that are trained: autoencoder, probe, finetuning, and the optimiser they share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optax
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.finetune import Finetune
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.probe import Probe
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.vae import VAE
from taskloom_anomaly.statistics import adam, autoencoder, scale

# Training is a large part of these tests.
OPTIMIZED = True


def test_adam_equals_optax() -> None:
    rng = np.random.default_rng(0)
    ours = {"w": rng.standard_normal((3, 2)), "b": rng.standard_normal(2)}
    state, optimiser = adam.start(), optax.adam(0.03)
    theirs = {name: array.astype(np.float32) for name, array in ours.items()}
    memory = optimiser.init(theirs)
    for _ in range(20):
        gradient = {name: rng.standard_normal(array.shape) for name, array in ours.items()}
        state, ours = adam.step(state, ours, gradient, 0.03)
        updates, memory = optimiser.update(
            {name: array.astype(np.float32) for name, array in gradient.items()}, memory
        )
        theirs = optax.apply_updates(theirs, updates)
    for name, array in ours.items():
        np.testing.assert_allclose(array, theirs[name], rtol=2e-4, atol=1e-5)


def test_autoencoder_gradient_equals_finite_differences() -> None:
    rng = np.random.default_rng(1)
    parameters = {k: v.astype(np.float64) for k, v in autoencoder.initial(5, 7, 3, rng).items()}
    x, noise = rng.standard_normal((6, 5)), rng.standard_normal((6, 3))
    found = autoencoder.gradient(parameters, x, noise, 0.7)
    assert found.keys() == parameters.keys()
    for name, array in parameters.items():
        numeric = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            sides = []
            for sign in (1, -1):
                moved = array.copy()
                moved[index] += sign * 1e-6
                sides.append(autoencoder.loss({**parameters, name: moved}, x, noise, 0.7).mean())
            numeric[index] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(found[name], numeric, rtol=1e-5, atol=1e-8)


def test_vae_scores_are_repeatable_and_learned(
    data: dict[str, Features], spec: FeatureSpec
) -> None:
    # The seed system scores with fresh sampling noise.
    stream = ArrayStream(data["trusted"], batch_size=200)
    means = []
    for epochs in (1, 30):
        detector = VAE(epochs=epochs)
        fitted = fit(detector, stream, spec, 0)
        scores = detector.score(fitted, data["test"])
        again = detector.score(fitted, data["test"])
        for layer, values in scores.items():
            np.testing.assert_array_equal(values, again[layer])
        means.append(np.mean([values.mean() for values in scores.values()]))
    assert means[1] < 0.8 * means[0]


def test_vae_that_diverges_says_so(data: dict[str, Features], spec: FeatureSpec) -> None:
    detector = VAE(learning_rate=1e30, epochs=3)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="layer 'hidden_0' diverged at a learning rate of 1e\\+30"),
    ):
        fit(detector, ArrayStream(data["trusted"]), spec, 0)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("c", [1.0, 0.01])
def test_probe_equals_scikit_learn(
    data: dict[str, Features], spec: FeatureSpec, c: float, standardize: bool
) -> None:
    detector = Probe(layer="hidden_1", c=c, standardize=standardize)
    rng = np.random.default_rng(2)
    noisy = replace(data["untrusted"], anomalous=rng.random(300) < 0.3)
    fitted = fit(detector, ArrayStream(None, noisy, 77), spec, 0)
    rows = noisy.activations["hidden_1"].astype(np.float64)
    test = data["test"].activations["hidden_1"].astype(np.float64)
    if standardize:
        scaler = StandardScaler().fit(rows)
        rows, test = scaler.transform(rows), scaler.transform(test)
    reference = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(rows, noisy.anomalous)
    scores = detector.score(fitted, data["test"])
    assert list(scores) == ["hidden_1"]
    np.testing.assert_allclose(
        scores["hidden_1"], reference.decision_function(test), rtol=1e-4, atol=1e-5
    )


def test_probe_of_separable_data_converges(data: dict[str, Features], spec: FeatureSpec) -> None:
    detector = Probe(c=1e6)
    fitted = fit(detector, ArrayStream(None, data["untrusted"]), spec, 0)
    normal, anomalous = (detector.score(fitted, data[name]) for name in ("test", "anomalous"))
    assert normal["hidden_0"].max() < anomalous["hidden_0"].min()


def test_probe_refuses_what_it_cannot_learn_from(
    data: dict[str, Features], spec: FeatureSpec
) -> None:
    clean = replace(data["untrusted"], anomalous=np.zeros(300, bool))
    with pytest.raises(ValueError, match="was given 0 anomalous ones of 300"):
        fit(Probe(), ArrayStream(None, clean), spec, 0)
    hidden = replace(clean, anomalous=None)
    with pytest.raises(ValueError, match="told which untrusted samples"):
        fit(Probe(), ArrayStream(None, hidden), spec, 0)
    with pytest.raises(ValueError, match="no layer 'hidden_2'; the layers are: hidden_0, hidden_1"):
        fit(Probe(layer="hidden_2"), ArrayStream(None, clean), spec, 0)


def test_finetuning_trains_in_every_epoch(data: dict[str, Features], spec: FeatureSpec) -> None:
    # The seed system's loader ran dry after the first epoch: max_epochs=3 trained for one (defect 9).
    handle = spec.handle
    assert handle is not None
    before = handle.steps  # type: ignore[attr-defined] # the test's own model counts
    stream = ArrayStream(data["trusted"], batch_size=300)
    original = handle.parameters()
    fit(Finetune(epochs=3, batch_size=100), stream, spec, 0)
    for name, array in handle.parameters().items():
        np.testing.assert_array_equal(array, original[name])
    assert handle.steps - before == 3 * 6  # type: ignore[attr-defined] # as above


def test_finetuning_scores_the_divergence_of_the_outputs(
    data: dict[str, Features], spec: FeatureSpec
) -> None:
    detector = Finetune(epochs=2)
    fitted = fit(detector, ArrayStream(data["trusted"]), spec, 0)
    test = data["test"]
    assert test.handle is not None
    assert test.inputs is not None
    assert test.logits is not None
    p = softmax(test.logits.astype(np.float64), axis=1)
    after = {name.removeprefix("finetuned/"): array for name, array in fitted.items()}
    q = softmax(test.handle.logits(after, test.inputs), axis=1)
    expected = np.sum(p * np.log(p / q), axis=1)
    scores = detector.score(fitted, test)["logits"]
    np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-9)


def test_finetuning_without_a_model_says_so(data: dict[str, Features], spec: FeatureSpec) -> None:
    stream = ArrayStream(data["trusted"])
    with pytest.raises(ValueError, match="trains the model and the task gives none"):
        fit(Finetune(), stream, replace(spec, handle=None), 0)


def test_scale_streams_and_merges() -> None:
    rows = np.random.default_rng(3).standard_normal((500, 4)) * [1, 10, 0, 5] + 1e4
    state = scale.empty(4)
    for part in np.array_split(rows, 9):
        state = scale.merge(state, scale.of_rows(part))
    np.testing.assert_allclose(state.mean, rows.mean(axis=0), rtol=1e-12)
    expected = np.where(rows.std(axis=0) > 1e-8, 1 / np.maximum(rows.std(axis=0), 1e-8), 1.0)
    np.testing.assert_allclose(scale.inverse_deviation(state), expected, rtol=1e-8)
