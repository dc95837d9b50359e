"""Guided laws of single tokens: two predictions joined, or one and a classifier (Ho & Salimans 2022; Schiff et al. 2024).

With log u of the network told nothing and log c of the network told the condition, a scale g gives

    s = g log c + (1 - g) log u,    log norm = logsumexp(s),    q = exp(s - log norm).

The law of a whole chain that draws from q is not the tilted law p(x) p(y|x)^g: only particles that carry log norm have that.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Joint:
    """A guided law beside the plain one.

    Attributes:
        log_q: The guided law (B, L, V), float64.
        log_u: The plain one (B, L, V).
        log_norm: By what the guided one was divided (B, L); 0 where nothing is guided.
    """

    log_q: Tensor
    log_u: Tensor
    log_norm: Tensor

    @classmethod
    def plain(cls, log_u: Tensor) -> Joint:
        """Return the plain law as its own guided one."""
        return cls(log_u, log_u, log_u.new_zeros(log_u.shape[:-1]))

    def of(self, rows: Tensor) -> Joint:
        """Return some rows."""
        return Joint(self.log_q[rows], self.log_u[rows], self.log_norm[rows])

    def with_rows(self, rows: Tensor, fresh: Joint) -> Joint:
        """Return the same with some rows renewed."""
        parts = []
        for old, new in ((self.log_q, fresh.log_q), (self.log_u, fresh.log_u), (self.log_norm, fresh.log_norm)):  # fmt: skip
            kept = old.clone()
            kept[rows] = new
            parts.append(kept)
        return Joint(*parts)


def joined(log_u: Tensor, log_c: Tensor, scale: float, where: Tensor) -> Joint:
    """Return the guided law of two predictions.

    Args:
        log_u: Of the network that is told nothing (B, L, V).
        log_c: Of the network that is told the condition (B, L, V).
        scale: The scale g.
        where: Positions that are guided (B, L); the others keep the plain law.
    """
    possible = log_c > -torch.inf
    # What c forbids stays forbidden: 0 to a power below 0 would be a token that is infinitely likely.
    told, plain = log_c.where(possible, 0.0), log_u.where(possible & (log_u > -torch.inf), 0.0)
    s = scale * told + (1 - scale) * plain
    # A token that u alone forbids has no weight at g < 1 either, and at g > 1 no finite one: it is left out.
    s = s.masked_fill(~possible | (log_u == -torch.inf), -torch.inf)
    return _normalised(s, log_u, where)


def tilted(log_u: Tensor, log_p: Tensor, scale: float, where: Tensor) -> Joint:
    """Return the guided law u(v) p(y | z with v at l)^g of a classifier.

    Args:
        log_u: The plain law (B, L, V).
        log_p: The classifier's term for every token (B, L, V); what does not depend on the token cancels out.
        scale: The scale g.
        where: Positions that are guided (B, L).
    """
    s = log_u + scale * log_p
    return _normalised(s.masked_fill(log_u == -torch.inf, -torch.inf), log_u, where)


def _normalised(s: Tensor, log_u: Tensor, where: Tensor) -> Joint:
    log_norm = s.logsumexp(-1)
    # Where both predictions have no token in common there is nothing to guide with.
    where = where & (log_norm > -torch.inf)
    log_norm = torch.where(where, log_norm, 0.0)
    log_q = torch.where(where[..., None], s - log_norm[..., None], log_u)
    return Joint(log_q, log_u, log_norm)
