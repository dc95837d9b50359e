"""Samplers that follow the reverse chain on a grid of steps: ancestral, cached, remasking, greedy at the end."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from taskloom_diffusion.samplers.generation import Generation, temper
from taskloom_diffusion.samplers.noise import draw_categorical
from taskloom_diffusion.samplers.remask import Remasking
from taskloom_diffusion.schedules.base import Schedule


def signal_grid(schedule: Schedule, num_steps: int, grid: str) -> list[float]:
    """Return the signal after 0, 1, ..., T steps: from exactly 0 to exactly 1.

    A schedule that ends at a signal of 1e-3, or begins at 0.999, is completed by its first or last step: sampling
    starts from pure noise and ends with clean tokens whatever the schedule.
    """
    if grid == "schedule":
        t = torch.linspace(1, 0, num_steps + 1, dtype=torch.float64)
        alphas = schedule.alpha(t).tolist()
    elif grid == "uniform":
        alphas = [i / num_steps for i in range(num_steps + 1)]
    else:
        alphas = [1 - math.cos(math.pi / 2 * i / num_steps) for i in range(num_steps + 1)]
    return [0.0, *alphas[1:-1], 1.0]


def looped_grid(alphas: list[float], alpha: float, share: float) -> tuple[list[float], range]:
    """Return a grid of the same number of steps that stays at one signal for a share of them, and those steps."""
    num_steps = len(alphas) - 1
    # A step at least for each of the three phases.
    stay = min(max(1, round(share * num_steps)), num_steps - 2)
    climb = min(max(1, round((num_steps - stay) * alpha)), num_steps - stay - 1)
    fall = num_steps - stay - climb
    before = [alpha * (i / climb) for i in range(climb + 1)]
    after = [alpha + (1 - alpha) * (i / fall) for i in range(1, fall)]
    return [*before, *[alpha] * stay, *after, 1.0], range(climb, climb + stay)


class ChainSampler:
    """The reverse chain.

    Args:
        num_steps: Steps T.
        grid: How the signal rises.
        cached: Ask the network only for rows that changed since they were last asked.
        remasking: How revealed tokens are masked again; None is ancestral.
        loop: Signal and share of steps of a phase that remasks at constant signal.
        greedy_tail: Last steps that take the likeliest token.
    """

    def __init__(
        self,
        num_steps: int,
        grid: str,
        *,
        cached: bool = False,
        remasking: Remasking | None = None,
        loop: tuple[float, float] | None = None,
        greedy_tail: int = 0,
    ) -> None:
        self.num_steps = num_steps
        self.grid = grid
        self.cached = cached
        self.remasking = remasking
        self.loop = loop
        self.greedy_tail = greedy_tail

    @property
    def absorbing_only(self) -> bool:
        return self.cached or self.remasking is not None

    def run(self, generation: Generation) -> Tensor:
        alphas = signal_grid(generation.schedule, self.num_steps, self.grid)
        remasking_steps = range(len(alphas))
        if self.loop is not None:
            alphas, remasking_steps = looped_grid(alphas, *self.loop)
        step = self._step_masked if generation.process.absorbs else self._step_general
        prediction = _Prediction(generation, reuse=self.cached)
        z = generation.start.clone()
        for i, (alpha_t, alpha_s) in enumerate(itertools.pairwise(alphas)):
            greedy = i >= len(alphas) - 1 - self.greedy_tail
            active = self.remasking is not None and i in remasking_steps
            z = step(generation, prediction, z, alpha_s, alpha_t, greedy=greedy, remask=active)
            generation.record(z)
        return z

    def _step_masked(
        self,
        generation: Generation,
        prediction: _Prediction,
        z: Tensor,
        alpha_s: float,
        alpha_t: float,
        *,
        greedy: bool,
        remask: bool,
    ) -> Tensor:
        mask_id = generation.process.vocabulary.mask_id
        move, token = generation.noise.uniform(), generation.noise.uniform()
        log_x = prediction.at(z, alpha_t)
        law = temper(log_x, 0) if greedy else generation.token_law(log_x)
        drawn = draw_categorical(law, token)
        masked = generation.free & (z == mask_id)
        revealed = generation.free & (z != mask_id)
        sigma, mean = torch.zeros_like(move), torch.zeros(len(z), 1, dtype=torch.float64)
        if remask and self.remasking is not None:
            strength = self.remasking.strength(alpha_s, alpha_t)
            sigma = self.remasking.spread(strength, prediction.log_p, revealed)
            mean = self.remasking.mean(strength, alpha_t, generation.free.sum(1))[:, None]
        reveal = (alpha_s - (1 - mean) * alpha_t) / (1 - alpha_t) if alpha_t < 1 else 0 * mean
        opened = masked & (move < reveal)
        log_drawn = log_x.gather(-1, drawn[..., None])[..., 0]
        prediction.log_p = torch.where(opened, log_drawn, prediction.log_p)
        closed = revealed & (move < sigma)
        return torch.where(opened, drawn, torch.where(closed, mask_id, z))

    def _step_general(
        self,
        generation: Generation,
        prediction: _Prediction,
        z: Tensor,
        alpha_s: float,
        alpha_t: float,
        *,
        greedy: bool,
        remask: bool,
    ) -> Tensor:
        del remask  # only absorbing noise can be remasked
        noise = generation.noise.uniform()
        log_x = prediction.at(z, alpha_t)
        rows = len(z)
        now, later = (torch.full((rows,), a, dtype=torch.float64) for a in (alpha_t, alpha_s))
        law = generation.process.posterior(generation.token_law(log_x), z, later, now)
        drawn = draw_categorical(temper(law.log(), 0) if greedy else law, noise)
        return torch.where(generation.free, drawn, z)


class _Prediction:
    """The network's last answer for every row, renewed where it may have changed."""

    def __init__(self, generation: Generation, *, reuse: bool) -> None:
        self.generation = generation
        self.reuse = reuse and not generation.predictor.denoiser.uses_time
        self.seen: Tensor | None = None
        self.answer: Tensor | None = None
        self.log_p = torch.zeros(generation.start.shape, dtype=torch.float64)

    def at(self, z: Tensor, alpha: float) -> Tensor:
        """Return log x_theta (B, L, V) of every row."""
        rows = torch.arange(len(z))
        if self.reuse and self.seen is not None:
            rows = (self.seen != z).any(1).nonzero()[:, 0]
        if len(rows):
            levels = torch.full((len(z),), alpha, dtype=torch.float64)
            generation = self.generation
            mask_id = generation.process.vocabulary.mask_id
            # Visible tokens are carried over, so only masks need an answer.
            wanted = z == mask_id if generation.process.absorbs else None
            fresh = generation.predictor.log_x_theta(z, levels, generation.maskable, rows, wanted)
            if self.answer is None or len(rows) == len(z):
                self.answer = fresh
            else:
                self.answer = self.answer.clone()
                self.answer[rows] = fresh
        self.seen = z
        if self.answer is None:
            raise ValueError("an empty batch has no prediction")
        return self.answer
