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
from taskloom_anomaly.backends.names import place_of
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.backends.torch_handle import TorchHandle
from taskloom_anomaly.backends.torch_probe import as_array
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.own_network import fit

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


# Networks with logits or a pooler that vary by a hundredth of their size: a score sees rounding a hundred times as large there.
HARDER = {"tv_googlenet": 3, "tv_vgg": 2, "vit": 2}
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


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_of_samples_whatever_the_order_and_the_batch(name: str) -> None:
    handle, trusted, x = handle_of(name), inputs(name, 60), inputs(name, 60, seed=1)
    trunk = networks.NETWORKS[name].trunk
    assert any(layer.startswith(trunk) for layer in handle.default_layers)
    # In networks that nothing has trained some layers never vary, and those are left out.
    detector = fit(handle, trusted, detector=SHRUNK, batch_size=64)
    plain = detector.score(x)
    assert any(layer.startswith(trunk) for layer in plain)
    # Of scores that are nearly zero, the share of the size that scores have.
    close = 1e-5 * HARDER.get(name, 1)
    order = np.random.default_rng(0).permutation(60)
    found = {"order": (detector.score(x[order]), order)}
    for size, count in ((1, 8), (7, 60), (60, 60)):
        apart = replace(detector, extractor=replace(detector.extractor, batch_size=size))
        found[f"batches of {size}"] = apart.score(x[:count]), np.arange(count)
    for layer, scores in plain.items():
        assert scores.shape == (60,)
        assert np.isfinite(scores).all()
        bound = close * np.maximum(scores, np.median(scores))
        for what, (other, rows) in found.items():
            assert (np.abs(other[layer] - scores[rows]) <= bound[rows]).all(), (layer, what)


def test_what_a_batch_changes_is_the_rounding_of_the_network() -> None:
    """A second implementation changes as much with the batch, and a network in float64 not at all: the rounding is the network's."""
    name = "tv_googlenet"
    trusted, x = inputs(name, 60), inputs(name, 60, seed=1)
    exact = networks.build(name).eval().double()
    handle = as_handle(exact, None, trusted[:5].astype(np.float64), warn=False)
    wide, one = (
        fit(handle, trusted, detector=SHRUNK, batch_size=size).score(x) for size in (64, 7)
    )
    for layer, scores in wide.items():
        np.testing.assert_allclose(one[layer], scores, rtol=1e-9)
    own = handle_of(name)
    layer = own.default_layers[-1]
    detectors = [
        fit(own, trusted, detector=SHRUNK, batch_size=size, layers=[layer]) for size in (64, 7)
    ]
    scores = [detector.score(x)[layer] for detector in detectors]
    by_hand = []
    for detector in detectors:
        fitted = {k.rpartition("/")[2]: v for k, v in detector.tensors.items()}
        rows = np.concatenate(
            [f.activations[layer] for f in detector.extractor.batches(ArrayDataset(x))]
        )
        offset = rows.astype(np.float64) - fitted["mean"]
        by_hand.append(((offset @ fitted["factor"]) ** 2).sum(axis=1))
    # What the arithmetic of the score adds is far below what the activations bring.
    for found, known in zip(scores, by_hand, strict=True):
        assert (np.abs(found - known) <= 1e-5 * np.maximum(known, np.median(known))).all()


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
