"""What becomes a handle, which parameters it takes, and how weights pass between frameworks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx
from taskloom.errors import ConfigError
from taskloom_anomaly.backends.convert import to_flax, to_torch
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.resolve import RandomParametersWarning, as_handle
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.cnn import CNN
from taskloom_anomaly.models.cnn_jax import convolve, max_pool_by_two
from taskloom_anomaly.models.mlp import MLP

SHAPE = (8, 8, 1)
MODELS = {
    "mlp": MLP(hidden_dims=(16, 12)),
    "cnn": CNN(channels=(4, 6), dense_dims=(10,)),
}


def handle_of(model: Model, backend: str) -> ModelHandle:
    module = model.model_copy(update={"backend": backend}).build(SHAPE, 10, 0)
    return as_handle(module, None, np.zeros((1, *SHAPE), np.float32), warn=False)


def samples(n: int = 7) -> np.ndarray:
    return np.random.default_rng(1).random((n, *SHAPE), dtype=np.float32)


def test_as_handle_warns_of_random_parameters() -> None:
    module = MODELS["mlp"].build(SHAPE, 10, 0)
    with pytest.warns(RandomParametersWarning, match="RANDOM parameters"):
        as_handle(module, None, samples(1))


def test_as_handle_takes_the_variables_that_linen_knows() -> None:
    module = MODELS["mlp"].build(SHAPE, 10, 0)
    assert isinstance(module, nn.Module)
    variables = module.init(jax.random.key(5), samples(1))
    handle = as_handle(module, variables, samples(1))
    bare = as_handle(module, variables["params"], samples(1))
    np.testing.assert_allclose(
        handle.forward(samples()).logits, module.apply(variables, samples()), atol=1e-6
    )
    assert bare.fingerprint == handle.fingerprint


def test_as_handle_keeps_running_statistics_of_linen() -> None:
    class Normed(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array, train: bool = True) -> jax.Array:
            x = nn.BatchNorm(use_running_average=not train, name="norm")(x.reshape(len(x), -1))
            return nn.Dense(2, name="logits")(x)

    handle = as_handle(Normed(), None, samples(1), warn=False)
    trainer = handle.trainer(learning_rate=1e-3)
    x = samples(8) + 5
    trainer.run_epoch(x, np.zeros(8, int), np.arange(8).reshape(1, 8))
    trained = trainer.model().parameters()
    assert np.abs(trained["buffers:batch_stats.norm.mean"]).min() > 0
    np.testing.assert_array_equal(handle.parameters()["buffers:batch_stats.norm.mean"], 0)
    restored = handle.with_parameters(trained)
    np.testing.assert_array_equal(restored.forward(x).logits, trainer.model().forward(x).logits)


def test_as_handle_keeps_random_keys_of_nnx() -> None:
    class Dropped(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.logits = nnx.Linear(64, 2, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.logits(self.dropout(x.reshape(len(x), -1)))

    handle = as_handle(Dropped(nnx.Rngs(0)), None, samples(1), warn=False)
    # Dropout is off outside training, so the same input gives the same logits.
    np.testing.assert_array_equal(
        handle.forward(samples()).logits, handle.forward(samples()).logits
    )
    trainer = handle.trainer(learning_rate=1e-3, seed=3)
    trainer.run_epoch(samples(), np.zeros(7, int), np.arange(7)[None])
    restored = handle.with_parameters(trainer.model().parameters())
    np.testing.assert_array_equal(
        restored.forward(samples()).logits, trainer.model().forward(samples()).logits
    )


def test_as_handle_refuses_what_is_no_model() -> None:
    with pytest.raises(ConfigError, match="returned a dict"):
        as_handle({}, {}, samples(1))


def test_handle_refuses_parameters_of_another_network() -> None:
    other = handle_of(MLP(hidden_dims=(16, 13)), "linen").parameters()
    with pytest.raises(ConfigError, match=r"'dense_1.linear.bias' has the shape \(13,\)"):
        handle_of(MODELS["mlp"], "linen").with_parameters(other)
    with pytest.raises(ConfigError, match="do not fit the network"):
        handle_of(MODELS["mlp"], "torch").with_parameters(to_torch(other))


def test_convert_returns_to_where_it_began() -> None:
    weights = handle_of(MODELS["cnn"], "linen").parameters()
    back = to_flax(to_torch(weights))
    assert set(back) == set(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(back[name], value)


@pytest.mark.parametrize("shape", [(3, 8, 6, 2), (2, 7, 5, 3)])
def test_convolution_by_a_product_is_that_of_jax(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    kernel = rng.normal(size=(3, 3, shape[-1], 4)).astype(np.float32)
    numbers = ("NHWC", "HWIO", "NHWC")
    expected = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=numbers)
    found = convolve(jnp.asarray(x), jnp.asarray(kernel), (1, 1), "SAME")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    pooled = nn.max_pool(expected, (2, 2), strides=(2, 2))  # type: ignore[no-untyped-call] # flax has no annotation
    np.testing.assert_allclose(max_pool_by_two(found), pooled, atol=1e-5)


@pytest.mark.parametrize(
    "asked",
    [{"strides": 2}, {"kernel_dilation": 2}, {"feature_group_count": 3}, {"padding": "VALID"}],
)
def test_convolution_by_a_product_refuses_what_it_does_not_do(asked: dict[str, object]) -> None:
    settings: dict[str, Any] = {"rngs": nnx.Rngs(0), **asked}
    layer = nnx.Conv(3, 6, (3, 3), conv_general_dilated=convolve, **settings)
    with pytest.raises(NotImplementedError, match="stride 1"):
        layer(jnp.ones((1, 6, 6, 3)))
