"""Exact messages of an automaton under independent tokens: the chance of being accepted, and draws given that.

With laws pi_l of the positions and states q, beta_L(q) = 1 where q accepts and

    beta_l(q) = sum_v pi_l(v) beta_(l+1)(next(q, v)),

so that P(A) = beta_0(start). Tokens of one class lead to the same states: O(L Q C) for each sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.guidance.automaton import Automaton
from taskloom_diffusion.samplers.draws import draw_categorical


class BackwardMessages:
    """Messages of a batch from right to left.

    Args:
        automaton: The constraint.
        law: Probabilities of tokens (B, L, V), float64, not necessarily normalised.
        inside: Positions of the sequences (B, L); the others are not read.
        start: States before the first position (B,); None is the automaton's own.
        terminal: Value of each state behind the last position (Q,) or (B, Q); None is 1 where it accepts, else 0.
    """

    def __init__(
        self,
        automaton: Automaton,
        law: Tensor,
        inside: Tensor,
        start: Tensor | None = None,
        terminal: Tensor | None = None,
    ) -> None:
        self.law, self.inside = law.double(), inside
        self.token_class = torch.from_numpy(automaton.token_class)
        self.next = torch.from_numpy(automaton.next.astype("int64"))
        count, classes = self.next.shape
        rows, length = inside.shape
        by_class = torch.zeros(rows, length, classes, dtype=torch.float64)
        by_class.index_add_(2, self.token_class, self.law)
        # Index -1 reads the last column: what leads nowhere is worth nothing.
        beta = torch.zeros(rows, count + 1, dtype=torch.float64)
        end = torch.from_numpy(automaton.accept).double() if terminal is None else terminal
        beta[:, :count] = end
        scale = torch.zeros(rows, dtype=torch.float64)
        self.betas = [beta]
        for position in reversed(range(length)):
            # (B, Q, C) of what each token leads to, summed over the classes' shares.
            worth = torch.einsum("bqc,bc->bq", beta[:, self.next], by_class[:, position])
            largest = worth.amax(1, keepdim=True)
            # Scaled at every position: products of many small chances underflow. Nothing is scaled by nothing.
            used = torch.where(largest > 0, largest, 1.0)
            fresh = torch.nn.functional.pad(worth / used, (0, 1))
            read = inside[:, position, None]
            beta = torch.where(read, fresh, beta)
            scale = scale + torch.where(read, used.log(), 0.0)[:, 0]
            self.betas.append(beta)
        self.betas.reverse()
        self.start = torch.full((rows,), automaton.start) if start is None else start
        first = self.betas[0].gather(1, self._column(self.start)[:, None])[:, 0]
        self.log_accepted = first.log() + scale
        """log P(A) of each row (B,); -inf where nothing is accepted."""

    def _column(self, state: Tensor) -> Tensor:
        """Return the columns of states, dead ones at the end."""
        return torch.where(state < 0, self.next.shape[0], state)

    def draw(self, noise: Tensor) -> Tensor:
        """Return whole sequences (B, L) drawn from the law given that they are accepted.

        Rows of which none can be accepted are drawn from the law as it is.

        Args:
            noise: Uniform variates (B, L).
        """
        tokens = torch.zeros(self.inside.shape, dtype=torch.long)
        state = self.start
        table = torch.nn.functional.pad(self.next, (0, 0, 0, 1), value=-1)
        for position in range(self.inside.shape[1]):
            following = table[self._column(state)][:, self.token_class]
            worth = self.betas[position + 1].gather(1, self._column(following))
            weights = self.law[:, position] * worth
            possible = weights.sum(1, keepdim=True) > 0
            weights = torch.where(possible, weights, self.law[:, position])
            drawn = draw_categorical(weights[:, None], noise[:, position, None])[:, 0]
            read = self.inside[:, position]
            tokens[:, position] = drawn
            state = torch.where(read, following.gather(1, drawn[:, None])[:, 0], state)
        return tokens


def states_after(automaton: Automaton, tokens: Tensor, inside: Tensor) -> Tensor:
    """Return the states (B,) that sequences (B, L) lead to, -1 where they are dead; positions outside are not read."""
    table = torch.from_numpy(automaton.next.astype("int64"))
    table = torch.nn.functional.pad(table, (0, 0, 0, 1), value=-1)
    classes = torch.from_numpy(automaton.token_class)[tokens]
    state = torch.full((len(tokens),), automaton.start)
    for position in range(tokens.shape[1]):
        # Row -1 of the table is the dead state's.
        state = torch.where(inside[:, position], table[state, classes[:, position]], state)
    return state


def worth_of_rest(automaton: Automaton, law: Tensor, lengths: Tensor) -> Tensor:
    """Return, for each row, the chance of being accepted from each state (B, Q) when the rest is drawn from one law.

    Args:
        automaton: The constraint.
        law: Of every token of the rest (V,), float64.
        lengths: Tokens that are left of each row (B,).
    """
    table = torch.from_numpy(automaton.next.astype("int64"))
    shares = torch.zeros(table.shape[1], dtype=torch.float64)
    shares.index_add_(0, torch.from_numpy(automaton.token_class), law.double())
    beta = torch.nn.functional.pad(torch.from_numpy(automaton.accept).double(), (0, 1))
    steps = [beta[:-1]]
    for _ in range(int(lengths.max()) if len(lengths) else 0):
        beta = torch.nn.functional.pad(beta[table] @ shares, (0, 1))
        steps.append(beta[:-1])
    return torch.stack(steps)[lengths]
