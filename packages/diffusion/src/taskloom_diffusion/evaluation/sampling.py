"""Sequences from a trained model: new ones, or templates completed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from taskloom.errors import ConfigError
from torch import Tensor

from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.memory import rows_in_memory
from taskloom_diffusion.model.step_noise import uniforms
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.generation import Generation, SampledTokens, generate
from taskloom_diffusion.samplers.in_blocks import InBlocks
from taskloom_diffusion.samplers.noise import RowNoise
from taskloom_diffusion.samplers.predictor import Forbidden, Predictor

GOLDEN = (5**0.5 - 1) / 2
"""Step between the places of two rows in the histogram of lengths."""
LENGTHS = 0xFFFFFFFF
"""Block of the noise that lengths are drawn from; sequences have no such block."""


@dataclass(frozen=True)
class Generated:
    """Generated sequences and what they cost.

    Attributes:
        texts: The decoded sequences, in the order asked for.
        tokens: Their token ids.
        calls: Network calls that each took part in.
        positions: Positions that the network was asked about for each, over all of its calls.
        cpu_seconds: Processor time [s].
        trajectory: States of the first sequences after every step (S, B, L), if asked for.
        log_weights: Log weight of each; 0 where all weigh the same, -inf of one that no particle came to.
    """

    texts: list[str]
    tokens: list[list[int]]
    calls: list[int]
    positions: list[int]
    cpu_seconds: float
    trajectory: Tensor
    log_weights: list[float] = field(default_factory=list)

    @property
    def mean_calls(self) -> float:
        """Network calls per sequence."""
        return sum(self.calls) / max(len(self.calls), 1)


class Steers(Protocol):
    """A way to generate a batch other than by its sampler alone."""

    def run(self, sampler: Sampler, generation: Generation, block_size: int) -> SampledTokens:
        """Return the tokens of a batch; `block_size` is 0 for whole sequences."""
        ...


def check_sampler(task: DiffusionModel, config: Sampler) -> None:
    """Raise a `ConfigError` if a sampler does not fit the model's noise."""
    if config.absorbing and not task.diffusion_process.absorbing:
        raise ConfigError(
            f"sampler '{getattr(config, 'kind', '')}' reveals masks, and this model's noise has none; "
            "use 'ancestral' or 'greedy_tail'"
        )
    if config.timeless and getattr(task.model, "uses_time", False):
        raise ConfigError(
            f"sampler '{getattr(config, 'kind', '')}' compares answers at different noise levels, and this network is told its "
            "level; use a model with denoiser.time_conditioning = no, or the sampler first_hitting"
        )


