"""Log-likelihood of sequences, or of any of their tokens given the others: exact where it can be had, else a bound.

For known tokens B and the others A, only A is ever masked:

    -log p(x_A | x_B) <= E_{k ~ U{1..|A|}} E_S [ |A| / k * sum_{l in S} -log p(x_l | x_B, x_{A minus S}) ],

S a random k-subset of A. It is never the difference of two bounds, which is no bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias, cast

import numpy as np
import torch
from taskloom.errors import UsageError
from torch import Tensor

from taskloom_diffusion.evaluation.bound import errors_of_draws, level_sampler_for
from taskloom_diffusion.evaluation.sampling import check_template, predicts_ends
from taskloom_diffusion.evaluation.streamed import Draws, bounds_of_rows
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.memory import rows_in_memory
from taskloom_diffusion.model.noising import device_of
from taskloom_diffusion.model.parameterizations import read_logits
from taskloom_diffusion.tokenizers.extent import Measured, measure
from taskloom_diffusion.training.batches import closed, collate

Estimator: TypeAlias = Literal["auto", "exact", "bound"]
Sequences: TypeAlias = "Sequence[str] | Sequence[Sequence[int]] | np.ndarray | Tensor"
Given: TypeAlias = "Sequence[Sequence[bool]] | Sequence[tuple[int, int]] | np.ndarray | Tensor"

MOST_ORDERED = 6
"""Unknown tokens up to which all orders are summed over."""
_BATCH = 250


@dataclass(frozen=True)
class LogLikelihood:
    """Log-likelihood of some rows [nats], each a function of the row and a seed.

    Attributes:
        bound: Of each row (n,), float64: its log-likelihood, or a lower bound of it.
        standard_error: Of each bound (n,); 0 where it is exact, NaN where it was drawn once.
        kind: Of each row, `exact` or `lower_bound`. Exact is the law of sampling one position a call: in random order (sampler
            `first_hitting`), or from left to right for blocks of one token.
    """

    bound: np.ndarray
    standard_error: np.ndarray
    kind: list[str]


@dataclass(frozen=True)
class _Row:
    """A sequence as training built its own, and which of its tokens are not known."""

    ids: np.ndarray
    free: np.ndarray


def log_likelihood(
    model: DiffusionModel,
    x: Sequences,
    given: Given | None,
    *,
    draws: int,
    estimator: Estimator,
    seed: int,
) -> LogLikelihood:
    """Return the log-likelihood of sequences, or of the tokens that are not given.

    Args:
        model: The model, in evaluation mode.
        x: Texts, or token ids.
        given: Of each, which tokens are known; or for texts the characters (first, behind the last) of what is not known.
        draws: Noise levels for each bound.
        estimator: `exact`, `bound`, or `auto`: exact where it can be had.
        seed: Of levels and noise.

    Raises:
        UsageError: A row is empty or too long, `given` does not fit it, or it has no exact value and that is asked for.
        ConfigError: A text has pieces that are not in the vocabulary.
    """
    rows = _rows(model, x, given)
    total = np.zeros(len(rows))
    errors = np.zeros(len(rows))
    kinds = ["exact"] * len(rows)
    # All orders cost 2^|A| calls a row, so they are for few unknown tokens.
    ordered = [i for i, row in enumerate(rows) if estimator != "bound" and _has_orders(model, row)]
    if ordered:
        total[ordered] = _over_orders(model, [rows[i] for i in ordered])
    left = sorted(set(range(len(rows))) - set(ordered))
    if not left:
        return LogLikelihood(total, errors, kinds)
    # Blocks of one token are the chain rule: nothing is left to chance.
    chain = model.settings.block_size == 1
    if estimator == "exact" and not chain:
        raise UsageError(
            f"row {left[0]} has {int(rows[left[0]].free.sum())} unknown tokens; an exact value takes at most {MOST_ORDERED}, masks as "
            "noise and a network that is not told the time, or blocks of one token; use estimator='bound'"
        )
    # Of a block of one token every draw is the same.
    how = Draws(1 if chain else draws, seed, None, _BATCH)
    sampler, _ = level_sampler_for(model, None)
    chosen = [rows[i] for i in left]
    found = bounds_of_rows(model, [r.ids for r in chosen], how, sampler, [r.free for r in chosen])
    # The bound is of -log p, so that its negative lies below log p.
    total[left] = -found.mean(0)
    if not chain:
        errors[left] = [math.nan if error is None else error for error in errors_of_draws(found)]
        for i in left:
            kinds[i] = "lower_bound"
    return LogLikelihood(total, errors, kinds)


def _rows(model: DiffusionModel, x: Sequences, given: Given | None) -> list[_Row]:
    items = x.tolist() if isinstance(x, Tensor | np.ndarray) else list(x)
    known = [None] * len(items) if given is None else list(given)
    if len(known) != len(items):
        raise UsageError(f"given has {len(known)} rows and x has {len(items)}")
    return [
        _row(model, number, item, part)
        for number, (item, part) in enumerate(zip(items, known, strict=True))
    ]


def _row(model: DiffusionModel, number: int, item: str | Sequence[int], known: object) -> _Row:
    text = measure(model.tokenizer, item) if isinstance(item, str) else Measured([*item], [], [])
    free = np.ones(len(text.ids), dtype=bool)
    if known is not None:
        free = _unknown(number, text, known)
    whole, room = text, model.max_length
    if predicts_ends(model) or model.closes:
        room -= 1
        length = model.max_length if predicts_ends(model) else len(text.ids) + 1
        whole = closed(text, model.tokenizer, length)
    if not 0 < len(text.ids) <= room:
        raise UsageError(f"row {number} has {len(text.ids)} tokens; this model takes 1 to {room}")
    # The end and the padding behind it are predicted like any other token.
    free = np.concatenate([free, np.ones(len(whole.ids) - len(free), dtype=bool)])
    ids = np.array(whole.ids, dtype=np.int32)
    check_template(model, np.where(free, model.mask_token_id, ids).tolist())
    return _Row(ids, free)


def _unknown(number: int, text: Measured, known: object) -> np.ndarray:
    """Return which tokens of a row are not known."""
    part = list(cast("Sequence[object]", known))
    if len(part) == 2 and all(type(item) is int for item in part):
        if not text.characters:
            raise UsageError(
                f"given of row {number}: the tokenizer cannot tell where in the text its tokens are; give a mask of tokens"
            )
        first, last = (int(cast("int", item)) for item in part)
        ends = np.cumsum(text.characters)
        begins = np.concatenate([[0], ends[:-1]])
        # A token that completes no character is a part of the next one.
        inside: np.ndarray = (begins < last) & (np.maximum(ends, begins + 1) > first)
        return inside
    if len(part) != len(text.ids):
        raise UsageError(
            f"given of row {number} is for {len(part)} tokens, and the row has {len(text.ids)}"
        )
    return ~np.array(part, dtype=bool)


def _has_orders(model: DiffusionModel, row: _Row) -> bool:
    return (
        model.diffusion_process.absorbing
        and not model.settings.block_size
        and not getattr(model.model, "uses_time", False)
        and int(row.free.sum()) <= MOST_ORDERED
    )


@torch.no_grad()
def _over_orders(model: DiffusionModel, rows: Sequence[_Row]) -> np.ndarray:
    """Return log p(x_A | x_B) of each row (n,): the mean over all orders of the product of their conditionals."""
    device, states, places = device_of(model), [], []
    for number, row in enumerate(rows):
        unknown = np.flatnonzero(row.free)
        for count in range(len(unknown)):
            # By sets and not by orders: after the same tokens the network says the same.
            for revealed in combinations(range(len(unknown)), count):
                hidden = np.delete(unknown, revealed)
                z = row.ids.astype(np.int64)
                z[hidden] = model.mask_token_id
                states.append(z)
                places.append((number, frozenset(unknown[list(revealed)].tolist()), hidden))
    logs: list[dict[frozenset[int], float]] = [{frozenset(): 0.0} for _ in rows]
    size = rows_in_memory(model, max((len(z) for z in states), default=1))
    for first in range(0, len(states), min(size, _BATCH)):
        part = slice(first, first + min(size, _BATCH))
        batch = collate(states[part], model.pad_token_id)
        noised, maskable = batch["tokens"].to(device), batch["maskable"].to(device)
        # No network that is told the level comes here, so that any will do.
        half = torch.full((len(noised),), 0.5, dtype=torch.float64, device=device)
        logits = model.forward(noised, half, maskable)
        law = read_logits(model.parameterization, logits, noised, half, model.diffusion_process)
        for row_law, (number, known, hidden) in zip(law.double().cpu(), places[part], strict=True):
            found = logs[number]
            # Subsets come by size, so that this one is complete.
            # The next position is uniform among those that are left.
            each = found[known] - math.log(len(hidden))
            for place in hidden.tolist():
                step = each + float(row_law[place, int(rows[number].ids[place])])
                after = known | {place}
                found[after] = float(np.logaddexp(found.get(after, -math.inf), step))
    return np.array(
        [
            found[frozenset(np.flatnonzero(row.free).tolist())]
            for found, row in zip(logs, rows, strict=True)
        ]
    )
