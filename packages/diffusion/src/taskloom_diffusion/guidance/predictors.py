"""Guided predictors: sources of x_theta that stand in the place of a network, so that samplers need nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from taskloom_diffusion.guidance.law import Joint, joined, tilted
from taskloom_diffusion.model.protocols import DenoisingNetwork
from taskloom_diffusion.samplers.generation import BlockPredicts, NoisedRows, Predicts, TokenLaw
from taskloom_diffusion.samplers.predictor import Predictor


class NoisedClassifier(Protocol):
    """A law of classes given noised tokens."""

    def __call__(self, one_hot: Tensor, alpha: Tensor, maskable: Tensor) -> Tensor:
        """Return log p(y | z) (B, classes), float64.

        Args:
            one_hot: Noised tokens as vectors (B, L, V); between the corners it goes on as the network does.
            alpha: Signal (B,).
            maskable: Positions of the sequences (B, L).
        """
        ...


class ClassifierFree:
    """Two answers of one network, told the condition and told nothing.

    Args:
        plain: Told nothing.
        told: Told the condition.
        scale: The scale g.

    Attributes:
        last: Laws of the last answer: of clean tokens under absorbing noise, else of the next state.
    """

    def __init__(self, plain: Predicts, told: Predicts, scale: float) -> None:
        self.plain, self.told, self.scale = plain, told, scale
        self.last = _nothing()
        self._told_log_x = torch.zeros(0)

    @property
    def denoiser(self) -> DenoisingNetwork:
        return self.plain.denoiser

    @property
    def calls(self) -> Tensor:
        return self.plain.calls + self.told.calls

    @property
    def positions(self) -> Tensor:
        return self.plain.positions + self.told.positions

    def log_x_theta(self, asked: NoisedRows) -> Tensor:
        plain, told = self.plain, self.told
        # A predictor of blocks remembers what it was told, so each is asked by itself.
        if isinstance(plain, Predictor) and isinstance(told, Predictor) and not plain.remembers:
            log_u, log_c = plain.beside(told, asked)
        else:
            log_u, log_c = plain.log_x_theta(asked), told.log_x_theta(asked)
        mask_id = _mask_of(self.plain)
        if mask_id is None:
            # The transition is guided, not the prediction: `reverse` joins both.
            self._told_log_x = log_c
            return log_u
        self.last = joined(log_u, log_c, self.scale, asked.states == mask_id)
        return self.last.log_q

    def reverse(
        self, law: TokenLaw, log_x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        log_u = self.plain.reverse(law, log_x, z, alpha_s, alpha_t).log()
        log_c = self.told.reverse(law, self._told_log_x, z, alpha_s, alpha_t).log()
        self.last = joined(log_u, log_c, self.scale, torch.ones_like(z, dtype=torch.bool))
        return self.last.log_q.exp()

    def each(self, make: Callable[[Predictor], BlockPredicts]) -> ClassifierFree:
        return ClassifierFree(self.plain.each(make), self.told.each(make), self.scale)

    def finish(self, block: Tensor) -> None:
        """Take over the finished block."""
        for part in (self.plain, self.told):
            part.finish(block)  # type: ignore[attr-defined]  # only asked of parts that `each` made

    def pick(self, rows: Tensor) -> None:
        """Let what is remembered of rows change places with them."""
        if len(self._told_log_x):
            self._told_log_x = self._told_log_x[rows]
        for part in (self.plain, self.told):
            remembers = getattr(part, "pick", None)
            if remembers is not None:
                remembers(rows)


class ClassifierGuided:
    """The answers of a network, tilted by a classifier of noised sequences.

    Args:
        plain: The network.
        classifier: The classifier.
        target: Class that is asked for of each row (B,).
        scale: The scale g.
        exact: Ask it about every token at every position; else follow its gradient at the tokens that are there.
    """

    def __init__(
        self,
        plain: Predictor,
        classifier: NoisedClassifier,
        target: Tensor,
        scale: float,
        *,
        exact: bool,
    ) -> None:
        self.plain, self.classifier, self.target = plain, classifier, target
        self.scale, self.exact = scale, exact
        self.last = _nothing()
        self._log_p = torch.zeros(0)

    @property
    def denoiser(self) -> DenoisingNetwork:
        return self.plain.denoiser

    @property
    def calls(self) -> Tensor:
        return self.plain.calls

    @property
    def positions(self) -> Tensor:
        return self.plain.positions

    def log_x_theta(self, asked: NoisedRows) -> Tensor:
        states, maskable = asked.states, asked.maskable
        log_u = self.plain.log_x_theta(asked)
        mask_id = _mask_of(self.plain)
        guided = maskable if mask_id is None else maskable & (states == mask_id)
        ask = self._every if self.exact else self._gradient
        log_p = ask(states, asked.alpha, maskable, self.target[asked.rows], guided)
        if mask_id is None:
            self._log_p = log_p
            return log_u
        self.last = tilted(log_u, log_p, self.scale, guided)
        return self.last.log_q

    def reverse(
        self, law: TokenLaw, log_x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        log_u = self.plain.reverse(law, log_x, z, alpha_s, alpha_t).log()
        self.last = tilted(log_u, self._log_p, self.scale, torch.ones_like(z, dtype=torch.bool))
        return self.last.log_q.exp()

    def each(self, make: Callable[[Predictor], BlockPredicts]) -> BlockPredicts:
        del make
        raise ValueError("a classifier reads whole sequences; checked where guidance is chosen")

    def pick(self, rows: Tensor) -> None:
        """Let what is remembered of rows change places with them."""
        if len(self._log_p):
            self._log_p = self._log_p[rows]

    def _every(
        self, z: Tensor, alpha: Tensor, valid: Tensor, target: Tensor, guided: Tensor
    ) -> Tensor:
        """Return log p(y | z with v at l) (B, L, V): one row of the classifier for every token of every guided position."""
        size = self.plain.process.vocabulary.size
        allowed = torch.tensor(self.plain.process.vocabulary.allowed).nonzero()[:, 0]
        found = torch.zeros(*z.shape, size, dtype=torch.float64)
        at = guided.nonzero()
        # Position by position, so that the rows that are asked at once stay as many as tokens.
        for first in range(0, len(at), max(1, _ROWS // len(allowed))):
            here = at[first : first + max(1, _ROWS // len(allowed))]
            row = here[:, 0].repeat_interleave(len(allowed))
            place = here[:, 1].repeat_interleave(len(allowed))
            token = allowed.repeat(len(here))
            moved = z[row]
            moved[torch.arange(len(moved)), place] = token
            corners = torch.nn.functional.one_hot(moved, size).double()
            answer = self.classifier(corners, alpha[row], valid[row])
            found[row, place, token] = answer.gather(1, target[row, None])[:, 0]
        return found

    def _gradient(
        self, z: Tensor, alpha: Tensor, valid: Tensor, target: Tensor, guided: Tensor
    ) -> Tensor:
        """Return G[l, v] - G[l, z_l] (B, L, V): one pass of the classifier there and back."""
        del guided
        size = self.plain.process.vocabulary.size
        with torch.enable_grad():
            corners = torch.nn.functional.one_hot(z, size).double().requires_grad_()
            answer = self.classifier(corners, alpha, valid).gather(1, target[:, None]).sum()
            (gradient,) = torch.autograd.grad(answer, corners)
        return gradient - gradient.gather(-1, z[..., None])


# Rows that the classifier is asked about at once.
_ROWS = 8192


def _mask_of(predictor: Predicts) -> int | None:
    """Return the id of the mask under absorbing noise, and None under other noise."""
    process = predictor.process  # type: ignore[attr-defined]  # of a network, which the plain part is
    return process.vocabulary.mask_id if process.absorbing else None


def _nothing() -> Joint:
    return Joint.plain(torch.zeros(0, 0, 0, dtype=torch.float64))
