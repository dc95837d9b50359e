"""Likelihood bounds that can be trusted: over the whole path from clean to noise, whatever the schedule ends at."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from taskloom import derive_seed
from taskloom.errors import ConfigError
from torch import Tensor

from taskloom_diffusion.evaluation.rows import row_keys
from taskloom_diffusion.losses.base import Corrupted
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.memory import rows_in_memory
from taskloom_diffusion.model.noising import device_of
from taskloom_diffusion.model.step_noise import uniforms
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.closed_form import LinearSchedule
from taskloom_diffusion.time_samplers.base import LevelSampler, TimeSampler
from taskloom_diffusion.time_samplers.exact_count import CountsInParts, ExactCount
from taskloom_diffusion.time_samplers.mask_rates import least_variance
from taskloom_diffusion.training.batches import TokenStore, collate


@dataclass(frozen=True)
class Bound:
    """An estimate of a bound on the negative log-likelihood.

    Attributes:
        nats_per_token: The bound over all tokens.
        standard_error: Of `nats_per_token`, over sequences, or over the draws of a single one; None if that was drawn once.
        nats_per_sequence: The mean over sequences.
        kind: Which bound it is, in words.
        num_sequences: Sequences it was estimated on.
        num_tokens: Their tokens; an end that is predicted is one, padding after it is none, though its nats are in the bound.
        num_characters: Characters of the original text that these tokens stand for; None if the tokenizer cannot tell.
        num_bytes: The same in bytes of UTF-8.
        by_rate: Mean cross-entropy of a noised token by mask rate: rows of (rate, nats).
        each: For every sequence in the order given, its nats and their standard error over the draws; None if drawn once.
    """

    nats_per_token: float
    standard_error: float | None
    nats_per_sequence: float
    kind: str
    num_sequences: int
    num_tokens: int
    num_characters: int | None
    num_bytes: int | None
    by_rate: tuple[tuple[float, float], ...]
    each: tuple[tuple[float, float | None], ...]

    @property
    def bits_per_token(self) -> float:
        """The bound in bits."""
        return self.nats_per_token / math.log(2)

    @property
    def bits_per_character(self) -> float | None:
        """The bound in bits over the characters of the text, which does not depend on how it was cut into tokens."""
        return self._bits_per(self.num_characters)

    @property
    def bits_per_byte(self) -> float | None:
        """The bound in bits over the bytes of the text in UTF-8."""
        return self._bits_per(self.num_bytes)

    def _bits_per(self, count: int | None) -> float | None:
        # Special tokens stand for no character, so a store of nothing else has none.
        return None if count is None else self.bits_per_token * self.num_tokens / max(count, 1)

    @property
    def bits_per_character_error(self) -> float | None:
        """Standard error of `bits_per_character`."""
        bits = self.bits_per_character
        if self.standard_error is None or bits is None:
            return None
        # The number of characters is exact: the relative error is that of the nats.
        return bits * self.standard_error / self.nats_per_token

    @property
    def perplexity(self) -> float:
        """Exp of the bound per token: an upper bound of the perplexity."""
        return math.exp(self.nats_per_token)

    @property
    def perplexity_error(self) -> float | None:
        """Standard error of `perplexity`, to first order."""
        # d exp(x) = exp(x) dx.
        return None if self.standard_error is None else self.perplexity * self.standard_error


def level_sampler_for(task: DiffusionModel, choice: TimeSampler | None) -> tuple[LevelSampler, str]:
    """Return the levels of an evaluation and the name of the bound they estimate.

    Raises:
        ConfigError: The chosen time sampler is biased, or counts masks where there are none.
    """
    process, schedule = task.diffusion_process, task.schedule
    size = task.settings.block_size
    blocks = f" over blocks of {size} from left to right" if size else ""
    if choice is None:
        # The bound is an integral over the signal, so its levels need not be those of training: the least noisy are taken.
        levels = least_variance(absorbing=process.absorbing)
        if process.absorbing:
            return levels, f"any-order bound{blocks}, exact count of masks"
        return levels, "continuous-time bound over the whole path"
    name = str(getattr(choice, "kind", type(choice).__name__))
    if choice.biased:
        raise ConfigError(
            f"time sampler '{name}' is biased: what it estimates is not a bound on the likelihood; "
            "use exact_count, uniform, low_discrepancy, log_uniform or history"
        )
    if name == "exact_count" and not process.absorbing:
        raise ConfigError(
            "time sampler 'exact_count' counts masks, and this model's noise has none"
        )
    # A schedule that ends before pure noise leaves a part of the integral out, which would flatter the model.
    return choice.build(_complete(schedule)), f"continuous-time bound{blocks}, {name} levels"


def _complete(schedule: Schedule) -> Schedule:
    """Return a schedule that covers the whole path: the model's own if it does, else the linear one."""
    # float64: a floor of 1e-8 at time 0 could not be told from a signal of 1 in float32.
    ends = schedule.alpha(torch.tensor([0.0, 1.0], dtype=torch.float64))
    whole = abs(float(ends[0]) - 1) < 1e-12 and abs(float(ends[1])) < 1e-12
    return schedule if whole else LinearSchedule()


