"""Information that the user's next action would give about the goal, for every cell the cursor could be put on.

With the belief `b` over goals and the user model `P(y | x, theta)`, the information gain of cell `x` is the mutual
information, in bits,

    IG(x) = H(Y | x) - H(Y | Theta, x),    P(y | x) = sum_theta b(theta) P(y | x, theta)
    H(Y | Theta, x) = - sum_theta b(theta) sum_y P(y | x, theta) log2 P(y | x, theta)

(Bayesian information gain; Liu et al., BIGnav, CHI 2017). The libraries under Python, NumPy and numba differ in the last
bit of a logarithm, so cells within `TOLERANCE` of the best count as equal, and a rule that does not look at the gain
decides between them: the choice is then the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.inference.entropy import plogp
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.inference.mixture import Mixture

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Tie: TypeAlias = Literal["nearest", "highest"]

# Of a careful user: right and wrong direction and a pause, then staying on the goal and each move from it.
Split: TypeAlias = tuple[float, float, float, float, float]

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Jump:
    """An assistant that puts the cursor on a cell, guided by its belief about the goal.

    Attributes:
        rule: `information` asks the most telling question, `map` takes the likeliest target.
        table: The probabilities it believes the user acts by, (C, C, A): cell, goal, action.
        log_table: Their logarithms, as the model gives them.
        threshold: Above this belief it jumps to the likeliest target.
        cost: What a jump costs for every cell it is long [bit].
        tie: Which of equally telling cells it takes: the `nearest` to the cursor (then the lower), or the `highest`.
        on_zero: What it does when the user does something it holds impossible.
        split: Probabilities of the answers, if the user is a careful one in one dimension (see `careful_split`); the
            information of a cell then follows from sums of the belief instead of from the table.
        mixture: Sets of parameters that it believes the user to have one of; its belief is then about goal and set.
    """

    rule: Literal["information", "map"]
    table: Float
    log_table: Float
    threshold: float
    cost: float
    tie: Tie
    on_zero: OnZero
    split: Split | None
    mixture: Mixture | None = None


def information_gain(belief: Float, table: Float) -> Float:
    """Return the information gain of every candidate [bit], (n, X).

    Args:
        belief: Belief over hypotheses, (n, T).
        table: `P(y | x, theta)`, (X, T, Y), or (n, X, T, Y) if the candidates differ from row to row.
    """
    # H(Y | x, theta) does not depend on the belief, so it is worked out once for all rows.
    conditional = -plogp(table).sum(axis=-1)
    if table.ndim == 3:
        mixture = np.einsum("nt,xty->nxy", belief, table)
        expected = belief @ conditional.T
    else:
        mixture = np.einsum("nt,nxty->nxy", belief, table)
        expected = np.einsum("nt,nxt->nx", belief, conditional)
    return np.asarray(-plogp(mixture).sum(axis=-1) - expected)


def careful_gain(belief: Float, targets: Int, num_cells: int, split: Split) -> Float:
    """Return the information gain of every cell for a careful user in one dimension, (n, C), from sums of the belief.

    With the belief L, Z and R to the left of, on and to the right of a cell, the answers have the probabilities
    `L a + R e + Z m`, `Z s + (L + R) p` and `R a + L e + Z m`, where `a`, `e` and `p` are those of the right direction, the
    wrong one and a pause, and on the goal `s` is that of staying and `m` that of each move. Without a lapse `p` and `m` are 0.

    Args:
        belief: Belief over targets, (n, T).
        targets: Cells of the targets in ascending order, (n, T).
        num_cells: Cells C.
        split: `(a, e, p, s, m)`.
    """
    rows = np.arange(len(belief))[:, None]
    mass = np.zeros((len(belief), num_cells))
    # Unbuffered: two targets on one cell both count.
    np.add.at(mass, (rows, targets), belief)
    upto = np.cumsum(mass, axis=1)
    left = upto - mass
    # By what was summed and not by 1: beliefs sum to 1 but for rounding, and the two sides must mirror each other.
    right = upto[:, -1:] - upto
    right_p, wrong_p, pause_p, stay_p, leave_p = split
    toward = left * right_p + right * wrong_p + mass * leave_p
    away = right * right_p + left * wrong_p + mass * leave_p
    pause = mass * stay_p + (left + right) * pause_p
    ahead, there = _entropies(split)
    return np.asarray(
        -(plogp(toward) + plogp(pause) + plogp(away)) - (left + right) * ahead - mass * there
    )


@lru_cache(maxsize=64)
def _entropies(split: Split) -> tuple[float, float]:
    """Return the entropies of a careful user's answers on the way to the goal, and on it [bit]."""
    right, wrong, pause, stay, leave = split
    ahead, there = (
        plogp(np.array(one)).sum() for one in ((right, wrong, pause), (stay, leave, leave))
    )
    return -float(ahead), -float(there)


def pick(gain: Float, distance: Float, tie: str) -> Int:
    """Return the best column of every row (n,): ties go to the nearest cell and then the lower, or to the highest.

    Args:
        gain: What a candidate is worth, (n, X).
        distance: How far it is from the cursor, (n, X).
        tie: `nearest` or `highest`.
    """
    best = gain >= gain.max(axis=1, keepdims=True) - TOLERANCE
    # From behind, since `argmax` returns the first of equals.
    if tie == "highest":
        return np.asarray(gain.shape[1] - 1 - np.argmax(best[:, ::-1], axis=1))
    return np.asarray(np.argmin(np.where(best, distance, np.inf), axis=1))


def choose_cells(jump: Jump, positions: Int, beliefs: Float, targets: Int, cell: Int) -> Int:
    """Return the cell (n,) that a jumping assistant chooses in every row.

    With a mixture the beliefs are joint ones, (n, K T), and no probabilities but their logarithms.

    Args:
        jump: The assistant.
        positions: Position of every cell, (C,) or (C, d).
        beliefs: Belief over targets, (n, T).
        targets: Cells of the targets, (n, T).
        cell: Where the cursor is, (n,).
    """
    joint = beliefs
    if jump.mixture is not None:
        beliefs = jump.mixture.goals(joint)
    likeliest = np.argmax(beliefs, axis=1)
    rows = np.arange(len(beliefs))
    chosen: Int = targets[rows, likeliest].copy()
    if jump.rule == "map":
        return chosen
    # Only unsure rows pay for the gain; at the threshold itself another question is asked.
    unsure = ~(beliefs[rows, likeliest] > jump.threshold)
    if not unsure.any():
        return chosen
    b, t = beliefs[unsure], targets[unsure]
    if jump.mixture is not None:
        gain = jump.mixture.gain(joint[unsure], t)
    elif jump.split is not None:
        gain = careful_gain(b, t, len(positions), jump.split)
    else:
        gain = information_gain(b, np.moveaxis(jump.table[:, t], 0, 1))
    places = positions.reshape(len(positions), -1)
    distance = np.abs(places[None] - places[cell[unsure], None]).sum(axis=-1).astype(np.float64)
    chosen[unsure] = pick(gain - jump.cost * distance, distance, jump.tie)
    return chosen
