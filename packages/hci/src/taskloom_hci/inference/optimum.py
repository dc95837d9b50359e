"""The fewest rounds that any assistant can reach on average in pointing on a line, exactly.

The user is careful (error rate e, no lapse), the assistant puts the cursor where it likes at no cost, and a game has no limit
of rounds. Then putting the cursor between targets never helps: the answers at a target determine those at a neighbouring gap,
so the target is more informative (Blackwell) and may end the game. Hence only targets are asked, each question removes one,
and with r = e / (1 - e) the belief in target j is proportional to r^k_j with whole k_j. For the targets that are left, in order,

    W(k) = min_a  1 + sum_y p_y W(k after asking a and hearing y),     y in {left, right},  k_j + 1 where y points away from j
    p_y  = sum_{j != a} r^k_j ((1 - e) if y points to j else e) / sum_j r^k_j,     W = 1 where one target is left

The first answer comes at the start, with each number J = 0..T of targets on its left alike:

    optimum = 1 + 1 / (T + 1) sum_J sum_y p(y | J) W(k after y at the start)
"""

from __future__ import annotations

from functools import cache
from math import fsum
from typing import TYPE_CHECKING

from taskloom_hci.errors import HciError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.optimum_numbers import fewest_rounds_of_numbers
from taskloom_hci.models.pointing import CarefulModel

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle

MOST_TARGETS = 10  # 50,305 beliefs; 5,911 for 8 targets


def fewest_rounds(num_targets: int, error_rate: float) -> float:
    """Return the mean number of rounds of the best assistant there can be, exactly; the number of cells does not enter.

    fewest_rounds(8, 0.05)  # 3.3807

    Args:
        num_targets: T, from 1 to 10.
        error_rate: e of the careful user, from 0 to 0.5.

    Raises:
        HciError: If there are more targets than that, or the user is not careful.
    """
    if not 1 <= num_targets <= MOST_TARGETS or not 0.0 <= error_rate <= 0.5:
        raise HciError(
            f"The exact optimum is known for 1 to {MOST_TARGETS} targets and error rates up to 0.5, not for {num_targets} and "
            f"{error_rate}."
        )
    e = error_rate
    # `fsum`: the built-in sum rounds otherwise from Python 3.12 on, and the figure would depend on the version.
    odds = e / (1.0 - e)

    def after(left: tuple[int, ...], right: tuple[int, ...], is_left: bool) -> tuple[int, ...]:
        """Return the exponents once the user has pointed to one side; those that cannot be any more are dropped."""
        toward, away = (left, right) if is_left else (right, left)
        further = tuple(k + 1 for k in away) if e > 0.0 else ()
        both = (*toward, *further) if is_left else (*further, *toward)
        least = min(both, default=0)
        return tuple(k - least for k in both)

    def answers(left: tuple[int, ...], right: tuple[int, ...], total: float) -> float:
        """Return the expected rounds that follow an answer between two groups of targets."""
        lefts, rights = fsum(odds**k for k in left), fsum(odds**k for k in right)
        rounds = 0.0
        for is_left, mine, other in ((True, lefts, rights), (False, rights, lefts)):
            p = (mine * (1.0 - e) + other * e) / total
            if p > 0.0:
                rounds += p * value(after(left, right, is_left))
        return rounds

    @cache
    def value(k: tuple[int, ...]) -> float:
        if len(k) == 1:
            return 1.0
        total = fsum(odds**one for one in k)
        return 1.0 + min(answers(k[:a], k[a + 1 :], total) for a in range(len(k)))

    start = (0,) * num_targets
    first = fsum(answers(start[:j], start[j:], float(num_targets)) for j in range(num_targets + 1))
    return 1.0 + first / (num_targets + 1)


def optimum_of(bundle: Bundle) -> float | None:
    """Return the fewest rounds that any assistant could reach in this game, or None where that is not known exactly.

    It depends on how the user really acts, never on what the assistant believes.
    """
    task, model = bundle.task, getattr(bundle.user, "model", None)
    if type(task) is not Pointing:
        return fewest_rounds_of_numbers(bundle)
    if (
        task.dimension != 1
        or task.mode != "position"
        or type(model) is not CarefulModel
        or model.lapse
        or model.error_rate > 0.5
        or task.num_targets > MOST_TARGETS
    ):
        return None
    return fewest_rounds(task.num_targets, model.error_rate)


def optimum_metrics(optimum: float | None, mean: float, share_cut: float) -> dict[str, float]:
    """Return the optimum as metrics, with how far above it a mean is; a mean that the limit of rounds has cut claims nothing."""
    if optimum is None:
        return {}
    if share_cut > MOST_CUT:
        return {"optimum/rounds": optimum}
    return {"optimum/rounds": optimum, "optimum/above": (mean - optimum) / optimum}


MOST_CUT = (
    0.001  # share of games that may reach the limit of rounds, which the optimum does not know
)
