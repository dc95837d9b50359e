"""Laws of a gap's length: what the model thinks of what is fixed, what training had, or what is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from taskloom.errors import UsageError

from taskloom_diffusion.evaluation.sampling import predicts_ends
from taskloom_diffusion.fragments.gaps import GapCounts
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.memory import rows_in_memory
from taskloom_diffusion.samplers.generation import NoisedRows
from taskloom_diffusion.samplers.predictor import Predictor

LengthLaw: TypeAlias = Callable[[list[int], int], np.ndarray]
"""Of fixed tokens (the dot behind them included) and their open links: p(n) for n = 0, 1, ... tokens (N + 1,)."""
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def room_for(model: DiffusionModel, fixed: list[int]) -> int:
    """Return how many tokens a gap behind fixed ones may have."""
    return model.max_length - predicts_ends(model) - len(fixed)


def length_law(
    asked: str, model: DiffusionModel, counts: GapCounts | None, histogram: list[int]
) -> LengthLaw:
    """Return the law of a gap's length.

    Args:
        asked: `model`, `histogram`, a number, or a range `8-15`.
        model: The model.
        counts: Gaps of the training sequences, if they are known.
        histogram: How many training sequences have each length.

    Raises:
        UsageError: It is neither of these, or is not known of this model.
    """
    if asked == "histogram":
        if counts is None:
            raise UsageError(
                "--gap_length histogram: this model is of no run that kept its gaps; give a number or a range"
            )
        return lambda fixed, still: counts.law(still, len(fixed) - 1, room_for(model, fixed))
    if asked == "model":
        if predicts_ends(model) or model.settings.block_size or not any(histogram):
            raise UsageError(
                "--gap_length model: this model was not trained on whole sequences of given lengths; use histogram, a number or a range"
            )

        def believed(fixed: list[int], still: int) -> np.ndarray:
            del still  # the model sees the links
            return by_model(model, fixed, histogram)

        return believed
    found = _RANGE.fullmatch(asked)
    low, high = (int(found.group(1)), int(found.group(2) or found.group(1))) if found else (0, -1)
    if not 1 <= low <= high:
        raise UsageError(
            f"--gap_length '{asked}' is neither model, histogram, a number of tokens, nor a range such as 8-15"
        )

    def even(fixed: list[int], still: int) -> np.ndarray:
        del still
        room = room_for(model, fixed)
        law = np.zeros(max(room, high) + 1)
        law[low : high + 1] = 1.0
        return law[: room + 1]

    return even


@torch.no_grad()
def by_model(model: DiffusionModel, fixed: list[int], histogram: list[int]) -> np.ndarray:
    r"""Return p(n | fixed), proportional to p(N) \prod_i p_theta(x_i | x_<i, N) with N = fixed + n tokens in all.

    Each factor is one answer of the network to the fixed tokens before position i and masks behind them: as many rows as there
    are fixed tokens for every length.

    Args:
        model: The model.
        fixed: Tokens that the sequence begins with.
        histogram: How many training sequences have each length.

    Returns:
        (N + 1,), for n = 0, 1, ...
    """
    count, room = len(fixed), room_for(model, fixed)
    law = np.full(room + 1, -np.inf)
    total = sum(histogram)
    known = torch.tensor(fixed)
    for n in range(1, room + 1):
        length = count + n
        if length >= len(histogram) or not histogram[length]:
            continue
        states = torch.full((count, length), model.mask_token_id)
        for i in range(1, count):
            states[i, :i] = known[:i]
        chances = _chances(model, states, known)
        law[n] = np.log(histogram[length] / total) + chances
    if not np.isfinite(law).any():
        return np.zeros(room + 1)
    law = np.exp(law - law.max())
    normalised: np.ndarray = law / law.sum()
    return normalised


def _chances(model: DiffusionModel, states: torch.Tensor, known: torch.Tensor) -> float:
    """Return the sum of log p_theta(x_i | state i) at position i of state i [nats]."""
    size = rows_in_memory(model, states.shape[1])
    valid = torch.ones_like(states, dtype=torch.bool)
    at = torch.arange(len(states))
    wanted = torch.zeros_like(valid)
    wanted[at, at] = True
    sums = 0.0
    for first in range(0, len(states), size):
        part = slice(first, first + size)
        some = states[part]
        predictor = Predictor(
            model.model,  # type: ignore[arg-type]  # a Denoiser
            model.diffusion_process,
            model.parameterization,
            len(some),
        )
        level = (some == model.mask_token_id).sum(1).double() / (some.shape[1] + 1)
        rows = torch.arange(len(some))
        asked = NoisedRows(some, 1 - level, valid[part], rows, wanted[part])
        answers = predictor.log_x_theta(asked)
        sums += float(answers[rows, at[part], known[part]].sum())
    return sums
