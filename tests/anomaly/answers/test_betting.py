"""The watch over a stream: exact values, a mean of one, the bound on false alarms, and the delay."""

from __future__ import annotations

import math

import numpy as np
import pytest
from taskloom_anomaly.statistics.betting import Capital, Pool, log_bets
from tests_sizes import size


def test_the_capital_has_the_values_of_the_specification() -> None:
    capital, found = Capital(), []
    for p in (0.5, 0.01, 0.01, 0.9):
        capital.step(p)
        found.append(math.exp(capital.log))
    assert found == pytest.approx([0.99918515, 1.00856724, 1.05949096, 1.02003012], abs=1e-8)
    again = Capital()
    again.load_state(capital.state())
    assert again.step(0.2) == capital.step(0.2)
    assert again.log == capital.log
    capital.restart()
    assert capital.log == 0


def test_no_bet_has_a_mean_above_one() -> None:
    """Below p = 1e-12 a bet grows no further: its mean is 1 - a + a (1 - (1 - k) 1e-12^k), at most one, so that Ville's bound holds."""
    least = 1e-12
    logs = np.linspace(math.log(least), 0, 20_001)
    bets = np.exp([log_bets(math.exp(value)) for value in logs])
    means = np.trapezoid(bets * np.exp(logs)[:, None], logs, axis=0)
    means += least * np.exp(log_bets(0.0))
    wanted = [
        1 - a + a * (1 - (1 - k) * least**k)
        for a in (0.03, 0.1, 0.3, 1.0)
        for k in (0.05, 0.2, 0.5)
    ]
    np.testing.assert_allclose(means, wanted, rtol=1e-6)
    assert (means <= 1 + 1e-6).all()


def test_the_first_step_is_the_mixture_in_closed_form() -> None:
    shares, powers, rates = (0.03, 0.1, 0.3, 1.0), (0.05, 0.2, 0.5), (1e-2, 1e-3, 1e-4)
    for p in (1e-9, 0.003, 0.5, 1.0):
        capital, waiting = Capital(), Capital(mean_run=100.0)
        capital.step(p)
        waiting.step(p)
        bets = [1 - a + a * k * p ** (k - 1) for a in shares for k in powers]
        wanted = np.mean([r * e + (1 - r) for e in bets for r in rates])
        assert math.exp(capital.log) == pytest.approx(wanted, rel=1e-12)
        assert math.exp(waiting.log) == pytest.approx(np.mean(bets), rel=1e-12)


def test_the_pool_counts_as_a_plain_list_does() -> None:
    rng = np.random.default_rng(0)
    begin, new = rng.integers(0, 9, 40), rng.integers(0, 9, 1500)
    pool, plain = Pool(begin.astype(float)), [*map(float, begin)]
    for value in map(float, new):
        u = float(rng.random())
        above, equal = sum(x > value for x in plain), sum(x == value for x in plain)
        assert pool.p(value, u) == (above + u * (equal + 1)) / (len(plain) + 1)
        plain.append(value)
    assert pool.scores().tolist() == sorted(plain)


def _alarm(rng: np.random.Generator, normal: int, odd: float, points: int, shift: float) -> int:
    """Return the point after a change at which a watch raises its first alarm; -1 for a false one, `points` for none."""
    pool, capital = Pool(rng.normal(size=300)), Capital(0.05)
    for t in range(normal + points):
        changed = t >= normal and rng.random() < odd
        if capital.step(pool.p(float(rng.normal(shift if changed else 0)), float(rng.random()))):
            return t - normal + 1 if t >= normal else -1
    return points


def test_false_alarms_are_few_and_changes_are_found() -> None:
    """Of 40 normal streams of 500 points at 5 %: more than six false alarms have a chance of 1 in 100; all odd, six points suffice."""
    rng = np.random.default_rng(4)
    streams = size("watched_streams")
    false = sum(_alarm(rng, 500, 0, 0, 0) == -1 for _ in range(streams))
    assert false <= 0.05 * streams + 3 * math.sqrt(0.05 * 0.95 * streams)
    delays = [_alarm(rng, 200, 1.0, 200, 2.66) for _ in range(9)]
    assert np.median([d for d in delays if d > 0]) <= 12
