"""Input and result of samplers: a batch to complete, and what they ask of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from taskloom_diffusion.model.protocols import DenoisingNetwork, NoisingProcess
from taskloom_diffusion.samplers.draws import draw_categorical, nucleus, temper
from taskloom_diffusion.samplers.noise import NoiseSource
from taskloom_diffusion.schedules.base import Schedule

TokenLaw: TypeAlias = Callable[[Tensor], Tensor]
"""From log x_theta to the probabilities that tokens are drawn from."""


class NoisedRows(NamedTuple):
    """Noised states of rows of a batch; a row may be asked about in several states at once.

    Attributes:
        states: Noised tokens (R, L).
        alpha: Signal of each (R,).
        maskable: Valid positions (R, L).
        rows: Row of the batch that each is of (R,).
        wanted: Positions (R, L) that will be looked at, if it is known beforehand; what the answer is at other masked
            positions is then undefined.
    """

    states: Tensor
    alpha: Tensor
    maskable: Tensor
    rows: Tensor
    wanted: Tensor | None = None

    def twice(self) -> NoisedRows:
        """Return the same rows two times, one copy after the other."""
        states, alpha, maskable, rows = (torch.cat([part, part]) for part in self[:4])
        wanted = None if self.wanted is None else torch.cat([self.wanted, self.wanted])
        return NoisedRows(states, alpha, maskable, rows, wanted)


class Predicts(Protocol):
    """A source of x_theta: a network, or several that are joined."""

    @property
    def denoiser(self) -> DenoisingNetwork:
        """The network."""
        ...

    @property
    def calls(self) -> Tensor:
        """Network calls of each row (B,)."""
        ...

    @property
    def positions(self) -> Tensor:
        """Positions that the network was asked about for each row (B,)."""
        ...

    def log_x_theta(self, asked: NoisedRows) -> Tensor:
        """Return log x_theta (R, L, V) of what is asked, in float64."""
        ...

    def reverse(
        self, law: TokenLaw, log_x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        """Return p(z_s | z_t) (B, L, V) from what was last predicted."""
        ...

    def each(self, make: Callable[[Any], BlockPredicts]) -> BlockPredicts:
        """Return the same over blocks; every network is put through `make`."""
        ...


class BlockPredicts(Predicts, Protocol):
    """A source of x_theta of one block after the other."""

    def finish(self, block: Tensor) -> None:
        """Take over the finished block (B, S); the next question is about the one after it."""
        ...


class TokenRule(Protocol):
    """A rule about whole sequences that tokens are drawn under."""

    def draw(self, law: Tensor, z: Tensor, maskable: Tensor, noise: Tensor) -> Tensor:
        """Return tokens (B, L) from laws (B, L, V) that the rule is kept by, with what is known in z as it is."""
        ...

    def move(
        self,
        generation: Generation,
        log_x: Tensor,
        z: Tensor,
        signals: tuple[Tensor, Tensor],
        noise: Tensor,
    ) -> Tensor:
        """Return the next state (B, L) of noise without a mask, from signals (now, later)."""
        ...

    def of_block(self, z: Tensor, maskable: Tensor, span: slice) -> TokenRule:
        """Return the rule of a block, given all before it."""
        ...

    def of_rows(self, rows: Tensor) -> TokenRule:
        """Return the rule of some rows."""
        ...


@dataclass
class Generation:
    """A batch to generate or to complete.

    Attributes:
        predictor: The model.
        process: The noising process.
        schedule: The model's schedule.
        start: Tokens (B, L): clamped ones, the mask or prior noise elsewhere, padding at the end.
        free: Positions that the sampler may change (B, L).
        maskable: Positions that belong to a sequence (B, L).
        noise: Source of randomness.
        temperature: Of token draws.
        top_p: Nucleus of token draws.
        trajectory: Tokens after every step, if they are recorded; else None.
        rule: What whole sequences must fulfil; None is nothing.
    """

    predictor: Predicts
    process: NoisingProcess
    schedule: Schedule
    start: Tensor
    free: Tensor
    maskable: Tensor
    noise: NoiseSource
    temperature: float = 1.0
    top_p: float = 1.0
    trajectory: list[Tensor] | None = None
    rule: TokenRule | None = None

    def record(self, z: Tensor) -> None:
        """Append the state to the trajectory, if one is kept."""
        if self.trajectory is not None:
            self.trajectory.append(z.to(torch.int32).clone())

    def predicted(
        self, z: Tensor, alpha: Tensor, rows: Tensor, wanted: Tensor | None = None
    ) -> Tensor:
        """Return log x_theta (R, L, V) of some rows of the batch, in float64.

        Args:
            z: Noised tokens of all rows (B, L).
            alpha: Signal of every row (B,).
            rows: Which rows are asked about (R,).
            wanted: Positions of all rows (B, L) that will be looked at, if it is known beforehand.
        """
        looked_at = None if wanted is None else wanted[rows]
        asked = NoisedRows(z[rows], alpha[rows], self.maskable[rows], rows, looked_at)
        return self.predictor.log_x_theta(asked)

    def token_law(self, log_x: Tensor) -> Tensor:
        """Return probabilities to draw tokens from: tempered, then cut to the nucleus."""
        return nucleus(temper(log_x, self.temperature), self.top_p)

    def draw(
        self, log_x: Tensor, z: Tensor, noise: Tensor, rows: slice | Tensor = slice(None)
    ) -> Tensor:
        """Return a token for every position (R, L) of some rows, under the rule if there is one.

        Args:
            log_x: What is predicted of them (R, L, V).
            z: Their tokens (R, L).
            noise: Uniform variates (R, L).
            rows: Which rows of the batch they are.
        """
        law = self.token_law(log_x)
        if self.rule is None:
            return draw_categorical(law, noise)
        # The rule of a row is its own: a block of it begins in the state that its prefix led to.
        rule = self.rule if isinstance(rows, slice) else self.rule.of_rows(rows)
        return rule.draw(law, z, self.maskable[rows], noise)


@dataclass(frozen=True)
class SampledTokens:
    """The tokens of a sampler and what they cost.

    Attributes:
        tokens: (B, L).
        network_calls: Calls that each row took part in (B,).
        positions: Positions that the network was asked about for each row, over all of its calls (B,).
        trajectory: (S, B, L) int32 states after every step, or empty.
        log_weights: Of weighted particles, the log weight of each row (B,); empty for draws that all weigh the same.
    """

    tokens: Tensor
    network_calls: Tensor
    positions: Tensor
    trajectory: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int32))
    log_weights: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))


class Strategy(Protocol):
    """Anything that completes a batch: a sampler, or one that runs in each block of a sequence."""

    def run(self, generation: Generation) -> Tensor:
        """Return complete tokens (B, L); clamped positions are returned as they came."""
        ...


def generate(strategy: Strategy, generation: Generation) -> SampledTokens:
    """Run a strategy: the one driver of all samplers."""
    generation.record(generation.start)
    tokens = strategy.run(generation)
    steps = generation.trajectory
    trajectory = torch.stack(steps) if steps else torch.zeros(0, dtype=torch.int32)
    predictor = generation.predictor
    return SampledTokens(tokens, predictor.calls, predictor.positions, trajectory)
