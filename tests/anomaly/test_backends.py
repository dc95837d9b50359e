"""One handle over three frameworks."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest
import torch
from flax import linen as nn, nnx
from taskloom.errors import UnknownNameError
from taskloom_anomaly.backends.convert import to_torch
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.reduction import reduce_positions, reduced_width
from taskloom_anomaly.backends.resolve import as_handle, find_head
from taskloom_anomaly.config import Reduction
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.cnn import CNN
from taskloom_anomaly.models.mlp import MLP

SHAPE = (8, 8, 1)
BACKENDS = ("linen", "nnx", "torch")
MODELS = {
    "mlp": MLP(hidden_dims=(16, 12)),
    "cnn": CNN(channels=(4, 6), dense_dims=(10,)),
}


def fresh_handle(model: Model, backend: str, seed: int = 0) -> ModelHandle:
    chosen = model.model_copy(update={"backend": backend})
    module = chosen.build(SHAPE, 10, seed)
    return as_handle(module, None, np.zeros((1, *SHAPE), np.float32), seed=seed, warn=False)


# A handle never changes, and what it has traced and compiled serves every test.
handle_of = cache(fresh_handle)


def samples(n: int = 7) -> np.ndarray:
    return np.random.default_rng(1).random((n, *SHAPE), dtype=np.float32)


@cache
def twins(model: Model) -> dict[str, ModelHandle]:
    """The same weights in every framework."""
    linen = handle_of(model, "linen")
    weights = linen.parameters()
    return {
        "linen": linen,
        "nnx": handle_of(model, "nnx").with_parameters(weights),
        "torch": handle_of(model, "torch").with_parameters(to_torch(weights)),
    }


@pytest.mark.parametrize("name", MODELS)
def test_handle_twins_give_the_same_activations(name: str) -> None:
    runs = {}
    for backend, handle in twins(MODELS[name]).items():
        runs[backend] = handle.forward(samples(), handle.default_layers)
    for backend in ("nnx", "torch"):
        assert list(runs[backend].activations) == list(runs["linen"].activations)
        for layer, values in runs["linen"].activations.items():
            np.testing.assert_allclose(runs[backend].activations[layer], values, atol=1e-5)
        np.testing.assert_allclose(runs[backend].logits, runs["linen"].logits, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_handle_twins_give_the_same_gradients(name: str) -> None:
    labels = np.arange(7) % 10
    found = {b: h.input_gradient(samples(), labels) for b, h in twins(MODELS[name]).items()}
    for backend in ("nnx", "torch"):
        for ours, theirs in zip(found[backend], found["linen"], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_handle_input_gradient_matches_finite_differences() -> None:
    handle = handle_of(MODELS["mlp"], "linen")
    x, labels = samples(1).astype(np.float32), np.array([3])
    gradient, _ = handle.input_gradient(x, labels)
    for place in ((0, 2, 3, 0), (0, 5, 5, 0)):
        moved = [x.copy(), x.copy()]
        moved[0][place] += 1e-2
        moved[1][place] -= 1e-2
        up, down = (handle.input_gradient(m, labels)[1][0] for m in moved)
        assert gradient[place] == pytest.approx((up - down) / 2e-2, abs=2e-3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_training_fits_and_leaves_the_original_alone(backend: str) -> None:
    handle = handle_of(MODELS["mlp"], backend)
    before = handle.parameters()
    x, labels = samples(10), np.arange(10)
    trainer = handle.trainer(learning_rate=1e-2)
    losses = [trainer.run_epoch(x, labels, np.arange(10).reshape(2, 5))[0] for _ in range(60)]
    assert losses[-1] < 0.2 < losses[0]
    assert (trainer.model().forward(x).logits.argmax(1) == labels).all()
    for name, value in handle.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    assert trainer.model().fingerprint != handle.fingerprint


@pytest.mark.parametrize("backend", BACKENDS)
def test_trainer_state_continues_bit_for_bit(backend: str) -> None:
    handle = handle_of(MODELS["mlp"], backend)
    x, labels, batches = samples(10), np.arange(10), np.arange(10).reshape(2, 5)
    whole = handle.trainer(learning_rate=1e-2, weight_decay=0.01)
    whole.run_epoch(x, labels, batches)
    again = handle.trainer(learning_rate=1e-2, weight_decay=0.01)
    again.load_state(whole.state())
    whole.run_epoch(x, labels, batches)
    again.run_epoch(x, labels, batches)
    for name, value in whole.model().parameters().items():
        np.testing.assert_array_equal(again.model().parameters()[name], value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_loss_gradient_is_the_slope_of_the_loss(backend: str) -> None:
    handle = handle_of(MODELS["mlp"], backend)
    x, labels = samples(), np.arange(7)
    parameters = handle.parameters()
    value, gradient = handle.loss_gradient(parameters, x, labels)
    assert set(gradient) == set(parameters)
    step = 1e-2
    moved = {k: (v - step * gradient[k]).astype(np.float32) for k, v in parameters.items()}
    after, _ = handle.loss_gradient(moved, x, labels)
    squared = sum(float((g**2).sum()) for g in gradient.values())
    assert value - after == pytest.approx(step * squared, rel=0.1)
    np.testing.assert_allclose(handle.logits(parameters, x), handle.forward(x).logits, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_find_head_returns_the_last_linear_layer(backend: str, name: str) -> None:
    handle = handle_of(MODELS[name], backend)
    head = find_head(handle, samples(20))
    assert head is not None
    features = handle.forward(samples(), (head.layer,)).activations[head.layer]
    np.testing.assert_allclose(
        features @ head.weights.T + head.bias, handle.forward(samples()).logits, atol=1e-5
    )
    assert head.layer == handle.default_layers[-2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_convolution_has_its_channels_last(backend: str) -> None:
    # The peer took the width of an NCHW activation for its features.
    handle = handle_of(CNN(channels=(5, 6), dense_dims=()), backend)
    assert handle.layers["conv_0"].shape == (4, 4, 5)
    assert handle.forward(samples(), ("conv_0",)).activations["conv_0"].shape == (7, 4, 4, 5)


def test_torch_handle_tells_sequences_from_one_dimensional_convolutions() -> None:
    module = torch.nn.Sequential(
        OrderedDict(
            embed=torch.nn.Linear(3, 4),
            swap=torch.nn.Identity(),
            conv=torch.nn.Conv1d(5, 6, 1),
            flat=torch.nn.Flatten(),
            head=torch.nn.Linear(24, 2),
        )
    )
    handle = as_handle(module, None, np.zeros((1, 5, 3), np.float32), warn=False)
    assert handle.layers["embed"].shape == (5, 4)
    assert handle.layers["conv"].shape == (4, 6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_watches_what_enters_a_layer(backend: str) -> None:
    handle = handle_of(MODELS["mlp"], backend)
    run = handle.forward(samples(), ("dense_0", "dense_1.input", "dense_1.output"))
    np.testing.assert_array_equal(run.activations["dense_1.input"], run.activations["dense_0"])
    assert run.activations["dense_1"].shape == (7, 12)


def test_torch_handle_ends_the_pass_when_everything_is_seen() -> None:
    class Loud(torch.nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            type(self).calls += 1
            return x

    module = torch.nn.Sequential(
        OrderedDict(first=torch.nn.Linear(4, 3), loud=Loud(), last=torch.nn.Linear(3, 2))
    )
    handle = as_handle(module, None, np.zeros((1, 4), np.float32), warn=False)
    assert set(handle.layers) >= {"first", "last"}
    before = Loud.calls
    run = handle.forward(np.ones((5, 4), np.float32), ("first",), logits=False)
    assert Loud.calls == before
    assert run.logits.shape == (5, 0)
    handle.forward(np.ones((5, 4), np.float32), ("first",))
    assert Loud.calls == before + 1


@pytest.mark.usefixtures("optimized")
def test_flax_handle_compiles_no_work_behind_the_last_watched_layer() -> None:
    from taskloom_anomaly.backends.jax_handle import JaxHandle
    from taskloom_anomaly.backends.jax_network import forward_pass

    handle = handle_of(MLP(hidden_dims=(16, 512)), "linen")
    assert isinstance(handle, JaxHandle)
    arguments = (handle.network, handle.variables, handle.buffers, samples(8))

    def flops(logits: bool) -> float:
        compiled = forward_pass.lower(*arguments, layers=("dense_0",), logits=logits).compile()
        analysis = compiled.cost_analysis()
        assert analysis is not None
        return float(analysis["flops"])

    assert flops(logits=False) < flops(logits=True) / 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_gives_a_sample_the_same_activations_in_any_batch(backend: str) -> None:
    handle = handle_of(MODELS["cnn"], backend)
    whole = handle.forward(samples(7), handle.default_layers)
    single = handle.forward(samples(7)[:3], handle.default_layers)
    for layer, values in whole.activations.items():
        np.testing.assert_allclose(single.activations[layer], values[:3], atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_names_the_layers_when_one_does_not_exist(backend: str) -> None:
    with pytest.raises(UnknownNameError, match=r"no layer 'dense_7'.*dense_0, .*logits"):
        handle_of(MODELS["mlp"], backend).forward(samples(), ("dense_7",))


def test_handle_fingerprint_depends_on_parameters_and_code() -> None:
    one, same, other = (fresh_handle(MODELS["mlp"], "linen", seed) for seed in (0, 0, 1))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert handle_of(MLP(hidden_dims=(16, 12, 4)), "linen").fingerprint != one.fingerprint


def test_handle_fingerprint_sees_the_code_that_a_network_calls() -> None:
    # A network's own source may stay the same while a function that it calls, or a submodule's class, changes.
    class Scaled(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return nn.Dense(2, name="logits")(scale(x.reshape(len(x), -1)))

    prints = []
    for factor in (1.0, 2.0):

        def scale(x: jax.Array, factor: float = factor) -> jax.Array:
            return factor * x

        prints.append(as_handle(Scaled(), None, samples(1), warn=False).fingerprint)
    assert prints[0] != prints[1]

    def torch_print(activation: type[torch.nn.Module]) -> str:
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Flatten(), activation(), torch.nn.Linear(64, 2))
        return as_handle(module, None, samples(1), warn=False).fingerprint

    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return -x

    first = torch_print(Odd)

    class Odd(torch.nn.Module):  # type: ignore[no-redef] # another class of the same name, on purpose
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

    assert torch_print(Odd) != first


def test_nnx_handle_watches_inherited_and_nested_calls_once() -> None:
    # nnx's own capture sees neither inputs nor methods that a class inherits.
    class Base(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.linear = nnx.Linear(64, 64, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.linear(x)

    class Inherits(Base): ...

    class Extends(Base):
        def __call__(self, x: jax.Array) -> jax.Array:
            return super().__call__(x) + 1

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.first = Inherits(rngs)
            self.second = Extends(rngs)
            self.logits = nnx.Linear(64, 3, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.logits(self.second(self.first(x.reshape(len(x), -1))))

    module = Net(nnx.Rngs(0))
    handle = as_handle(module, None, samples(1), warn=False)
    assert handle.default_layers == ("first", "second", "logits")
    x = samples().reshape(7, -1)
    run = handle.forward(samples(), ("first", "second", "second.input", "logits.input"))
    np.testing.assert_array_equal(run.activations["second.input"], run.activations["first"])
    np.testing.assert_array_equal(run.activations["logits.input"], run.activations["second"])
    np.testing.assert_allclose(run.activations["second"], module.second(module.first(x)), atol=1e-5)
    assert "__call__" not in vars(Inherits)


def test_reduce_positions_knows_dense_images_and_sequences() -> None:
    image = np.arange(2 * 3 * 3 * 2, dtype=np.float32).reshape(2, 3, 3, 2)
    sequence = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    np.testing.assert_array_equal(reduce_positions(sequence, "auto"), sequence[:, -1])
    np.testing.assert_array_equal(reduce_positions(image, "max"), image.max(axis=(1, 2)))
    np.testing.assert_allclose(reduce_positions(image, "mean"), image.mean(axis=(1, 2)))
    assert reduce_positions(image, "auto").shape == (2, 4) == (2, reduced_width((3, 3, 2), "auto"))
    assert reduce_positions(image, "flatten").shape == (2, 18)
    assert reduce_positions(image[:, 0, 0], "max").shape == (2, 2)


def test_torch_is_not_imported_by_a_flax_run(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from taskloom.testing import MemoryContext; from pathlib import Path;"
        "from taskloom.opening import open_task;"
        "c = {'data.source': 'digits8', 'data.num_train': 400, 'data.num_test': 100, 'model.hidden_dims': [16],"
        " 'training.epochs': 1, 'min_accuracy': 0, 'min_attack_success': 0, 'control.clean_twin': False};"
        f"open_task('anomaly/backdoor', c).run(MemoryContext(Path({str(tmp_path)!r})));"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.split()[-1] == "False"


@pytest.mark.parametrize("name", MODELS)
def test_handle_twins_get_the_same_scores(name: str) -> None:
    from taskloom_anomaly.data.arrays import ArrayDataset
    from taskloom_anomaly.detection.features import ModelStream, extractor_for
    from taskloom_anomaly.detectors.fit import fit, score
    from taskloom_anomaly.detectors.mahalanobis import Mahalanobis

    trusted, test = ArrayDataset(samples(200)), ArrayDataset(samples(30) + 0.2)
    found = {}
    for backend, handle in twins(MODELS[name]).items():
        extractor = extractor_for(handle, (), "auto", 64)
        detector = Mahalanobis(shrinkage="fixed", amount=0.01)
        stream = ModelStream(extractor, {"trusted": trusted})
        fitted = fit(detector, stream, extractor.spec(trusted), 0)
        found[backend] = score(detector, fitted, extractor.batches(test))
    for backend in ("nnx", "torch"):
        for layer, scores in found["linen"].items():
            np.testing.assert_allclose(found[backend][layer], scores, rtol=1e-4)


@pytest.mark.parametrize("reduction", ["mean", "mean_max"])
def test_width_is_found_without_looking_at_what_memory_holds(reduction: Reduction) -> None:
    """The mean of whatever was there before may be inf - inf, and the warning of that ended a run."""
    for _ in range(20):
        left_behind = np.full((1, 2, 2, 4), np.inf, np.float32)
        left_behind[:, 0] = -np.inf
        del left_behind  # NumPy keeps small blocks, and gives them out again as they are
        assert reduced_width((2, 2, 4), reduction) == (8 if reduction == "mean_max" else 4)


def test_handle_fingerprint_is_the_same_in_a_notebook_and_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printer = pytest.importorskip("jax._src.pretty_printer")
    prints = []
    for can_use_color in (
        False,
        True,
    ):  # what JAX found when it was imported: a pipe; a terminal, or Jupyter
        monkeypatch.setattr(printer, "CAN_USE_COLOR", can_use_color)
        prints.append(handle_of(MLP(hidden_dims=(16, 8)), "linen").fingerprint)
    assert prints[0] == prints[1]