@torch.no_grad()
def estimate_bound(
    task: DiffusionModel,
    store: TokenStore,
    *,
    num_draws: int,
    batch_size: int,
    seed: int,
    time_sampler: TimeSampler | None = None,
) -> Bound:
    """Estimate the bound of every sequence of a store.

    Args:
        task: The model, in evaluation mode.
        store: Sequences.
        num_draws: Noise levels drawn for each sequence.
        batch_size: Sequences in a batch.
        seed: Of the levels and the noise.
        time_sampler: Levels; None takes the ones of least variance. Biased ones are refused.
    """
    sampler, kind = level_sampler_for(task, time_sampler)
    device = device_of(task)
    rows = _Rows.of(store, task.settings.block_size)
    totals = np.zeros((num_draws, len(store)))
    rates: list[Tensor] = []
    batch_size = min(batch_size, rows_in_memory(task, int(store.lengths.max(initial=1))))
    for draw in range(num_draws):
        # Levels of all sequences at once, and noise that is each one's own: batches are only a matter of memory.
        generator = torch.Generator().manual_seed(derive_seed(seed, f"bound/{draw}"))
        law = _in_parts(sampler, draw, num_draws, derive_seed(seed, "levels"))
        levels = law.draw(rows.sizes, generator)
        for first in range(0, len(rows.order), batch_size):
            part = rows.order[first : first + batch_size]
            batch = collate([store.get(i) for i in part], task.pad_token_id)
            x, maskable = (batch[name].to(device) for name in ("tokens", "maskable"))
            noise = uniforms(derive_seed(seed, "noise"), draw, rows.keys[part], x.shape[1])
            here = levels.of_rows(rows.levels_of(first, len(part)))
            condition = (
                None if store.condition is None else store.condition.of(torch.from_numpy(part))
            )
            corrupted = task.noised_at(x, maskable, here, noise, condition=condition)
            bounds = corrupted.by_sequence(corrupted.bound())
            totals[draw, part] = bounds.double().cpu().numpy()
            # Kept beside the bound: the report shows at which mask rates the model is weak.
            told = 1 - corrupted.levels.alpha.cpu()
            rates.append(torch.stack([told, *_noised_surprise(corrupted)], dim=1))
    # Under `eos_pad` the padding is predicted and in the nats, but a figure per token must not be mostly about it.
    tokens = np.array([int((store.get(i) != task.pad_token_id).sum()) for i in range(len(store))])
    counts = tuple(
        None if flat is None else int(flat.sum()) for flat in (store.characters, store.num_bytes)
    )
    return _summarise(totals, tokens, kind, counts, torch.cat(rates))


