"""The model contract on the networks that people have: what is read is what the module returned, sample by sample."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from taskloom_anomaly.backends.axes import Axes
from taskloom_anomaly.backends.names import place_of
from taskloom_anomaly.backends.reduction import reduce_positions
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.backends.torch_handle import TorchHandle
from taskloom_anomaly.backends.torch_probe import as_array
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.fitting import FittedDetector
from taskloom_anomaly.detection.own_network import fit
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit as fit_arrays
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.metrics.ranking import auroc

_SPEC = importlib.util.spec_from_file_location(
    "anomaly_networks", Path(__file__).with_name("networks.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
networks = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = networks
_SPEC.loader.exec_module(networks)

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = sorted(networks.NETWORKS)


@cache
def handle_of(name: str) -> TorchHandle:
    module = networks.build(name).eval()
    handle = as_handle(module, None, inputs(name, 5), warn=False)
    assert isinstance(handle, TorchHandle)
    return handle


def inputs(name: str, count: int, seed: int = 0) -> np.ndarray:
    return np.asarray(networks.inputs_of(networks.NETWORKS[name], count, seed))


def by_hand(module: torch.nn.Module, x: np.ndarray) -> dict[str, list[torch.Tensor]]:
    """Return copies of the first floating tensor of every call of every module."""
    seen: dict[str, list[torch.Tensor]] = {}

    def first(value: object) -> torch.Tensor | None:
        if isinstance(value, torch.Tensor):
            return value if value.is_floating_point() and value.ndim > 1 else None
        inside = value.values() if isinstance(value, dict) else value
        parts = inside if isinstance(value, (dict, tuple, list)) else ()
        return next((found for part in parts if (found := first(part)) is not None), None)

    def hook(path: str) -> object:
        def keep(_: object, __: object, output: object) -> None:
            tensor = first(output)
            if tensor is not None:
                seen.setdefault(path, []).append(tensor.detach().clone())

        return keep

    hooks = [part.register_forward_hook(hook(path)) for path, part in module.named_modules()]  # type: ignore[arg-type] # torch's own signature
    with torch.no_grad():
        tensor = torch.tensor(x)
        half = next(module.parameters()).dtype if tensor.is_floating_point() else tensor.dtype
        module(tensor.to(half))
    for handle in hooks:
        handle.remove()
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_what_its_module_returned(name: str) -> None:
    handle, x = handle_of(name), inputs(name, 4, seed=1)
    layers = tuple(layer for layer in handle.layers if handle.axes(layer).known)
    whole = by_hand(handle._module, x)
    together, alone = handle.forward(x, layers), handle.forward(x, layers[:2], logits=False)
    for layer in layers:
        place = place_of(layer)
        own = handle.axes(layer).arrange(as_array(whole[place.path][place.call - 1]))
        assert np.array_equal(together.activations[layer], own), layer
        assert len(own) == 4
    for layer in layers[:2]:
        assert np.array_equal(alone.activations[layer], together.activations[layer])
    assert len(layers) >= 0.8 * len(handle.layers)


# The last layers behind 25 and 52 batch norms, each of which multiplies the rounding of the one before; in float64 they hold to 1e-9.
DEEP = ("efficientnet", "mobilenet_v2")
HARDER = {
    ("efficientnet", "encoder.blocks.7"), ("efficientnet", "encoder.top_conv"), ("efficientnet", "encoder.top_bn"),
    ("efficientnet", "encoder.top_activation"), ("mobilenet_v2", "layer.15"),
}  # fmt: skip
SHRUNK = {"kind": "mahalanobis", "shrinkage": "fixed", "amount": 0.2}


@pytest.mark.parametrize("name", NAMES)
def test_features_are_an_axis_of_a_width_that_some_parameter_has(name: str) -> None:
    handle = handle_of(name)
    widths = {size for p in handle._module.parameters() for size in p.shape if size > 1}
    looked_at = 0
    for layer in handle.layers:
        axes = handle.axes(layer)
        rest = [i for i in range(len(axes.shape)) if i != axes.sample]
        if len(rest) > 1 and axes.feature is not None:
            assert axes.shape[axes.feature] in widths, (layer, axes)
            looked_at += 1
    assert looked_at


# The axis of channels by construction, where another size is that of a parameter, too.
CHANNELS = {
    "efficientnet": 1,
    "mobilenet_v2": 1,
    "tv_densenet": 1,
    "unet": 1,
    "vit": 2,
    "tv_vit": 2,
    "sequences_tokens_first": 2,
}


def channels_of(name: str, module: torch.nn.Module, shape: tuple[int, ...]) -> int | None:
    """Return the axis whose size some parameter has, where there is one such axis behind that of the samples."""
    widths = {size for p in module.parameters() for size in p.shape if size > 1}
    found = [axis for axis, size in enumerate(shape) if axis and size in widths]
    return CHANNELS.get(name) or (found[0] if len(found) == 1 else None)


def scored(trusted: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the scores of rows of features by their distance to trusted ones."""
    detector = Mahalanobis(shrinkage="oas")
    fitted = fit_arrays(
        detector, ArrayStream(Features({"h": trusted})), FeatureSpec({"h": trusted.shape[1]}), 0
    )
    return detector.score(fitted, Features({"h": rows}))["h"]


