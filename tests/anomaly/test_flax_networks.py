"""The model contract on flax networks: axes from evidence, and what transformations of JAX hide."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx
from taskloom.errors import ConfigError
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.detection.own_network import fit

IMAGES, STEPS = (6, 6, 2), (7, 4)


def rows(shape: tuple[int, ...], count: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


def handle_of(module: Any, shape: tuple[int, ...]) -> JaxHandle:  # noqa: ANN401 -- of linen or nnx
    handle = as_handle(module, None, rows(shape), warn=False)
    assert isinstance(handle, JaxHandle)
    return handle


def letters(handle: JaxHandle) -> dict[str, str]:
    return {name: info.letters for name, info in handle.layers.items()}


class Turn(nn.Module):
    """Axes in another order."""

    axes: tuple[int, ...]

    def __call__(self, x: jax.Array) -> jax.Array:
        return x.transpose(self.axes)


class ChannelsFirst(nn.Module):
    """An image network that a habit of torch has got into."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Conv(5, (3, 3), name="conv")(x)
        return nn.Dense(3, name="head")(Turn((0, 3, 1, 2), name="turn")(x).mean((2, 3)))


class StepsFirst(nn.Module):
    """A recurrent network whose first axis is time."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(6, name="embed")(x.transpose(1, 0, 2))
        return nn.Dense(3, name="head")(nn.RNN(nn.GRUCell(5), time_major=True, name="rnn")(x)[-1])


class FixedSize(nn.Module):
    """A network that takes one size only, so that its parameters alone tell."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(9, name="mix")(x.transpose(0, 2, 1).reshape(len(x), 28).reshape(-1, 4, 7))
        return nn.Dense(3, name="head")(x.reshape(len(x), 36))


class Minus(nn.Module):
    """Remainder of a batch without its mean."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return x - x.mean(0)


class Centred(nn.Module):
    """A network in which the rows of a batch change one another."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(3, name="head")(Minus(name="minus")(nn.Dense(6, name="first")(x)))


class Block(nn.Module):
    """A residual block."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return x + nn.Dense(4, name="map")(x)


class Stack(nn.Module):
    """Blocks under a checkpoint, as large networks are trained."""

    checkpointed: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kind = nn.remat(Block) if self.checkpointed else Block
        for index in range(2):
            x = kind(name=f"block_{index}")(x)
        return nn.Dense(3, name="head")(x.mean(1))


class Scanned(nn.Module):
    """Blocks in a scan: one trace stands for all of them."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        over = nn.scan(
            lambda block, carry, _: (block(carry), None),
            variable_axes={"params": 0},
            split_rngs={"params": True},
            length=2,
        )
        x, _ = over(Block(name="block"), x, None)
        return nn.Dense(3, name="head")(x.mean(1))