@dataclass(frozen=True)
class _Rows:
    """The sequences of a store in the order in which they are judged, which is a function of what they are.

    Attributes:
        order: Their numbers in the store, like lengths together.
        keys: For each number, what its noise is drawn for.
        sizes: Of each sequence in that order, or of each of its blocks, the tokens.
        starts: Where the levels of each sequence begin, and after the last.
    """

    order: np.ndarray
    keys: np.ndarray
    sizes: Tensor
    starts: np.ndarray

    @classmethod
    def of(cls, store: TokenStore, block_size: int) -> _Rows:
        keys = row_keys([store.get(i) for i in range(len(store))], Counter())
        order = np.lexsort((keys, store.lengths))
        lengths = store.lengths[order]
        # With one block for the whole sequence, blocks and sequences are the same rows.
        size = block_size or max(int(lengths.max(initial=1)), 1)
        blocks = [[min(size, n - at) for at in range(0, n, size)] for n in lengths.tolist()]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in blocks])])
        sizes = torch.tensor([n for part in blocks for n in part], dtype=torch.long)
        return cls(order, keys, sizes, starts)

    def levels_of(self, first: int, count: int) -> Tensor:
        """Return which levels are those of some sequences in the order."""
        return torch.arange(int(self.starts[first]), int(self.starts[first + count]))


def _in_parts(sampler: LevelSampler, draw: int, num_draws: int, seed: int) -> LevelSampler:
    """Return levels of one of several draws that complement each other, where they can."""
    # Draws that split the counts of masks among them cover the integral more evenly than independent ones.
    if isinstance(sampler.law, ExactCount):
        return CountsInParts(part=draw, num_parts=num_draws, stream=seed).build(sampler.schedule)
    return sampler


def _noised_surprise(corrupted: Corrupted) -> tuple[Tensor, Tensor]:
    """Return each row's summed cross-entropy of noised tokens and their number."""
    surprise = corrupted.surprise().double().sum(1).cpu()
    noised = (corrupted.maskable & (corrupted.z != corrupted.x)).sum(1).double().cpu()
    return surprise, noised


def _summarise(
    draws: np.ndarray,
    lengths: np.ndarray,
    kind: str,
    counts: tuple[int | None, ...],
    rates: Tensor,
) -> Bound:
    totals = draws.mean(0)
    tokens = float(lengths.sum())
    # A ratio of sums, not a mean of ratios: every token counts alike, however long its sequence.
    mean = float(totals.sum() / tokens)
    count = len(totals)
    # Ten intervals, closed above: a sequence that is all masks has rate 1.
    edges = torch.linspace(0, 1, 11, dtype=torch.float64)
    by_rate = []
    for low, high in itertools.pairwise(edges):
        inside = rates[(rates[:, 0] > low) & (rates[:, 0] <= high)]
        if len(inside) and float(inside[:, 2].sum()) > 0:
            by_rate.append(
                (float((low + high) / 2), float(inside[:, 1].sum() / inside[:, 2].sum()))
            )
    return Bound(
        mean,
        _standard_error(draws, lengths),
        float(totals.mean()),
        kind,
        count,
        int(tokens),
        counts[0],
        counts[1],
        tuple(by_rate),
        tuple(zip(totals.tolist(), errors_of_draws(draws), strict=True)),
    )


def _standard_error(draws: np.ndarray, lengths: np.ndarray) -> float | None:
    """Return the standard error of the mean per token from the totals of every draw and sequence."""
    tokens = float(lengths.sum())
    count = len(lengths)
    errors = [error for error in errors_of_draws(draws) if error is not None]
    # Draws of different sequences are independent, so their variances add.
    of_draws = math.hypot(*errors) / tokens if errors else None
    if count == 1:
        # One sequence says nothing about others; what is left is the noise of the estimate.
        return of_draws
    totals = draws.mean(0)
    # The ratio of two sums: its error follows from the residuals (delta method), which have the noise of the draws in them.
    residual = float(((totals - totals.sum() / tokens * lengths) ** 2).sum())
    of_sequences = math.sqrt(residual * count / (count - 1)) / tokens
    # Few sequences may happen to agree better than their draws do.
    return max(of_sequences, of_draws or 0.0)


def errors_of_draws(draws: np.ndarray) -> list[float | None]:
    """Return the standard error of each sequence's mean over its draws (D, N).

    Half the mean square of successive differences is the variance of independent draws too, and of draws from one part of the
    levels after the other it leaves out what lies between parts (Wolter 2007, 8.2), which the plain variance counts as noise.
    """
    num_draws, count = draws.shape
    if num_draws == 1:
        return [None] * count
    variance = (np.diff(draws, axis=0) ** 2).mean(0) / 2
    errors: list[float | None] = np.sqrt(variance / num_draws).tolist()
    return errors