@pytest.mark.parametrize("name", NAMES)
def test_another_order_of_channels_changes_no_score_and_channels_exchanged_are_found(
    name: str,
) -> None:
    handle, rng = handle_of(name), np.random.default_rng(0)
    module = handle._module
    returned = [by_hand(module, inputs(name, 60, seed)) for seed in (0, 1)]
    looked_at = 0
    for layer in handle.default_layers:
        axes, place = handle.axes(layer), place_of(layer)
        raw = [as_array(seen[place.path][place.call - 1]) for seen in returned]
        # Which axis holds channels is read off the parameters, without what is under test.
        axis = channels_of(name, module, raw[0].shape)
        if axis is None or raw[0].ndim < 3 or 60 not in raw[0].shape:
            continue
        order = rng.permutation(raw[0].shape[axis])

        def mean(array: np.ndarray, axes: Axes = axes) -> np.ndarray:
            return reduce_positions(axes.arrange(array), "mean").astype(np.float64)

        trusted, x = map(mean, raw)
        if (trusted == trusted[0]).all():
            continue  # in a network that nothing has trained some layers are dead
        known = scored(trusted, x)
        moved = scored(*(mean(np.take(array, order, axis)) for array in raw))
        assert (np.abs(moved - known) <= 1e-5 * known).all(), layer
        exchanged = scored(trusted, mean(np.roll(raw[1], 1, axis)))
        # Along a wrong axis this mean would run over the channels, and their exchange would leave it as it is: .5.
        assert auroc(known, exchanged) > 0.6, layer
        looked_at += 1
    assert looked_at


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_of_samples_whatever_the_order_and_the_batch(name: str) -> None:
    handle, trusted, x = handle_of(name), inputs(name, 60), inputs(name, 60, seed=1)
    trunk = networks.NETWORKS[name].trunk
    assert any(layer.startswith(trunk) for layer in handle.default_layers)
    # In networks that nothing has trained some layers never vary, and those are left out.
    detector = fit(handle, trusted, detector=SHRUNK, batch_size=64)
    plain = detector.score(x)
    assert any(layer.startswith(trunk) for layer in plain)
    order = np.random.default_rng(0).permutation(60)
    found = {"order": (detector.score(x[order]), order)}
    for size, count in ((1, 8), (7, 60), (60, 60)):
        found[f"batches of {size}"] = at(detector, size).score(x[:count]), np.arange(count)
    for layer, scores in plain.items():
        assert scores.shape == (60,)
        assert np.isfinite(scores).all()
        bound = (3e-5 if (name, layer) in HARDER else 1e-5) * scores
        for what, (other, rows) in found.items():
            assert (np.abs(other[layer] - scores[rows]) <= bound[rows]).all(), (layer, what)


def at(detector: FittedDetector, size: int) -> FittedDetector:
    """Return a detector that runs its network on batches of another size."""
    return replace(detector, extractor=replace(detector.extractor, batch_size=size))


def rows_of(detector: FittedDetector, x: np.ndarray, layer: str) -> np.ndarray:
    """Return what a detector is given of a layer."""
    parts = detector.extractor.batches(ArrayDataset(x))
    return np.concatenate([part.activations[layer] for part in parts])


@pytest.mark.parametrize("name", DEEP)
def test_what_a_batch_changes_is_the_rounding_of_the_network(name: str) -> None:
    """In float64 a batch changes nothing; in float32 it changes the last digits of what the network returns."""
    trusted, x = inputs(name, 60), inputs(name, 60, seed=1)
    exact = networks.build(name).eval().double()
    handle = as_handle(exact, None, trusted[:5].astype(np.float64), warn=False)
    detector = fit(handle, trusted, detector=SHRUNK, batch_size=64)
    one = at(detector, 7).score(x)
    for layer, scores in detector.score(x).items():
        np.testing.assert_allclose(one[layer], scores, rtol=1e-9)
    own = handle_of(name)
    layer = own.default_layers[-1]
    narrow = fit(own, trusted, detector=SHRUNK, layers=[layer])
    wide, small = (rows_of(at(narrow, size), x, layer) for size in (64, 7))
    assert np.abs(wide - small).max() <= 1e-5 * np.abs(wide).max()


@pytest.mark.parametrize("name", ["tv_googlenet", "distilbert", "audio"])
def test_the_arithmetic_of_a_score_adds_little_to_what_a_batch_changes(name: str) -> None:
    own, x = handle_of(name), inputs(name, 60, seed=1)
    layer = own.default_layers[-1]
    narrow = fit(own, inputs(name, 60), detector=SHRUNK, layers=[layer])
    fitted = {k.rpartition("/")[2]: v for k, v in narrow.tensors.items()}
    for size in (64, 7):
        offset = rows_of(at(narrow, size), x, layer).astype(np.float64) - fitted["mean"]
        by_hand = ((offset @ fitted["factor"]) ** 2).sum(axis=1)
        np.testing.assert_allclose(at(narrow, size).score(x)[layer], by_hand, rtol=1e-6)


@pytest.mark.parametrize("name", ["tv_resnet18", "bert", "lstm"])
def test_a_network_is_left_as_it_was(name: str) -> None:
    module = networks.build(name)

    def digest() -> str:
        found = hashlib.sha256()
        for key, value in module.state_dict().items():
            found.update(key.encode() + as_array(value).tobytes())
        parts = list(module.modules())
        hooks = [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in parts]
        found.update(repr([part.training for part in parts]).encode())
        found.update(repr([p.requires_grad for p in module.parameters()]).encode())
        found.update(repr(hooks).encode() + torch.get_rng_state().numpy().tobytes())
        return found.hexdigest()

    before = digest()
    handle = as_handle(module, None, inputs(name, 5), warn=False)
    handle.forward(inputs(name, 3), handle.default_layers)
    _ = handle.fingerprint
    with pytest.raises(Exception, match=r"\S"):
        handle.forward(np.full((2, 2), 1e6, np.float32), handle.default_layers)
    assert digest() == before
