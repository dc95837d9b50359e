"""The words of the domain as types: vocabulary, process, denoiser, and what they exchange.

Notation: x (B, L) clean tokens, z (B, L) noised tokens, alpha the signal in [0, 1], V states. The states are the tokens of
the vocabulary, special tokens included; a process says which of them it can reach.

The negative log-likelihood bound of a process is an integral over the signal, not over time:

    NELBO = int_0^1 E_{z ~ q_alpha(.|x)} sum_l g_l(z, x, alpha) d alpha.

A schedule only says how densely alpha is visited, so every estimator of this package draws pairs (alpha, flow) with
E[flow * G(alpha)] = int G d alpha, and every process implements g as `integrand`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor, nn

Batch: TypeAlias = "dict[str, Tensor]"
"""`tokens` (B, L) int64, `maskable` (B, L) bool: positions that belong to the sequence and may be noised."""


@dataclass(frozen=True)
class Vocabulary:
    """The states of a process.

    Attributes:
        size: Number of ids, special ones included.
        mask_id: The id of the mask.
        pad_id: The id that fills a batch to a rectangle.
        allowed: For each id, whether the model may ever produce it.
        frequencies: Share of each id in the training corpus; empty if unknown.
        names: The token of each id; empty if unknown.
    """

    size: int
    mask_id: int
    pad_id: int
    allowed: tuple[bool, ...]
    frequencies: tuple[float, ...] = ()
    names: tuple[str, ...] = ()


class NoisingProcess(Protocol):
    """A forward process q(z | x, alpha) that acts on every token alone, and its exact reverse."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The states."""
        ...

    @property
    def absorbing(self) -> bool:
        """Return whether noise is the mask and nothing else."""
        ...

    def corrupt(self, x: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
        """Return z ~ q(. | x, alpha).

        Args:
            x: Clean tokens (B, L).
            alpha: Signal (B,), float64.
            noise: Uniform variates (B, L) in [0, 1), float64; the same noise at every alpha couples the levels.
        """
        ...

    def prior(self, noise: Tensor) -> Tensor:
        """Return z at alpha = 0 from uniform variates (B, L)."""
        ...

    def likelihood(self, z: Tensor, alpha: Tensor) -> Tensor:
        """Return q(z_l | x_l = v, alpha) for every v: (B, L, V), float64."""
        ...

    def posterior(self, x_theta: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor) -> Tensor:
        """Return p(z_s | z_t) (B, L, V) for a prediction x_theta (B, L, V) that does not look at its own position."""
        ...

    def integrand(self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        """Return g_l of the bound (B, L) [nats per unit of alpha]."""
        ...

    def step_divergence(
        self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        """Return KL(q(z_s | z_t, x) || p(z_s | z_t)) per position (B, L) [nats]."""
        ...


class DenoisingNetwork(Protocol):
    """A network that predicts the clean tokens: a `torch.nn.Module` with this call."""

    @property
    def uses_time(self) -> bool:
        """Return whether the noise level reaches the network; if not, its calls can be cached between steps."""
        ...

    @property
    def timestep_embedding(self) -> nn.Module | None:
        """The module that embeds the noise level, if there is one."""
        ...

    @property
    def output_projection(self) -> nn.Module:
        """The last layer, onto the vocabulary."""
        ...

    def __call__(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        """Return logits (B, L, V) from noised tokens (B, L), noise levels 1 - alpha (B,) and the valid positions."""
        ...
