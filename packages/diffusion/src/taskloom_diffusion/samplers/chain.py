"""The reverse chain on a grid of steps: ancestral, cached, remasking, greedy at the end."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from taskloom_diffusion.samplers.draws import draw_categorical, temper
from taskloom_diffusion.samplers.generation import Generation
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
        # MD4's grid: small steps of signal early, where few tokens are there to agree with.
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


def follow_chain(
    generation: Generation,
    num_steps: int,
    grid: str,
    *,
    cached: bool = False,
    remasking: Remasking | None = None,
    loop: tuple[float, float] | None = None,
    greedy_tail: int = 0,
) -> Tensor:
    """Return complete tokens (B, L) from the reverse chain.

    Args:
        generation: The batch to complete.
        num_steps: Steps T.
        grid: How the signal rises.
        cached: Ask the network only for rows that changed since they were last asked.
        remasking: How revealed tokens are masked again; None is ancestral.
        loop: Signal and share of steps of a phase that remasks at constant signal.
        greedy_tail: Last steps that take the likeliest token.
    """
    alphas = signal_grid(generation.schedule, num_steps, grid)
    remasking_steps = range(len(alphas))
    if loop is not None:
        alphas, remasking_steps = looped_grid(alphas, *loop)
    prediction = _Prediction(generation, reuse=cached)
    z = generation.start.clone()
    for i, (alpha_t, alpha_s) in enumerate(itertools.pairwise(alphas)):
        greedy = i >= len(alphas) - 1 - greedy_tail
        if generation.process.absorbing:
            active = remasking if i in remasking_steps else None
            z = _step_masked(prediction, z, alpha_s, alpha_t, greedy=greedy, remasking=active)
        else:
            z = _step_general(prediction, z, alpha_s, alpha_t, greedy=greedy)
        generation.record(z)
    return z


def _step_masked(
    prediction: _Prediction,
    z: Tensor,
    alpha_s: float,
    alpha_t: float,
    *,
    greedy: bool,
    remasking: Remasking | None,
) -> Tensor:
    """Return z after a step of absorbing noise from signal alpha_t to alpha_s."""
    generation = prediction.generation
    mask_id = generation.process.vocabulary.mask_id
    move, token = generation.noise.uniform(), generation.noise.uniform()
    log_x = prediction.at(z, alpha_t)
    if greedy:
        drawn = draw_categorical(temper(log_x, 0), token)
    else:
        drawn = generation.draw(log_x, z, token)
    masked = generation.free & (z == mask_id)
    revealed = generation.free & (z != mask_id)
    sigma, mean = torch.zeros_like(move), torch.zeros(len(z), 1, dtype=torch.float64)
    if remasking is not None:
        strength = remasking.strength(alpha_s, alpha_t)
        sigma = remasking.spread(strength, prediction.log_p, revealed)
        mean = remasking.mean(strength, alpha_t, generation.free.sum(1))[:, None]
    # More is revealed than without remasking, by as much as keeps the marginals.
    reveal = (alpha_s - (1 - mean) * alpha_t) / (1 - alpha_t) if alpha_t < 1 else 0 * mean
    opened = masked & (move < reveal)
    log_drawn = log_x.gather(-1, drawn[..., None])[..., 0]
    prediction.log_p = torch.where(opened, log_drawn, prediction.log_p)
    # A position is masked or revealed, never both: one variate serves for both moves.
    closed = revealed & (move < sigma)
    return torch.where(opened, drawn, torch.where(closed, mask_id, z))


def _step_general(
    prediction: _Prediction, z: Tensor, alpha_s: float, alpha_t: float, *, greedy: bool
) -> Tensor:
    """Return z after a step of any noise from signal alpha_t to alpha_s."""
    generation = prediction.generation
    noise = generation.noise.uniform()
    log_x = prediction.at(z, alpha_t)
    now, later = (torch.full((len(z),), a, dtype=torch.float64) for a in (alpha_t, alpha_s))
    if generation.rule is not None:
        # Whole clean sequences are drawn under a rule, and noise is put back on them.
        moved = generation.rule.move(generation, log_x, z, (now, later), noise)
        return torch.where(generation.free, moved, z)
    law = generation.predictor.reverse(generation.token_law, log_x, z, later, now)
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
            wanted = z == mask_id if generation.process.absorbing else None
            fresh = generation.predicted(z, levels, rows, wanted)
            if self.answer is None or len(rows) == len(z):
                self.answer = fresh
            else:
                self.answer = self.answer.clone()
                self.answer[rows] = fresh
        self.seen = z
        if self.answer is None:
            raise ValueError("an empty batch has no prediction")
        return self.answer
