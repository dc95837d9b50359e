"""The guarantees of p-values: exact values, exact validity by leaving each sample out in turn, and refusals that say what is needed."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom.errors import ConfigError
from taskloom_anomaly.detection.answers import Calibration, Judge, Rule
from taskloom_anomaly.detection.fusion import p_values
from taskloom_anomaly.statistics.conformal import (
    allowed,
    beta_binomial,
    certain_needed,
    certain_ranks,
    count_band,
    discoveries,
    fewest_to_discover,
    likely_rate,
    needed,
    uniformity,
)
from taskloom_anomaly.statistics.joint import joint_p
from tests_sizes import size

# Few values, so that ties are many.
MATRICES = st.integers(2, 9).flatmap(
    lambda m: st.integers(1, 3).flatmap(
        lambda layers: st.lists(
            st.lists(st.integers(0, 4), min_size=layers, max_size=layers), min_size=m, max_size=m
        )
    )
)


def test_the_values_of_the_specification() -> None:
    known = np.arange(1, 10) / 10
    assert p_values(np.array([0.85, 0.9, 1.0]), known).tolist() == [0.2, 0.2, 0.1]
    assert [needed(rate) for rate in (0.01, 0.05, 0.001, 1 / 3)] == [99, 19, 999, 2]
    assert [certain_ranks(0.01, m, 0.95) for m in (298, 299, 500, 999, 1999, 4999)] == [
        0, 1, 2, 5, 13, 39,
    ]  # fmt: skip
    assert [certain_needed(rate, 0.95) for rate in (0.01, 0.05, 0.001)] == [299, 59, 2995]
    assert round(likely_rate(10, 999), 4) == 0.0157
    assert round(likely_rate(1, 99), 3) == 0.030
    p = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    assert discoveries(p, 0.05).tolist() == [True] * 2 + [False] * 8
    assert discoveries(p, 0.1).tolist() == [True] * 6 + [False] * 4
    # e = 1 / (2 sqrt p) must reach 1 / q with all rejected: p of q^2 / 4 and below.
    assert discoveries([0.0025 * 0.99] * 5, 0.1, "ebh").all()
    assert not discoveries([0.0025 * 1.01] * 5, 0.1, "ebh").any()
    # r anomalies among n can be found only if 1 / (m + 1) <= q r / n.
    assert fewest_to_discover(0.1, 500, 99) == 50


@pytest.mark.parametrize("rate", [0.1, 0.25, 1 / 3])
@pytest.mark.parametrize("m", [1, 5, 9, 30])
def test_certainty_is_that_of_a_binomial(rate: float, m: int) -> None:
    """P(Beta(k, m + 1 - k) <= a) = P(Binomial(m, a) >= k), here in fractions."""
    a = Fraction(rate).limit_denominator(1000)
    for confidence in (0.5, 0.9):
        sums = [
            sum(comb(m, i) * a**i * (1 - a) ** (m - i) for i in range(k, m + 1))
            for k in range(m + 1)
        ]
        exact = max((k for k in range(1, m + 1) if sums[k] >= confidence), default=0)
        assert certain_ranks(float(a), m, confidence) == min(exact, allowed(float(a), m))
        assert (certain_ranks(float(a), m, confidence) > 0) is (
            m >= certain_needed(float(a), confidence)
        )


def test_the_band_of_false_alarms_is_beta_binomial() -> None:
    """Of n normal inputs and m calibration samples every order is as likely: j alarms in C(...) of C(n + m, n) orders."""
    n, m, k = 6, 9, 2
    mass = beta_binomial(n, k, m + 1 - k)
    # An input is flagged if fewer than k calibration samples lie above it: j inputs above the k-th highest sample.
    exact = [
        Fraction(comb(j + k - 1, j) * comb(n - j + m - k, n - j), comb(n + m, n))
        for j in range(n + 1)
    ]
    np.testing.assert_allclose(mass, [float(x) for x in exact], rtol=1e-12)
    assert count_band(600, 1, 120) == (0, 19)
    assert count_band(100, 0, 50) == (0, 0)
    low, high = count_band(200_000, 10, 999)
    assert (low, high) == pytest.approx(tuple(x * 4 for x in count_band(50_000, 10, 999)), rel=0.03)


@settings(max_examples=size("hostile_examples"), deadline=None)
@given(MATRICES, st.sampled_from(["cauchy", "fisher"]))
def test_p_values_of_exchangeable_samples_are_valid_exactly(
    rows: list[list[int]], statistic: str
) -> None:
    """Each of m + 1 samples is the new one in turn: at most k of the m + 1 p-values are k / (m + 1) or less, whatever ties there are."""
    samples = np.asarray(rows, float)
    total = len(samples)
    joint, layer = [], []
    for index in range(total):
        rest = np.delete(samples, index, axis=0)
        joint.append(joint_p(samples[index : index + 1], rest, statistic)[0])  # type: ignore[arg-type] # one of two
        layer.append(p_values(samples[index : index + 1, 0], rest[:, 0])[0])
    for found in (joint, layer):
        ranks = np.round(np.asarray(found) * total)
        assert ranks.min() >= 1
        assert ranks.max() <= total
        for k in range(1, total + 1):
            assert (ranks <= k).sum() <= k


@settings(max_examples=size("hostile_examples"), deadline=None)
@given(MATRICES, MATRICES, st.randoms(use_true_random=False))
def test_order_and_batches_change_no_p_value(
    known: list[list[int]], new: list[list[int]], random: object
) -> None:
    layers = min(len(known[0]), len(new[0]))
    held, inputs = (np.asarray(rows, float)[:, :layers] for rows in (known, new))
    names = [f"h.{i}" for i in range(layers)]
    judge = Judge(Calibration(dict(zip(names, held.T, strict=True))), Rule(0.3), promises=False)
    whole = judge(dict(zip(names, inputs.T, strict=True)))
    alone = [judge(dict(zip(names, row[:, None], strict=True))) for row in inputs]
    order = list(range(len(held)))
    random.shuffle(order)  # type: ignore[attr-defined] # Hypothesis gives a Random
    shuffled = Judge(
        Calibration(dict(zip(names, held[order].T, strict=True))), Rule(0.3), promises=False
    )
    again = shuffled(dict(zip(names, inputs.T, strict=True)))
    for name, p in whole.p.items():
        assert p.tolist() == [one.p[name][0] for one in alone] == again.p[name].tolist()
        assert ((p > 0) & (p <= 1)).all()
    assert whole.flag.tolist() == [bool(one.flag[0]) for one in alone]
    assert whole.flag.tolist() == (whole.p["fused"] <= 0.3).tolist()


def test_too_few_samples_are_refused_with_the_number_that_is_needed() -> None:
    known = Calibration({"h": np.arange(120.0)})
    with pytest.raises(
        ConfigError, match=r"needs 999 .*there are 120: the lowest possible is 0\.0083"
    ):
        Judge(known, Rule(0.001))
    with pytest.raises(
        ConfigError, match=r"--certain=0\.95 needs 299 calibration samples; there are 120"
    ):
        Judge(known, Rule(0.01, certain=0.95))
    with pytest.raises(ConfigError, match="no layer 'hh'"):
        Judge(known, Rule(layer="hh"))
    for bad in (0.0, 1.0, -1.0):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            Judge(known, Rule(bad))
    # What the sentence says is possible is possible.
    assert Judge(known, Rule(0.0083)).threshold == 1 / 121


def test_classes_are_calibrated_apart_and_small_ones_together_by_the_counts_of_the_fit() -> None:
    rng = np.random.default_rng(0)
    classes = rng.choice(4, 600, p=[0.5, 0.4, 0.05, 0.05])
    scores = rng.normal(10.0 * classes)
    known = Calibration({"h": scores}, classes, np.array([1000, 800, 60, 60]))
    judge = Judge(known, Rule(0.05, by_class=True))
    assert judge.group_of_class is not None
    assert judge.group_of_class.tolist() == [0, 1, 2, 2]
    # A score that is ordinary among all is odd in its class; p-values are those within the group, exactly.
    found = judge({"h": np.array([6.0, 6.0])}, np.array([0, 1]))
    assert found.flag.tolist() == [True, False]
    own = scores[classes == 0]
    assert found.p["h"][0] == (1 + (own >= 6.0).sum()) / (len(own) + 1)
    with pytest.raises(
        ConfigError, match=r"needs 99 calibration samples for the classes 2, 3 together"
    ):
        Judge(known, Rule(0.01, by_class=True))
    with pytest.raises(ConfigError, match="--by-class needs the classes"):
        Judge(Calibration({"h": scores}), Rule(0.05, by_class=True))


def test_the_level_holds_over_calibration_sets_for_dependent_layers() -> None:
    """At 1, 5 and 10 % over draws of m = 199, three layers of any correlation; three standard deviations of the mean."""
    rng = np.random.default_rng(7)
    draws, inputs, m = 60, 200, 199
    for shared in (0.0, 0.7, 1.0):
        rates = []
        for _ in range(draws):
            common = rng.normal(size=(m + inputs, 1))
            rows = shared * common + np.sqrt(1 - shared**2) * rng.normal(size=(m + inputs, 3))
            p = joint_p(rows[m:], rows[:m])
            rates.append([(p <= level).mean() for level in (0.01, 0.05, 0.1)])
        mean, deviation = np.mean(rates, axis=0), np.std(rates, axis=0) / np.sqrt(draws)
        assert (mean <= np.array([0.01, 0.05, 0.1]) + 3 * deviation).all(), (shared, mean)


def test_the_confidence_of_certain_holds_for_all_layers_together() -> None:
    """The realised rate of one calibration set is at most 5 % in at least 95 % of sets, three deviations below that at the least."""
    rng = np.random.default_rng(3)
    draws, inputs, m = 200, 4000, 120
    for shared in (0.0, 0.8):
        kept = []
        for _ in range(draws):
            common = rng.normal(size=(m + inputs, 1))
            rows = shared * common + np.sqrt(1 - shared**2) * rng.normal(size=(m + inputs, 3))
            parts = [dict(zip("abc", part.T, strict=True)) for part in (rows[:m], rows[m:])]
            judge = Judge(Calibration(parts[0]), Rule(0.05, certain=0.95))
            kept.append(judge(parts[1]).flag.mean() <= 0.05)
        assert judge.m == 90
        assert np.mean(kept) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws), shared


def test_certain_of_all_layers_judges_each_input_by_one_function() -> None:
    """Flags with a fixed scale are those of the order statistics of one score, whatever else is in the batch."""
    rng = np.random.default_rng(4)
    known = Calibration({name: rng.normal(size=400) for name in "ab"})
    judge = Judge(known, Rule(0.01, certain=0.95))
    inputs = {name: rng.normal(1, 1, 300) for name in "ab"}
    p = judge(inputs).p["fused"]
    alone = [judge({n: v[[i]] for n, v in inputs.items()}).p["fused"][0] for i in range(0, 300, 7)]
    assert p[::7].tolist() == alone
    assert set(np.round(p * 301).astype(int).tolist()) <= set(range(1, 302))
    np.testing.assert_allclose(p * 301, np.round(p * 301), atol=1e-9)
    with pytest.raises(ConfigError, match="needs 398 calibration samples; there are 397"):
        Judge(known.take(np.arange(397)), Rule(0.01, certain=0.95))


def test_p_values_from_elsewhere_are_told() -> None:
    rng = np.random.default_rng(0)
    m = 299
    alike = [uniformity(_counts(rng.normal(size=400), rng.normal(size=m)), m) for _ in range(100)]
    # One calibration set for all inputs: the level must hold although they share it.
    assert np.mean(np.asarray(alike) < 0.05) <= 0.12
    assert uniformity(_counts(rng.normal(0.5, 1, 400), rng.normal(size=m)), m) < 1e-3
    assert uniformity(_counts(rng.normal(-0.5, 1, 400), rng.normal(size=m)), m) < 1e-3
    assert uniformity([], m) == 1.0


def _counts(scores: np.ndarray, known: np.ndarray) -> list[tuple[float, int]]:
    values, counts = np.unique(p_values(scores, known), return_counts=True)
    return [*zip(values.tolist(), counts.tolist(), strict=True)]
