"""Weighted particles: groups of sequences whose weights say by how much a guided chain missed its target.

For any proposal, E[Z] = sum_x p_T(x) psi(x) and E[Z sum_k W_k f(x_k)] are exact, where p_T is the law of the plain sampler as it
is run. Figures that are divided by Z are biased by O(1 / K).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from taskloom.errors import ConfigError
from torch import Tensor

from taskloom_diffusion.guidance.kernels import MaskedSteps, StepKernel, UnmaskedSteps, of_block
from taskloom_diffusion.guidance.potentials import ParticleView, Potential
from taskloom_diffusion.guidance.swarm import Swarm
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.generation import Generation
from taskloom_diffusion.samplers.in_blocks import BlockPredictor
from taskloom_diffusion.samplers.noise import NoiseSource

WEIGHED = (
    *("ancestral", "ancestral_cached", "first_hitting", "random"),
    *("left_to_right", "margin", "entropy", "entropy_bound"),
)
"""Samplers whose steps can be weighed: they do not look at the drawn tokens to choose positions."""
# Streams of noise apart from those of the steps, far behind the numbers of blocks.
_RESAMPLE, _CHOOSE, _GUESS = 0x50000000, 0x60000000, 0x70000000


@dataclass(frozen=True)
class Particles:
    """Particles at the end, with their weights.

    Attributes:
        tokens: Of every particle (G K, L).
        log_weight: log W of each within its group (G, K); -inf in a group that is dead.
        log_z: The group's estimate of log Z (G,); -inf for a dead one, which counts as 0 in a mean of Z.
        chosen: One particle of each group (G,), drawn by weight.
    """

    tokens: Tensor
    log_weight: Tensor
    log_z: Tensor
    chosen: Tensor


def check_weighed(sampler: Sampler) -> None:
    """Refuse a sampler whose draws cannot be weighed.

    Raises:
        ConfigError: It chooses by drawn tokens, remasks, is greedy, or cuts its laws.
    """
    name = str(getattr(sampler, "kind", ""))
    if name not in WEIGHED:
        reason = "chooses by drawn tokens" if name in _BY_TOKENS else "has no law of single steps"
        raise ConfigError(
            f"sampler '{name}' {reason}, which cannot be weighed; use random or first_hitting, or ancestral"
        )
    if sampler.temperature == 0 or sampler.top_p < 1:
        raise ConfigError(
            f"temperature = {sampler.temperature:g} and top_p = {sampler.top_p:g} leave tokens out that particles must be able to "
            "draw; use temperature above 0 and top_p = 1"
        )


_BY_TOKENS = ("confidence", "threshold", "semi_autoregressive")


def weighed(
    sampler: Sampler,
    generation: Generation,
    size: int,
    potential: Potential,
    *,
    carries: bool,
    block_size: int = 0,
) -> Particles:
    """Run groups of particles.

    Args:
        sampler: One that can be weighed.
        generation: The batch: the K particles of a first group, then of the next.
        size: Particles K of a group.
        potential: The potential.
        carries: Whether weights carry the normaliser of the guided law (target `cfg`).
        block_size: Positions of a block; 0 is no blocks.
    """
    run = _Run(sampler, generation, size, potential, carries=carries, block_size=block_size)
    return run.all()


class _Run:
    """One batch of particles, from noise to weights."""

    def __init__(
        self,
        sampler: Sampler,
        generation: Generation,
        size: int,
        potential: Potential,
        *,
        carries: bool,
        block_size: int,
    ) -> None:
        self.sampler, self.generation, self.size = sampler, generation, size
        self.potential, self.carries, self.block_size = potential, carries, block_size
        self.rows, self.length = generation.start.shape
        self.swarm = Swarm(self.rows // size, size)
        self.z = generation.start.clone()
        self.log_psi: Tensor | None = None

    def all(self) -> Particles:
        width = self.block_size or self.length
        firsts = range(0, self.length, width)
        whole = self.generation
        predictor = None
        if self.block_size:
            predictor = whole.predictor.each(
                lambda part: BlockPredictor(part, self.z, whole.maskable)
            )
        for number, first in enumerate(firsts):
            span = slice(first, min(first + width, self.length))
            part = whole
            if predictor is not None:
                part = of_block(whole, number, span, self.z)
                part.predictor = predictor
            kind = MaskedSteps if whole.process.absorbing else UnmaskedSteps
            kernel: StepKernel = kind(self.sampler, part, carries=self.carries)
            self._block(kernel, part, number, span, last=first == firsts[-1])
            if predictor is not None:
                predictor.finish(kernel.z)
        place = whole.noise.of_block(_CHOOSE, slice(0, 1)).uniform()[:: self.size, 0]
        chosen = self.swarm.one_of_each(place)
        return Particles(self.z, self.swarm.log_weight, self.swarm.log_z, chosen)

    def _block(
        self, kernel: StepKernel, part: Generation, number: int, span: slice, *, last: bool
    ) -> None:
        noise = self.generation.noise
        resample = noise.of_block(_RESAMPLE + number, slice(0, 1))
        guess = noise.of_block(_GUESS + number, slice(0, self.length))
        kernel.predict()
        self._weigh(kernel, span, guess, final=~self._open(kernel))
        if number:
            self._resample(kernel, part, resample, self._open(kernel))
        while bool(kernel.open.any()):
            self.swarm.add(kernel.step())
            self.z[:, span] = kernel.z
            is_open = self._open(kernel)
            if not bool(kernel.open.any()):
                # Of a block that is done the next one's prediction says what is to come.
                if last:
                    self._weigh(kernel, span, guess, final=~is_open)
                break
            kernel.predict()
            self._weigh(kernel, span, guess, final=~is_open)
            self._resample(kernel, part, resample, is_open)
        if last:
            self.swarm.settle()

    def _open(self, kernel: StepKernel) -> Tensor:
        """Return the rows that are not finished, blocks to come and all (B,)."""
        process = self.generation.process
        if not process.absorbing:
            return kernel.open
        # Of the row alone: how long others of the batch are must not decide what is resampled.
        return (self.generation.free & (self.z == process.vocabulary.mask_id)).any(1)

    def _weigh(self, kernel: StepKernel, span: slice, noise: NoiseSource, *, final: Tensor) -> None:
        """Let every particle gain the new potential and lose the one that it carried."""
        whole = self.generation
        decided = whole.free & (self.z != whole.process.vocabulary.mask_id)
        share = decided.sum(1) / whole.free.sum(1).clamp_min(1)
        if not whole.process.absorbing:
            share = kernel.alpha
        seen = ParticleView(
            self.z,
            whole.maskable,
            span,
            kernel.law,
            kernel.alpha,
            share.double(),
            final,
            noise.uniform,
        )
        fresh = self.potential.log_potential(seen)
        if self.log_psi is None:
            self.swarm.add(fresh)
        else:
            # What weighs nothing stays so: -inf less -inf is no number.
            dead = (self.log_psi == -torch.inf) | (fresh == -torch.inf)
            self.swarm.add(torch.where(dead, -torch.inf, fresh - self.log_psi))
        self.log_psi = fresh

    def _resample(
        self, kernel: StepKernel, part: Generation, noise: NoiseSource, is_open: Tensor
    ) -> None:
        open_groups = is_open.view(-1, self.size).any(1)
        place = noise.uniform()[:: self.size, 0]
        rows = self.swarm.ancestors(open_groups, place)
        if bool((rows == torch.arange(self.rows)).all()):
            return
        self.z = self.z[rows]
        if self.log_psi is not None:
            self.log_psi = self.log_psi[rows]
        kernel.pick(rows)
        # What a predictor remembers belongs to a particle: a prefix, or a second answer.
        remembers = getattr(part.predictor, "pick", None)
        if remembers is not None:
            remembers(rows)
        if part.rule is not None:
            part.rule = part.rule.of_rows(rows)
