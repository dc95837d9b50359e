"""One network in three frameworks: equal names and equal arrays, whatever each calls its axes and parameters."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from taskloom_anomaly.backends.convert import to_flax
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.resolve import as_handle

WIDTH, CLASSES, BLOCKS = 6, 3, ("blocks_0", "blocks_1")
LINEAR = ("query", "key", "value", "out")


def attended(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    return jax.nn.softmax(q @ k.swapaxes(-1, -2) / WIDTH**0.5) @ v


class TorchBlock(torch.nn.Module):
    """Attention after a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(WIDTH)
        for name in LINEAR:
            self.add_module(name, torch.nn.Linear(WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        q, k, v = self.query(y), self.key(y), self.value(y)
        return x + self.out((q @ k.transpose(-1, -2) / WIDTH**0.5).softmax(-1) @ v)


class TorchTransformer(torch.nn.Module):
    """Two blocks in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Linear(4, WIDTH)
        self.blocks = torch.nn.ModuleList([TorchBlock() for _ in BLOCKS])
        self.head = torch.nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class LinenBlock(nn.Module):
    """Attention after a norm."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.LayerNorm(epsilon=1e-5, name="norm")(x)
        q, k, v = (nn.Dense(WIDTH, name=name)(y) for name in LINEAR[:3])
        return x + nn.Dense(WIDTH, name="out")(attended(q, k, v))


class LinenTransformer(nn.Module):
    """Two blocks by number."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(WIDTH, name="embed")(x)
        for name in BLOCKS:
            x = LinenBlock(name=name)(x)
        return nn.Dense(CLASSES, name="head")(x.mean(1))


class NnxBlock(nnx.Module):
    """Attention after a norm."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
        for name in LINEAR:
            setattr(self, name, nnx.Linear(WIDTH, WIDTH, rngs=rngs))

    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.norm(x)
        return x + self.out(attended(self.query(y), self.key(y), self.value(y)))


class NnxTransformer(nnx.Module):
    """Two blocks in a list."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.embed = nnx.Linear(4, WIDTH, rngs=rngs)
        self.blocks = nnx.List([NnxBlock(rngs) for _ in BLOCKS])
        self.head = nnx.Linear(WIDTH, CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class TorchConv(torch.nn.Module):
    """Convolution, batch norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(2, WIDTH, 3, padding=1), torch.nn.BatchNorm2d(WIDTH)
        self.drop, self.head = torch.nn.Dropout(), torch.nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(torch.relu(self.norm(self.conv(x)))).mean((2, 3)))


class LinenConv(nn.Module):
    """Convolution, batch norm and dropout."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> jax.Array:
        x = nn.Conv(WIDTH, (3, 3), name="conv")(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, name="norm")(x))
        x = nn.Dropout(0.5, deterministic=not train, name="drop")(x)
        return nn.Dense(CLASSES, name="head")(x.mean((1, 2)))


class NnxConv(nnx.Module):
    """Convolution, batch norm and dropout."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv, self.norm = (
            nnx.Conv(2, WIDTH, (3, 3), rngs=rngs),
            nnx.BatchNorm(WIDTH, rngs=rngs),
        )
        self.drop, self.head = nnx.Dropout(0.5, rngs=rngs), nnx.Linear(WIDTH, CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.head(self.drop(jnp.maximum(self.norm(self.conv(x)), 0)).mean((1, 2)))


def filled(handle: ModelHandle, module: torch.nn.Module, *, of_linen: bool) -> ModelHandle:
    """Return a flax handle with the weights of a torch module."""
    state = {k: v.numpy() for k, v in module.state_dict().items() if "num_batches" not in k}
    running = {k: v for k, v in state.items() if "running" in k}
    values = to_flax({k: v for k, v in state.items() if k not in running})
    home = "buffers:batch_stats." if of_linen else "buffers:"
    values |= {home + k.replace("running_", ""): v for k, v in running.items()}
    if of_linen:
        values = {k.replace("blocks.", "blocks_"): v for k, v in values.items()}
    # The draws of dropout belong to nnx alone.
    return handle.with_parameters({**handle.parameters(), **values})


@pytest.mark.parametrize("kind", ["transformer", "conv"])
def test_twins_have_equal_names_and_equal_arrays(kind: str) -> None:
    torch.manual_seed(0)
    modules = {
        "transformer": (TorchTransformer, LinenTransformer, NnxTransformer),
        "conv": (TorchConv, LinenConv, NnxConv),
    }[kind]
    plain, linen, rebuilt = modules[0](), modules[1](), modules[2](nnx.Rngs(0))
    with torch.no_grad():
        for label, value in plain.named_buffers():
            if "running" in label:
                value.add_(torch.rand_like(value))
    shape = (5, 4) if kind == "transformer" else (8, 8, 2)
    x = np.random.default_rng(0).normal(size=(6, *shape)).astype(np.float32)
    first = x if kind == "transformer" else np.ascontiguousarray(np.moveaxis(x, -1, 1))
    of_torch = as_handle(plain, None, first, warn=False)
    handles = {
        "linen": filled(as_handle(linen, None, x, warn=False), plain, of_linen=True),
        "nnx": filled(as_handle(rebuilt, None, x, warn=False), plain, of_linen=False),
    }
    layers = tuple(of_torch.layers)
    whole = of_torch.forward(first, layers)
    for name, handle in handles.items():
        own = [
            layer.replace("blocks.", "blocks_") if name == "linen" else layer for layer in layers
        ]
        assert list(handle.layers) == own
        assert handle.default_layers == tuple(
            layer
            for layer, other in zip(own, layers, strict=True)
            if other in of_torch.default_layers
        )
        found = handle.forward(x, own)
        np.testing.assert_allclose(found.logits, whole.logits, atol=1e-5)
        for layer, other in zip(own, layers, strict=True):
            np.testing.assert_allclose(
                found.activations[layer], whole.activations[other], atol=1e-5, err_msg=layer
            )
