"""The headline of a training: the held-out bound, beside an n-gram of the same tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from taskloom.headline import Baseline, Figure, Headline
from taskloom.outcome import headline_of
from taskloom.statistics.differences import Difference
from taskloom.statistics.distributions import normal_quantile
from taskloom.statistics.intervals import Interval
from taskloom.statistics.shares import ratio_interval, share_interval
from taskloom.units import UnitValues
from taskloom.wording import Words, format_value

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.evaluation.bound import Bound
from taskloom_diffusion.evaluation.ngram import JudgedNGram
from taskloom_diffusion.training.batches import TokenStore

_LEVEL = 0.95
# Names of figures of the samples, and the words for them; the first three that a run has are shown.
_OF_MOLECULES = {
    "valid": "valid",
    "unique": "valid and unique",
    "novel": "valid, unique and new",
}
_OF_TEXTS = {
    "known_words": "known words",
    "unique": "unique",
    "novelty": "not in the training corpus",
}
# A share of these has the samples for its denominator; words are not independent of one another.
_COUNTED = {"valid", "unique", "novel", "novelty"}
_MOST = 3


def headline(
    bound: Bound,
    ngram: JudgedNGram,
    judged: Mapping[str, float],
    num_samples: int,
    of_corpus: Mapping[str, float],
) -> Headline:
    """Return the headline of a training.

    Both figures are ratios of sums over the same sequences, and the difference is paired by sequence. The n-gram's is
    exact and the model's a bound from above: the sentences say so.

    Args:
        bound: The bound on the held-out sequences.
        ngram: The n-gram on the same sequences.
        judged: Figures of the samples.
        num_samples: Samples that were drawn.
        of_corpus: Shares of as many sequences of the test part, under the same names; empty if there are too few.
    """
    value = bound.nats_per_token
    own = _own(bound)
    baseline: Baseline | str = "the bound is not finite"
    if math.isfinite(value):
        # An n-gram has no command: it is made beside each run.
        theirs = ratio_interval(ngram.nats.tolist(), ngram.tokens.tolist(), level=_LEVEL)
        apart = ngram.difference([nats for nats, _ in bound.each])
        name = f"a {ngram.order}-gram of the training tokens"
        difference = Difference(apart, value, theirs.estimate, paired=True)
        baseline = Baseline.measured(name, "made beside each run", theirs, difference)
    shown = format_value(value, own.half_width)
    return headline_of(
        metric="nelbo/nats_per_token",
        title=f"Held-out cross-entropy, {bound.kind}",
        own=own,
        better="lower",
        baseline=baseline,
        words=Words(
            subject="The model's bound",
            verb="is",
            unit="nats per token",
            units="sequences",
            lever="Train longer: `--train.steps`.",
        ),
        unit="nats per token",
        alone=f"The model's bound is {shown} nats per token, on a single sequence.",
        companions=_companions(judged, num_samples, of_corpus),
    )


def units_of(bound: Bound, ngram: JudgedNGram, test: TokenStore) -> UnitValues:
    """Return nats and tokens of each held-out sequence; whatever was trained, the sequences are those of the test part.

    Args:
        bound: The bound on them.
        ngram: The n-gram, which knows how many tokens each has.
        test: The sequences.
    """
    nats = np.array([nats for nats, _ in bound.each])
    solver = {*DiffusionConfig.model_fields, "seed"}
    drawn = {"test": test.fingerprint()}
    return UnitValues(
        "sequence", nats, np.arange(len(nats)), solver, weight=ngram.tokens, drawn=drawn
    )


def _own(bound: Bound) -> Interval:
    value, error = bound.nats_per_token, bound.standard_error
    if error is None or not math.isfinite(value):
        reason = "drawn once" if math.isfinite(value) else "the bound is not finite"
        return Interval(value, None, None, _LEVEL, bound.num_sequences, "ratio", no_interval=reason)
    half = normal_quantile(0.5 + _LEVEL / 2) * error
    return Interval(value, value - half, value + half, _LEVEL, bound.num_sequences, "ratio", error)


def _companions(
    judged: Mapping[str, float], num_samples: int, of_corpus: Mapping[str, float]
) -> tuple[Figure, ...]:
    found: list[Figure] = []
    for name, label in (_OF_MOLECULES if "valid" in judged else _OF_TEXTS).items():
        if name in judged and len(found) < _MOST:
            share, notes = judged[name], []
            if name in _COUNTED:
                ends = share_interval(round(share * num_samples), num_samples, level=_LEVEL)
                notes.append(f"{100 * (ends.low or 0):.1f} % to {100 * (ends.high or 0):.1f} %")
            if name in of_corpus:
                notes.append(f"the corpus {100 * of_corpus[name]:.1f} %")
            found.append(Figure(label, f"{100 * share:.1f} %", "; ".join(notes)))
    return tuple(found)
