r"""Rounds of speculative decoding: propose tokens, ask about all of their prefixes in one call, keep those that the law keeps.

Given revealed tokens S and positions o_1, o_2, ..., tokens y_j ~ q_j are proposed. With p_j the network's law at o_j given S and
y_1 .. y_(j-1), proposal j is accepted with probability min(1, p_j(y_j) / q_j(y_j)); at the first refusal a token is drawn from
max(p_j - q_j, 0), normalised, and the rest is thrown away. Then

    P(v at o_j) = min(q_j, p_j)(v) + (1 - \sum min(q_j, p_j)) (p_j - q_j)^+(v) / \sum (p_j - q_j)^+ = p_j(v),

for both sums are the total variation between the two, and proposals are independent given S. So each token has the network's law
given all tokens before it, whatever q is.

Two forms. `two_call`: q_j is the network's answer at S, and a second call judges y_2 .. y_k; y_1 stands. `fused`: q_j is what the
call before had to say (one token stale), and one call judges all k and draws one token more if all stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from taskloom_diffusion.samplers.base import Order
from taskloom_diffusion.samplers.draws import draw_categorical
from taskloom_diffusion.samplers.generation import Generation, NoisedRows
from taskloom_diffusion.samplers.noise import NoiseSource
from taskloom_diffusion.samplers.reveal import entropy


class Dice(Protocol):
    """The draws of a decoding, round by round."""

    def begin(self) -> Tensor:
        """Begin a round; return uniform variates (B, L) for the order of positions."""
        ...

    def propose(self, law: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Return proposed tokens (R,) from laws (R, V), at positions (R,) of rows (R,)."""
        ...

    def accept(self, share: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Return true with probability min(1, share) for each (R,)."""
        ...

    def settle(self, law: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Return tokens (R,) that end a row's round, from laws (R, V)."""
        ...


class NoiseDice:
    """Draws from a source of noise, each a function of row, round, position and use.

    Args:
        noise: The source.
        judges: Whether proposals are judged at all; one that only proposes draws what samplers of one token a call draw.
    """

    def __init__(self, noise: NoiseSource, *, judges: bool) -> None:
        self.noise = noise
        self.judges = judges
        # Samplers that reveal draw lots first: with the same numbers the same tokens come out.
        self.token = self.verdict = self.last = noise.uniform()

    def begin(self) -> Tensor:
        # Drawn whether or not a row needs them: its later variates must not depend on the others of the batch.
        order, self.token = self.noise.uniform(), self.noise.uniform()
        if self.judges:
            self.verdict, self.last = self.noise.uniform(), self.noise.uniform()
        return order

    def propose(self, law: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        return draw_categorical(law, self.token[rows, positions])

    def accept(self, share: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        return self.verdict[rows, positions] < share

    def settle(self, law: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        # A variate of its own: that of the proposal at this position is known to have been refused.
        return draw_categorical(law, self.last[rows, positions])


def speculate(
    generation: Generation, dice: Dice, *, order: Order, fused: bool, k: int | None, most: int
) -> Tensor:
    """Return complete tokens (B, L) whose law is that of one token a call in this order.

    Args:
        generation: The batch to complete.
        dice: What is drawn from.
        order: Order of the positions; `entropy` and `margin` follow the answer at what is revealed, never at proposals.
        fused: Whether a call both judges and proposes.
        k: Tokens proposed at once; None adapts it.
        most: Of them, where it adapts.
    """
    decoding = _Decoding(generation, dice, order)
    # Two calls for two tokens gain nothing.
    least = 1 if fused else 3
    decoding.planned = torch.full((len(generation.start),), k or 3)
    while bool(decoding.masked.any()):
        noise = dice.begin()
        rows = decoding.masked.any(1).nonzero()[:, 0]
        done = decoding.fused(rows, noise) if fused else decoding.two_call(rows, noise)
        if k is None:
            # One more after a full acceptance; after a refusal as many as stood. Nothing of it depends on other rows.
            now = torch.where(done.refused, done.stood, decoding.planned[rows] + (done.stood > 0))
            decoding.planned[rows] = now.clamp(least, most)
        generation.record(decoding.z)
    return decoding.z


@dataclass(frozen=True)
class _Proposals:
    """Tokens that are proposed for some rows.

    Attributes:
        rows: The rows (A,).
        noise: Variates for the order (A, L).
        order: Their positions, masked ones first and in order (A, L).
        count: Numbers of proposals (A,).
        law: Law that each was drawn from (A, K, V).
        tokens: The proposals (A, K).
    """

    rows: Tensor
    noise: Tensor
    order: Tensor
    count: Tensor
    law: Tensor
    tokens: Tensor

    def states(self, z: Tensor, first: int, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return states with the first j proposals in their places (R, L), and where state j of a row is (A, J), -1 for none.

        Args:
            z: Tokens of the rows (A, L).
            first: The smallest j.
            last: The largest j of each row (A,).
        """
        width = int(last.max()) + 1 if len(last) else 0
        steps = torch.arange(max(width, 0))
        wanted = (steps >= first) & (steps <= last[:, None])
        rank = torch.empty_like(self.order).scatter(
            1, self.order, torch.arange(z.shape[1]).expand_as(self.order)
        )
        size = self.tokens.shape[1]
        filled = z.scatter(1, self.order[:, :size], self.tokens)
        inside = rank[:, None] < steps[None, :, None]
        states = torch.where(inside, filled[:, None], z[:, None])
        index = torch.where(wanted, wanted.flatten().cumsum(0).view_as(wanted) - 1, -1)
        return states[wanted], index


@dataclass(frozen=True)
class _Outcome:
    """Fate of the proposals of some rows.

    Attributes:
        stood: Numbers of proposals that stand (A,).
        refused: Whether one was refused, or another position was due (A,).
    """

    stood: Tensor
    refused: Tensor


class _Decoding:
    """A batch on its way.

    Args:
        generation: The batch.
        dice: What is drawn from.
        order: Order of the positions.
    """

    planned: Tensor

    def __init__(self, generation: Generation, dice: Dice, order: Order) -> None:
        self.generation = generation
        self.dice = dice
        self.order = order
        self.z = generation.start.clone()
        # The answer to the state that a row was in before its last token; None before the first call.
        self.stale: Tensor | None = None

    @property
    def masked(self) -> Tensor:
        """Positions that are still to be drawn (B, L)."""
        return self._masked(self.z, torch.arange(len(self.z)))

    def fused(self, rows: Tensor, noise: Tensor) -> _Outcome:
        """Judge what the call before proposes, and draw one token more where all of it stands: one call a row."""
        left = self.masked[rows].sum(1)
        if self.stale is None:
            # Nothing was asked yet: a round without proposals is a token of its own.
            nothing = torch.zeros_like(left)
            shape = (*self.z.shape, self.generation.process.vocabulary.size)
            self.stale = torch.zeros(shape, dtype=torch.float64)
            made = self._propose(rows, noise[rows], self.stale[rows], nothing)
        else:
            count = torch.minimum(self.planned[rows], left)
            made = self._propose(rows, noise[rows], self.stale[rows], count)
        # Where proposals fill a row, nothing is masked behind the last of them and nothing is asked there.
        states, index = made.states(self.z[rows], 0, torch.minimum(made.count, left - 1))
        answers = self._ask(states, index, rows)
        found = self._judge(made, answers, index, first=1)
        more = (~found.refused & (left > made.count)).nonzero()[:, 0]
        if len(more):
            here = answers[index[more, made.count[more]]]
            self._settle(made, more, here, self._due(here, made, more), None)
        return found

    def two_call(self, rows: Tensor, noise: Tensor) -> _Outcome:
        """Propose from the answer at what is revealed, and judge all but the first proposal in a second call."""
        everything = torch.arange(len(rows))
        draft = self._ask(self.z[rows], everything[:, None], rows)
        left = self.masked[rows].sum(1)
        made = self._propose(rows, noise[rows], draft, torch.minimum(self.planned[rows], left))
        states, index = made.states(self.z[rows], 1, made.count - 1)
        answers = self._ask(states, index, rows) if len(states) else draft
        # The first stands: its law is the very answer that it was drawn from, and a second call could only round it otherwise.
        self.z[rows, made.order[:, 0]] = made.tokens[:, 0]
        return self._judge(made, answers, index, first=2)

    def _propose(self, rows: Tensor, noise: Tensor, log_x: Tensor, count: Tensor) -> _Proposals:
        masked = self.masked[rows]
        order = self._ranked(log_x, masked, noise)
        most = int(count.max()) if len(count) else 0
        chosen = order[:, :most]
        law = self._law(log_x.gather(1, chosen[..., None].expand(-1, -1, log_x.shape[-1])))
        tokens = torch.zeros_like(chosen)
        for j in range(most):
            here = (count > j).nonzero()[:, 0]
            at = chosen[here, j]
            tokens[here, j] = self.dice.propose(law[here, j], rows[here], at)
        return _Proposals(rows, noise, order, count, law, tokens)

    def _judge(self, made: _Proposals, answers: Tensor, index: Tensor, *, first: int) -> _Outcome:
        """Keep proposals from the `first` on for as long as they stand, and settle the first that does not."""
        stood = torch.full_like(made.count, first - 1)
        refused = torch.zeros_like(made.count, dtype=torch.bool)
        for j in range(first, made.tokens.shape[1] + 1):
            alive = (~refused & (made.count >= j)).nonzero()[:, 0]
            if not len(alive):
                break
            here = answers[index[alive, j - 1]]
            at, due = made.order[alive, j - 1], self._due(here, made, alive)
            proposed, q = made.tokens[alive, j - 1], made.law[alive, j - 1]
            p = self._law(here[torch.arange(len(alive)), at])
            share = (p.gather(1, proposed[:, None]) / q.gather(1, proposed[:, None]))[:, 0]
            # A rule that looks at answers may now name another position: the proposal is then not even asked about.
            stands = due == at
            judged = stands.nonzero()[:, 0]
            verdict = self.dice.accept(share[judged], made.rows[alive[judged]], at[judged])
            stands[judged] = verdict
            kept = stands.nonzero()[:, 0]
            self.z[made.rows[alive[kept]], at[kept]] = proposed[kept]
            stood[alive[kept]] = j
            ended = (~stands).nonzero()[:, 0]
            if len(ended):
                over = torch.where((due == at)[:, None], q, 0.0)
                self._settle(made, alive[ended], here[ended], due[ended], over[ended])
                refused[alive[ended]] = True
        return _Outcome(stood, refused)

    def _settle(
        self, made: _Proposals, places: Tensor, here: Tensor, at: Tensor, over: Tensor | None
    ) -> None:
        """Draw the token that ends the round of some rows, at positions that are due; keep the answer for the next proposals."""
        p = self._law(here[torch.arange(len(here)), at])
        law = p
        if over is not None:
            rest = (p - over).clamp_min(0)
            # Where rounding refused a proposal of the very same law nothing is left over.
            law = torch.where(rest.sum(-1, keepdim=True) > 0, rest, p)
        rows = made.rows[places]
        self.z[rows, at] = self.dice.settle(law, rows, at)
        if self.stale is not None:
            self.stale[rows] = here

    def _ask(self, states: Tensor, index: Tensor, rows: Tensor) -> Tensor:
        """Return log x_theta (R, L, V) of states, of which `index` (A, J) says where those of each row are."""
        of_row = rows[(index >= 0).nonzero()[:, 0]]
        masked = self._masked(states, of_row)
        maskable = self.generation.maskable[of_row]
        level = masked.sum(1).double() / (maskable.sum(1).clamp_min(1) + 1)
        asked = NoisedRows(states, 1 - level, maskable, of_row, masked)
        return self.generation.predictor.log_x_theta(asked)

    def _masked(self, states: Tensor, rows: Tensor) -> Tensor:
        return self.generation.free[rows] & (states == self.generation.process.vocabulary.mask_id)

    def _law(self, log_x: Tensor) -> Tensor:
        """Return laws that are drawn from, normalised in float64: residuals of rounded ones would be none."""
        law = self.generation.token_law(log_x).double()
        return law / law.sum(-1, keepdim=True)

    def _due(self, here: Tensor, made: _Proposals, places: Tensor) -> Tensor:
        """Return the position that is next (R,) by answers of some rows to what is revealed of them."""
        masked = self.masked[made.rows[places]]
        return self._ranked(here, masked, made.noise[places])[:, 0]

    def _ranked(self, log_x: Tensor, masked: Tensor, noise: Tensor) -> Tensor:
        """Return positions, masked ones first and in the order of the rule (R, L); ties go to the left."""
        if self.order == "random":
            score = noise
        elif self.order == "left_to_right":
            score = noise * 0
        elif self.order == "entropy":
            score = -entropy(log_x)
        else:
            best = log_x.exp().topk(2, dim=-1).values
            score = best[..., 0] - best[..., 1]
        ranked = torch.where(masked, score, -torch.inf)
        return ranked.argsort(dim=1, descending=True, stable=True)
