"""The network as a source of x_theta that counts its calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol, cast

import torch
from torch import Tensor

from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.model.parameterizations import Parameterization, read_logits
from taskloom_diffusion.model.protocols import DenoisingNetwork, NoisingProcess
from taskloom_diffusion.samplers.generation import BlockPredicts, NoisedRows, TokenLaw


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


class Predictor:
    """The network as a source of x_theta, with a count of its calls for each row.

    Args:
        denoiser: The network.
        process: The noising process.
        kind: How its logits are read.
        num_rows: Rows of the batch.
        half: Whether the network may compute in bf16.
        forbidden: What some positions may not get.
        condition: What the network is told of each row; None is nothing.

    Attributes:
        remembers: Whether an answer depends on what was asked before.
    """

    remembers: ClassVar[bool] = False

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
    def log_x_theta(self, asked: NoisedRows) -> Tensor:
        """Return log x_theta (R, L, V) of what is asked, in float64."""
        width = self._counted(asked)
        return self._limited(self._log_x(self.network(asked.rows), asked, width), asked)

    @torch.no_grad()
    def beside(self, told: Predictor, asked: NoisedRows) -> tuple[Tensor, Tensor]:
        """Return the answers of this predictor, which is told nothing, and of the same network told a condition.

        They come in one call of twice the rows, which takes less time than two calls.
        """
        width = self._counted(asked)
        # A call of each: a sequence costs the work of both, however they are asked.
        told._counted(asked)
        known = cast("Condition", told.condition).of(asked.rows)
        # Not None: half of the rows of one call are told something, and these are told "unknown".
        nothing = Condition(known.numbers, known.classes, torch.zeros_like(known.given))
        ask = cast("Callable[..., Tensor]", self.denoiser)
        network = partial(ask, condition=Condition.joined([nothing, known]))
        plain, guided = self._log_x(network, asked.twice(), width).chunk(2)
        return self._limited(plain, asked), told._limited(guided, asked)

    def _counted(self, asked: NoisedRows) -> int:
        """Count a call, and return how many columns it has."""
        rows, maskable = asked.rows, asked.maskable
        # Counted per row: a batch is asked at once, but a sequence costs its own calls. Repeats of a row are one call of it.
        self.calls[rows] += 1
        # Columns beyond the longest wanted row cost time and say nothing.
        width = max(int(maskable.sum(1).max()) if len(rows) else 0, 1)
        self.positions.index_add_(0, rows, torch.full_like(rows, width))
        return width

    def _log_x(self, network: Callable[..., Tensor], asked: NoisedRows, width: int) -> Tensor:
        """Return log x_theta (R, width, V) in float64 as the network says it."""
        states = asked.states
        part, valid = states[:, :width].contiguous(), asked.maskable[:, :width].contiguous()
        # Other readings of the logits need every position, and other networks know no such question.
        more = []
        if asked.wanted is not None and self.kind == "subs" and self.partial:
            more = [asked.wanted[:, :width].contiguous()]
        with torch.autocast(states.device.type, torch.bfloat16, enabled=self.half):
            logits = network(part, 1 - asked.alpha, valid, *more)
        return read_logits(self.kind, logits, part, asked.alpha, self.process).double()

    def _limited(self, log_x: Tensor, asked: NoisedRows) -> Tensor:
        """Return log x_theta (R, L, V) without what is forbidden; beyond the width there is padding."""
        states, rows, width = asked.states, asked.rows, log_x.shape[1]
        if self.forbidden is not None:
            log_x = self.forbidden.of(rows, slice(0, width)).left(log_x)
        if width < states.shape[1]:
            shape = (len(rows), states.shape[1] - width, log_x.shape[-1])
            rest = torch.full(shape, -torch.inf).double()
            rest[..., self.process.vocabulary.pad_id] = 0.0
            log_x = torch.cat([log_x, rest], dim=1)
        if self.limits is None:
            return log_x
        return self.limits.left(log_x, states, asked.maskable, rows)

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
