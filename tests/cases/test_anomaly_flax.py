"""Networks of flax: their whole state can be given back, and a name means the same array as in torch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import torch
from cases_verdict import told, verdict
from flax import linen, nnx
from taskloom_anomaly.backends.resolve import as_handle


class Normalised(nnx.Module):
    """A network with batch normalisation and dropout."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.hidden, self.norm = nnx.Linear(6, 16, rngs=rngs), nnx.BatchNorm(16, rngs=rngs)
        self.drop, self.head = nnx.Dropout(0.5, rngs=rngs), nnx.Linear(16, 4, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.head(self.drop(nnx.relu(self.norm(self.hidden(x)))))


def test_nnx_full_state() -> None:
    """Takes all of `nnx.state(model)` as parameters, and gives the model's logits in evaluation mode to 1e-6."""
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    model, must = Normalised(nnx.Rngs(0)), "a difference below 1e-6"
    try:
        handle = as_handle(Normalised(nnx.Rngs(1)), nnx.state(model), x[:1])
        found = handle.forward(x).logits
    except Exception as error:
        verdict(False, told(error), must)
    model.eval()
    gap = float(np.abs(found - np.asarray(model(jnp.asarray(x)))).max())
    verdict(gap < 1e-6, f"difference {gap:.2g}", must)


RNG = np.random.default_rng(0)
KERNEL, BIAS, OUT, SHIFT = (
    RNG.normal(size=shape).astype(np.float32) for shape in ((4, 4), (4,), (4, 2), (2,))
)
WEIGHTS = {
    "params": {
        "shared": {"kernel": KERNEL, "bias": BIAS},
        "head": {"kernel": OUT, "bias": SHIFT},
    }
}


class InTorch(torch.nn.Module):
    """The network in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 2)
        for layer, kernel, bias in ((self.shared, KERNEL, BIAS), (self.head, OUT, SHIFT)):
            layer.weight.data, layer.bias.data = torch.tensor(kernel.T), torch.tensor(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.shared(self.shared(x)))


class InNnx(nnx.Module):
    """The network in flax nnx."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.shared, self.head = nnx.Linear(4, 4, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)
        for layer, kernel, bias in ((self.shared, KERNEL, BIAS), (self.head, OUT, SHIFT)):
            layer.kernel[...], layer.bias[...] = kernel, bias

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.head(self.shared(self.shared(x)))


class InLinen(linen.Module):
    """The network in flax linen."""

    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shared = linen.Dense(4, name="shared")
        return linen.Dense(2, name="head")(shared(shared(x)))


def test_reused_module_twins() -> None:
    """Means one call by the name of a module that runs twice, the same in torch, flax nnx and flax linen."""
    x = RNG.normal(size=(3, 4)).astype(np.float32)
    handles = {
        "torch": as_handle(InTorch(), None, x[:1], warn=False),
        "nnx": as_handle(InNnx(nnx.Rngs(0)), None, x[:1], warn=False),
        "linen": as_handle(InLinen(), WEIGHTS, x[:1], warn=False),
    }
    runs = {name: handle.forward(x, ["shared"]) for name, handle in handles.items()}
    for run in runs.values():
        np.testing.assert_allclose(run.logits, runs["torch"].logits, atol=1e-4)
    shared = {name: run.activations["shared"] for name, run in runs.items()}
    first = x @ KERNEL + BIAS
    calls = {
        name: "first" if np.allclose(found, first, atol=1e-4) else "last"
        for name, found in shared.items()
    }
    verdict(
        all(np.allclose(found, shared["torch"], atol=1e-4) for found in shared.values()),
        f"the call named `shared`: {calls}",
        "one and the same in all three",
    )
