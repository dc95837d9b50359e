"""Links in pairs: texts of fragments that are drawn so that each link can come twice and all fragments are joined."""

from __future__ import annotations

from typing import cast

import torch
from taskloom.errors import ConfigError
from torch import Tensor

from taskloom_diffusion.fragments.connecting import BRANCH, DOT, PLAIN, possible_tokens
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.generation import Generation, SampledTokens, generate
from taskloom_diffusion.samplers.predictor import Predictor
from taskloom_diffusion.tokenizers.fragments import FragmentTokenizer

_WEIGHED = ("first_hitting", "left_to_right", "random", "entropy", "margin")


class LinkPairing:
    """A way to draw fragments: a link that came twice comes no more, and what cannot become one molecule any more is not drawn.

    It changes the law. What is left of it at each token that is drawn is the log weight of the text: texts weighed by it have
    the model's own law, where positions are chosen without a look at drawn tokens and one is drawn at a call.

    Args:
        tokenizer: The fragments' tokens.
        mask_id: The mask.
    """

    def __init__(self, tokenizer: FragmentTokenizer, mask_id: int) -> None:
        self.links = torch.tensor(sorted(tokenizer.links), dtype=torch.long)
        # None or one of each: what the corpus never wrote is no token.
        self.dots, self.branches = (
            torch.tensor([i for i, token in enumerate(tokenizer.tokens) if token == text]).long()
            for text in (".", "(")
        )
        self.pad_id, self.end_id = tokenizer.pad_id, tokenizer.end_id
        self.mask_id = mask_id

    def run(self, sampler: Sampler, generation: Generation, block_size: int) -> SampledTokens:
        """Return the tokens of a batch, with their weights.

        Raises:
            ConfigError: The model generates in blocks.
        """
        if block_size:
            raise ConfigError(
                f"links are paired over whole sequences, and this model generates blocks of {block_size}; switch pair_links off"
            )
        limits = _Pairs(self, generation.start)
        # A batch comes with the network itself, which nothing has been joined to yet.
        cast("Predictor", generation.predictor).limits = limits
        made = generate(sampler, generation)
        weights = limits.finished(made.tokens)
        if not _can_be_weighed(sampler):
            weights = torch.full_like(weights, torch.nan)
        return SampledTokens(
            made.tokens, made.network_calls, made.positions, made.trajectory, weights
        )

    def possible(self, states: Tensor, masked: Tensor, size: int) -> Tensor:
        """Return which tokens each masked position may get (R, L, V).

        Args:
            states: Tokens (R, L).
            masked: Positions that are to be drawn (R, L).
            size: Number of tokens V.
        """
        kinds = torch.full((size,), PLAIN, dtype=torch.long)
        kinds[self.links] = torch.arange(len(self.links))
        kinds[self.dots], kinds[self.branches] = DOT, BRANCH
        everywhere = torch.ones(*states.shape, size, dtype=torch.bool)
        over = (states == self.pad_id) | (states == self.end_id)
        for row, (tokens, hidden) in enumerate(zip(kinds[states].tolist(), masked, strict=True)):
            if not hidden.any():
                continue
            # What is over is no part of the text: nothing is drawn behind its end.
            end = int(over[row].nonzero()[0]) if over[row].any() else len(tokens)
            end = max(end, int(hidden.nonzero()[-1]) + 1)
            found = possible_tokens(tokens[:end], hidden[:end].tolist(), len(self.links))
            here = everywhere[row, :end]
            here &= torch.from_numpy(found.plain)[:, None]
            here[:, self.links] = torch.from_numpy(found.links)
            here[:, self.dots] = torch.from_numpy(found.dot)[:, None]
            here[:, self.branches] = torch.from_numpy(found.branch)[:, None]
        return everywhere


def _can_be_weighed(sampler: Sampler) -> bool:
    """Return whether drawn texts are the model's law but for what pairing forbids: one token a call, placed without a look at it."""
    one = getattr(sampler, "num_calls", 0) == 0
    plain = sampler.temperature == 1 and sampler.top_p == 1
    return one and plain and getattr(sampler, "kind", "") in _WEIGHED


class _Pairs:
    """Links of a batch, with the weights of its rows.

    Args:
        pairing: The rule.
        start: Tokens (B, L) to begin with.
    """

    def __init__(self, pairing: LinkPairing, start: Tensor) -> None:
        self.pairing = pairing
        self.before = start.clone()
        self.mass = torch.zeros(start.shape, dtype=torch.float64)
        self.weight = torch.zeros(len(start), dtype=torch.float64)

    def left(self, log_x: Tensor, states: Tensor, maskable: Tensor, rows: Tensor) -> Tensor:
        masked = maskable & (states == self.pairing.mask_id)
        possible = self.pairing.possible(states, masked, log_x.shape[-1])
        rest = log_x.masked_fill(~possible, -torch.inf)
        mass = rest.logsumexp(-1)
        # Where nothing is left, as between two dots, the text is lost in any case.
        here = masked & mass.isfinite()
        if len(set(rows.tolist())) == len(rows):
            self._note(states, rows)
            self.mass[rows] = torch.where(here, mass, 0.0)
        else:
            # Several states of a row: which of them is followed is not known here.
            self.weight[rows] = torch.nan
        return torch.where(here[..., None], rest - mass[..., None], log_x)

    def finished(self, tokens: Tensor) -> Tensor:
        """Return the log weights (B,) of rows that are complete."""
        self._note(tokens, torch.arange(len(tokens)))
        return self.weight

    def _note(self, states: Tensor, rows: Tensor) -> None:
        drawn = (self.before[rows] == self.pairing.mask_id) & (states != self.pairing.mask_id)
        self.weight[rows] += torch.where(drawn, self.mass[rows], 0.0).sum(1)
        self.before[rows] = states