class Stateful(nnx.Module):
    """Running statistics, dropout, blocks in a list, and an output that is a dictionary."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm, self.drop = nnx.BatchNorm(4, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)
        self.blocks = nnx.List([nnx.Linear(4, 4, rngs=rngs) for _ in range(2)])
        self.head = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        x = self.drop(self.norm(x))
        for block in self.blocks:
            x = jnp.tanh(block(x))
        return {"hidden": x, "logits": self.head(x.mean(1))}


def test_axes_of_flax_layers_are_found_and_not_assumed() -> None:
    found = letters(handle_of(ChannelsFirst(), IMAGES))
    assert found["conv"] == "(n, 6, 6, d=5)"
    assert found["turn"] == "(n, d=5, 6, 6)"
    found = letters(handle_of(StepsFirst(), STEPS))
    assert found["embed"] == "(7, n, d=6)"
    assert found["rnn"] == "(7, n, d=5)"


def test_parameters_tell_where_a_flax_network_takes_one_size_only() -> None:
    handle = handle_of(FixedSize(), STEPS)
    assert handle.layers["mix"].letters == "(n, 4, d=9)"
    assert handle.layers["mix"].evidence.startswith("parameter mix.")


def test_scores_of_a_flax_network_with_steps_first_are_of_samples() -> None:
    handle, x = handle_of(StepsFirst(), STEPS), rows(STEPS, 20, seed=1)
    detector = fit(handle, rows(STEPS, 60, seed=2), batch_size=32)
    plain, order = detector.score(x), np.random.default_rng(0).permutation(20)
    moved = detector.score(x[order])
    assert set(plain) == {"embed", "rnn", "head"}
    for layer, scores in plain.items():
        assert scores.shape == (20,)
        np.testing.assert_allclose(moved[layer], scores[order], rtol=1e-5)


def test_a_flax_layer_that_other_samples_change_is_refused() -> None:
    handle = handle_of(Centred(), (4,))
    assert handle.default_layers == ("first",)
    with pytest.raises(ConfigError, match="'minus' cannot be watched: the other samples"):
        handle.forward(rows((4,)), ("minus",))


def test_checkpointed_blocks_are_watched_like_plain_ones() -> None:
    checkpointed, plain = handle_of(Stack(), STEPS), handle_of(Stack(checkpointed=False), STEPS)
    assert checkpointed.default_layers == plain.default_layers == ("block_0", "block_1", "head")
    x = rows(STEPS, 8, seed=3)
    one, other = (
        handle.with_parameters(plain.parameters()).forward(x, plain.default_layers).activations
        for handle in (checkpointed, plain)
    )
    for layer, values in one.items():
        np.testing.assert_array_equal(values, other[layer])
    # Training keeps its checkpoints.
    assert "remat" in str(
        jax.make_jaxpr(lambda p: Stack().apply({"params": p}, x))(checkpointed.variables)
    )


def test_what_a_scan_hides_is_named_and_the_rest_is_watched() -> None:
    handle = handle_of(Scanned(), STEPS)
    assert handle.default_layers == ("head",)
    assert "inside of a transformation of JAX" in handle.unusable("block")
    with pytest.raises(ConfigError, match="'block' cannot be watched: it is computed inside"):
        handle.forward(rows(STEPS), ("block",))


def test_nnx_with_statistics_dropout_and_a_dictionary_is_read_in_evaluation() -> None:
    module = Stateful(nnx.Rngs(0))
    before = jax.tree.map(np.asarray, nnx.state(module, nnx.BatchStat))
    handle = handle_of(module, STEPS)
    assert handle.num_outputs == 3
    assert handle.default_layers == ("blocks.0", "blocks.1", "head")
    x = rows(STEPS, 4, seed=4)
    np.testing.assert_array_equal(handle.forward(x).logits, handle.forward(x).logits)
    after = jax.tree.map(np.asarray, nnx.state(module, nnx.BatchStat))
    assert jax.tree.all(jax.tree.map(np.array_equal, before, after))
    assert not module.drop.deterministic


def test_half_precision_of_flax_arrives_as_float32() -> None:
    module = nn.Dense(3, dtype=jnp.bfloat16, param_dtype=jnp.bfloat16)
    handle = handle_of(nn.Sequential([module]), (4,))
    run = handle.forward(rows((4,)), handle.default_layers)
    # A list inside of a module cannot be hashed, and nn.Sequential takes one.
    assert {run.logits.dtype, *(a.dtype for a in run.activations.values())} == {np.dtype("f4")}
    assert {info.precision for info in handle.layers.values()} == {"bfloat16"}


class Masked(nn.Module):
    """A network of tokens that is given their mask by name."""

    @nn.compact
    def __call__(self, tokens: jax.Array, mask: jax.Array) -> jax.Array:
        x = nn.Dense(5, name="map")(nn.Embed(9, 4, name="embed")(tokens))
        return nn.Dense(3, name="head")((x * mask[..., None]).sum(1) / mask.sum(1)[:, None])


def test_a_flax_network_takes_arrays_by_name_and_a_mask() -> None:
    rng = np.random.default_rng(0)
    mask = np.arange(7) < rng.integers(2, 8, 40)[:, None]
    data = NamedArrays({"tokens": rng.integers(1, 9, (40, 7)) * mask, "mask": mask})
    handle = as_handle(Masked(), None, data[:5], warn=False)
    assert {n: i.letters for n, i in handle.layers.items()} == {
        "embed": "(n, 7, d=4)", "map": "(n, 7, d=5)", "head": "(n, d=3)",
    }  # fmt: skip
    detector = fit(handle, ArrayDataset(data), reduction="mean", batch_size=16)
    wide = {name: np.pad(array, ((0, 0), (0, 9))) for name, array in data.arrays.items()}
    plain, padded = (
        detector.score(ArrayDataset(data)),
        detector.score(ArrayDataset(NamedArrays(wide))),
    )
    for layer, scores in plain.items():
        np.testing.assert_allclose(padded[layer], scores, rtol=1e-4)
