"""Input and result of samplers: a model that counts its calls, and a batch to complete."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias, cast

import torch
from torch import Tensor

from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.model.parameterizations import Parameterization, read_logits
from taskloom_diffusion.model.protocols import DenoisingNetwork, NoisingProcess
from taskloom_diffusion.samplers.draws import draw_categorical, nucleus, temper
from taskloom_diffusion.samplers.noise import NoiseSource
from taskloom_diffusion.schedules.base import Schedule


@dataclass(frozen=True)
class Forbidden:
    """Tokens that some positions may not get, and the law without them.

    Attributes:
        tokens: Which they are (V,).
        at: At which positions (B, L).
    """

    tokens: Tensor
    at: Tensor

    def of(self, rows: Tensor, span: slice) -> Forbidden:
        """Return what is forbidden in some rows and a span of positions."""
        return Forbidden(self.tokens, self.at[rows, span])

    def left(self, log_x: Tensor) -> Tensor:
        """Return log x_theta (R, L, V) without what is forbidden, normalised in float64."""
        # Only gaps: a known token may well be one of these.
        here = self.at[..., None]
        rest = log_x.masked_fill(here & self.tokens, -torch.inf)
        # In float64, so that what is left of a small share is still a law.
        return torch.where(here, rest - rest.logsumexp(-1, keepdim=True), log_x)


class Limits(Protocol):
    """Tokens that a position may not get, by what is known of its sequence."""

    def left(self, log_x: Tensor, states: Tensor, maskable: Tensor, rows: Tensor) -> Tensor:
        """Return log x_theta (R, L, V) of states (R, L) of rows (R,) without what they may not get, normalised."""
        ...


class OfRows(ABC):
    """A source of x_theta that is asked about some rows of a batch through its `answers` about states."""

    def log_x_theta(
        self,
        z: Tensor,
        alpha: Tensor,
        maskable: Tensor,
        rows: Tensor,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Return log x_theta of the given rows in float64.

        Args:
            z: All noised tokens (B, L).
            alpha: Signal of every row (B,).
            maskable: Valid positions (B, L).
            rows: Indices of the rows that are wanted (R,).
            wanted: Positions of all rows (B, L) that will be looked at, if it is known beforehand; what the answer is at
                other masked positions is then undefined.

        Returns:
            (R, L, V).
        """
        asked = None if wanted is None else wanted[rows]
        return self.answers(z[rows], alpha[rows], maskable[rows], rows, asked)

    @abstractmethod
    def answers(
        self,
        states: Tensor,
        alpha: Tensor,
        maskable: Tensor,
        rows: Tensor,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Return log x_theta (R, L, V) of states of rows, as `Predictor` does."""


class Predictor(OfRows):
    """The network as a source of x_theta, with a count of its calls for each row.

    Args:
        denoiser: The network.
        process: The noising process.
        kind: How its logits are read.
        num_rows: Rows of the batch.
        half: Whether the network may compute in bf16.
        forbidden: What some positions may not get.
        condition: What the network is told of each row; None is nothing.
    """

    def __init__(
        self,
        denoiser: DenoisingNetwork,
        process: NoisingProcess,
        kind: Parameterization,
        num_rows: int,
        *,
        half: bool = False,
        forbidden: Forbidden | None = None,
        condition: Condition | None = None,
    ) -> None:
        self.forbidden = forbidden
        self.condition = condition
        self.limits: Limits | None = None
        self.denoiser = denoiser
        self.process = process
        self.kind: Parameterization = kind
        self.half = half
        self.calls = torch.zeros(num_rows, dtype=torch.long)
        # Calls are waiting; positions are work: a call may ask about several states of a row.
        self.positions = torch.zeros(num_rows, dtype=torch.long)
        # Some networks can leave out positions whose answer is not looked at; others do not know of the question.
        self.partial = bool(getattr(denoiser, "answers_in_part", False))

    @torch.no_grad()
    def answers(
        self,
        states: Tensor,
        alpha: Tensor,
        maskable: Tensor,
        rows: Tensor,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Return log x_theta (R, L, V) of states of rows in float64; a row may be asked about in several states at once.

        Args:
            states: Noised tokens (R, L).
            alpha: Signal of each (R,).
            maskable: Valid positions (R, L).
            rows: Row of the batch that each is of (R,).
            wanted: Positions (R, L) that will be looked at, if it is known beforehand.
        """
        # Counted per row: a batch is asked at once, but a sequence costs its own calls. Repeats of a row are one call of it.
        self.calls[rows] += 1
        # Columns beyond the longest wanted row cost time and say nothing.
        width = int(maskable.sum(1).max()) if len(rows) else 0
        width = max(width, 1)
        self.positions.index_add_(0, rows, torch.full_like(rows, width))
        part, valid = states[:, :width].contiguous(), maskable[:, :width].contiguous()
        asked = None if wanted is None else wanted[:, :width].contiguous()
        with torch.autocast(states.device.type, torch.bfloat16, enabled=self.half):
            logits = self._ask(part, 1 - alpha, valid, asked, rows)
        log_x = read_logits(self.kind, logits, part, alpha, self.process).double()
        if self.forbidden is not None:
            log_x = self.forbidden.of(rows, slice(0, width)).left(log_x)
        if width < states.shape[1]:
            shape = (len(rows), states.shape[1] - width, log_x.shape[-1])
            rest = torch.full(shape, -torch.inf).double()
            rest[..., self.process.vocabulary.pad_id] = 0.0
            log_x = torch.cat([log_x, rest], dim=1)
        return log_x if self.limits is None else self.limits.left(log_x, states, maskable, rows)

    def _ask(
        self, z: Tensor, noise: Tensor, valid: Tensor, wanted: Tensor | None, rows: Tensor
    ) -> Tensor:
        # Of a condition only these rows' part: states of one row are all told the same.
        network = self.network(rows)
        if wanted is None or self.kind != "subs" or not self.partial:
            return network(z, noise, valid)
        return network(z, noise, valid, wanted)

    def network(self, rows: Tensor) -> Callable[..., Tensor]:
        """Return the network as it is asked about some rows, with what it is told of them."""
        ask = cast("Callable[..., Tensor]", self.denoiser)
        if self.condition is None:
            return ask
        return partial(ask, condition=self.condition.of(rows))

    def reverse(
        self, law: TokenLaw, log_x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        """Return p(z_s | z_t) (B, L, V) from what was last predicted; `law` makes probabilities to draw from of it."""
        return self.process.posterior(law(log_x), z, alpha_s, alpha_t)

    def each(self, make: Callable[[Predictor], BlockPredicts]) -> BlockPredicts:
        """Return a predictor of blocks in the place of this one."""
        return make(self)


TokenLaw: TypeAlias = Callable[[Tensor], Tensor]
"""From log x_theta to the probabilities that tokens are drawn from."""


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

    def log_x_theta(
        self,
        z: Tensor,
        alpha: Tensor,
        maskable: Tensor,
        rows: Tensor,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Return log x_theta (R, L, V) of some rows, as `Predictor` does."""
        ...

    def answers(
        self,
        states: Tensor,
        alpha: Tensor,
        maskable: Tensor,
        rows: Tensor,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Return log x_theta (R, L, V) of states of rows, as `Predictor` does."""
        ...

    def reverse(
        self, law: TokenLaw, log_x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        """Return p(z_s | z_t) (B, L, V) from what was last predicted."""
        ...

    def each(self, make: Callable[[Predictor], BlockPredicts]) -> BlockPredicts:
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