def check_template(task: DiffusionModel, template: Sequence[int]) -> None:
    """Raise a `ConfigError` if a known token lies where a model that generates in blocks could not see it."""
    size = task.settings.block_size
    gaps = [i for i, token in enumerate(template) if token == task.mask_token_id]
    if not size or not gaps:
        return
    # The first gap's block is generated from what lies before its end; nothing behind that is seen.
    end = (gaps[0] // size + 1) * size
    unseen = [i for i in range(end, len(template)) if template[i] != task.mask_token_id]
    if unseen:
        raise ConfigError(
            f"this model generates blocks of {size} from left to right and cannot look ahead from the gap at position "
            f"{gaps[0] + 1} to the known token at position {unseen[0] + 1}; use a model with block_size = 0"
        )


def draw_lengths(histogram: Sequence[int], num: int, seed: int) -> list[int]:
    """Return lengths from the corpus' histogram (`histogram[n]` sequences have n tokens), stratified.

    Stratifying makes the lengths of a few samples look like the corpus; each length's expected count is exact.
    """
    random = np.random.default_rng(seed)
    # One shift for all points: the count of each length is then within one of its expectation.
    points = (np.arange(num) + random.random()) / num
    return [int(n) for n in random.permutation(_lengths_at(histogram, points))]


def row_lengths(histogram: Sequence[int], num: int, seed: int) -> list[int]:
    """Return lengths from the corpus' histogram where that of row i depends on the seed and i alone.

    Their places are multiples of the golden ratio behind a random shift, which lie evenly for any number of them.
    """
    # One shift for all rows: any number of them lies evenly, and the first are those of fewer.
    shift = float(uniforms(seed, 0, np.zeros(1, dtype=np.int64), 1, LENGTHS))
    return [int(n) for n in _lengths_at(histogram, (shift + np.arange(num) * GOLDEN) % 1.0)]


def _lengths_at(histogram: Sequence[int], points: np.ndarray) -> np.ndarray:
    cumulative = np.cumsum(np.asarray(histogram, dtype=np.float64))
    return np.searchsorted(cumulative / cumulative[-1], points, side="right")


def sample_lengths(
    task: DiffusionModel,
    config: Sampler,
    lengths: Sequence[int],
    *,
    seed: int,
    batch_size: int,
    record: int = 0,
    steering: Steers | None = None,
    numbers: Sequence[int] | None = None,
) -> Generated:
    """Generate one sequence of each length; sequence i depends on the seed and i, not on its batch.

    Where the end is predicted, a length of `max_length` leaves it open, as in training; a shorter one is that many tokens of data.
    """
    templates = [[task.mask_token_id] * n for n in lengths]
    return complete(
        task,
        config,
        templates,
        seed=seed,
        batch_size=batch_size,
        record=record,
        numbers=numbers,
        steering=steering,
    )


def predicts_ends(task: DiffusionModel) -> bool:
    """Return whether the end and the padding behind it are tokens to predict (length policy `eos_pad`)."""
    return task.vocabulary.allowed[task.pad_token_id]


def as_trained(task: DiffusionModel, template: Sequence[int]) -> list[int]:
    """Return a template as training built its sequences: where ends are predicted, with its end and the padding behind it."""
    rest = task.max_length - len(template)
    if not predicts_ends(task) or rest < 1:
        return list(template)
    # Gaps without this end would be asked about sequences that training never built.
    return [*template, task.tokenizer.end_id, *[task.pad_token_id] * (rest - 1)]


@torch.no_grad()
def complete(
    task: DiffusionModel,
    config: Sampler,
    templates: Sequence[Sequence[int]],
    *,
    seed: int,
    batch_size: int,
    record: int = 0,
    numbers: Sequence[int] | None = None,
    steering: Steers | None = None,
) -> Generated:
    """Complete templates: every mask is generated, every other token stays exactly where it is.

    Args:
        task: The model, in evaluation mode.
        config: The sampler.
        templates: Token ids with masks.
        seed: Of the noise.
        batch_size: Sequences in a batch.
        record: Number of the first sequences whose trajectory is kept.
        numbers: Of each sequence, which row of the noise is its own; None is its place.
        steering: By what sequences are steered; None is nothing. With particles a sequence has several.
    """
    check_sampler(task, config)
    # Particles of a sequence are rows of the batch side by side.
    size = getattr(steering, "size", 1)
    kept = size if getattr(steering, "everything", False) else 1
    for template in templates:
        check_template(task, template)
    began = time.process_time()
    lengths = [len(template) for template in templates]
    templates = [as_trained(task, template) for template in templates]
    # Samples do not depend on their batch, so a smaller one is only a matter of memory.
    at_once = rows_in_memory(task, max(map(len, templates), default=1)) // config.states_of_row
    batch_size = min(batch_size, max(at_once, 1))
    batch_size = max(1, batch_size // size)
    # Like lengths together, to save padding; each sequence has a stream of its own, so the order changes no sample.
    order = np.argsort([len(t) for t in templates], kind="stable")
    tokens: list[list[int]] = [[] for _ in range(kept * len(templates))]
    calls, positions, weights = [0] * len(tokens), [0] * len(tokens), [0.0] * len(tokens)
    trajectory = torch.zeros(0, dtype=torch.int32)
    # The recorded sequences are a batch of their own, so that their trajectory has one length.
    groups = [np.arange(min(record, len(templates)))] if record else []
    rest = [i for i in order if i >= record]
    groups += [np.array(rest[i : i + batch_size]) for i in range(0, len(rest), batch_size)]
    for number, rows in enumerate(groups):
        chosen = [templates[int(i)] for i in rows]
        streams = rows.tolist() if numbers is None else [numbers[int(i)] for i in rows]
        # A template that is shorter than what training saw holds that much data: its end stands behind it.
        closed = [lengths[int(i)] < len(templates[int(i)]) for i in rows]
        if size > 1:
            # Every particle has a stream of its own, which follows from that of its sequence.
            chosen = [template for template in chosen for _ in range(size)]
            closed = [is_closed for is_closed in closed for _ in range(size)]
            streams = [stream * size + k for stream in streams for k in range(size)]
        noise = RowNoise(seed, streams, max(map(len, chosen), default=0))
        recorded = bool(record) and number == 0
        generation = _generation(task, config, chosen, noise, closed, record=recorded)
        samples = _generated(task, config, generation, steering)
        if record and number == 0:
            trajectory = samples.trajectory
        places = [int(i) * kept + k for i in rows for k in range(kept)]
        counts, asked = samples.network_calls.tolist(), samples.positions.tolist()
        for place, i in enumerate(places):
            tokens[i] = samples.tokens[place, : lengths[i // kept]].tolist()
            calls[i], positions[i] = counts[place], asked[place]
        for i, weight in zip(places, samples.log_weights.tolist(), strict=False):
            weights[i] = weight
    texts = [text_of(task, ids) for ids in tokens]
    spent = time.process_time() - began
    return Generated(texts, tokens, calls, positions, spent, trajectory, weights)


def _generated(
    task: DiffusionModel, config: Sampler, generation: Generation, steering: Steers | None
) -> SampledTokens:
    size = task.settings.block_size
    if steering is not None:
        return steering.run(config, generation, size)
    return generate(InBlocks(config, size) if size else config, generation)


def _generation(
    task: DiffusionModel,
    config: Sampler,
    templates: Sequence[Sequence[int]],
    noise: RowNoise,
    closed: Sequence[bool],
    *,
    record: bool,
) -> Generation:
    width = noise.width
    start = torch.full((len(templates), width), task.pad_token_id)
    maskable = torch.zeros(start.shape, dtype=torch.bool)
    for i, template in enumerate(templates):
        start[i, : len(template)] = torch.tensor(template)
        maskable[i, : len(template)] = True
    free = maskable & (start == task.mask_token_id)
    process = task.diffusion_process
    # Gaps begin as pure noise: masks where noise is the mask, drawn tokens elsewhere.
    start = torch.where(free, process.prior(noise.uniform()), start)
    predictor = Predictor(
        task.model,  # type: ignore[arg-type]  # a Denoiser
        process,
        task.parameterization,
        len(templates),
        half=config.precision == "bf16",
        forbidden=_no_end_inside(task, free, closed),
    )
    return Generation(
        predictor,
        process,
        task.schedule,
        start,
        free,
        maskable,
        noise,
        config.temperature,
        config.top_p,
        [] if record else None,
    )


def _no_end_inside(task: DiffusionModel, free: Tensor, closed: Sequence[bool]) -> Forbidden | None:
    """Return that gaps before an end that is known can hold neither another end nor padding; None where none is known."""
    if not any(closed):
        return None
    tokens = torch.zeros(task.vocab_size, dtype=torch.bool)
    tokens[[task.tokenizer.end_id, task.pad_token_id]] = True
    return Forbidden(tokens, free & torch.tensor(closed)[:, None])


def text_of(task: DiffusionModel, ids: Sequence[int]) -> str:
    """Return the text before the first end token."""
    end = task.tokenizer.end_id
    return task.tokenizer.decode(ids[: ids.index(end)] if end in ids else ids)
