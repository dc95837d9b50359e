"""Metrics of generated text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.metrics.base import MetricSuite

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus


class TextMetrics(MetricSuite):
    """Shares of distinct samples and of known words, and entropy of characters."""

    kind: Literal["text"] = "text"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return text_metrics(samples, corpus.train)

    def shares(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        found = text_metrics(samples, corpus.train)
        return {name: found[name] for name in ("unique", "known_words")}


class SequenceMetrics(MetricSuite):
    """Shares of distinct and of new samples; for a toy, distance to its law."""

    kind: Literal["sequences"] = "sequences"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        known = law_metrics(samples, corpus.law) if corpus.law else {}
        return {**sequence_metrics(samples, corpus.train), **known}

    def shares(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return sequence_metrics(samples, corpus.train)


def sequence_metrics(samples: Sequence[str], train: Sequence[str]) -> dict[str, float]:
    """Return the shares of distinct and of new samples, over all samples."""
    known = set(train)
    distinct = set(samples)
    return {
        "unique": len(distinct) / max(len(samples), 1),
        "novelty": sum(s not in known for s in samples) / max(len(samples), 1),
    }


def law_metrics(samples: Sequence[str], law: Mapping[str, float]) -> dict[str, float]:
    """Return how far the samples' frequencies are from a known law, and the law's entropy.

    `total_variation` of finitely many samples is above 0 even for a perfect sampler: about sqrt(cells / samples) / 2.
    """
    counts = Counter(samples)
    total = max(len(samples), 1)
    support = set(law) | set(counts)
    # Sorted: the order of a set differs from process to process, and with it the last digit of the sum.
    distance = sum(abs(counts[s] / total - law.get(s, 0.0)) for s in sorted(support)) / 2
    length = len(next(iter(law)))
    entropy = -sum(p * math.log(p) for p in law.values() if p > 0)
    return {"total_variation": distance, "entropy_per_token": entropy / length}


def text_metrics(samples: Sequence[str], train: Sequence[str]) -> dict[str, float]:
    """Return how much samples look like the corpus' language.

    `known_words` counts words between two spaces, so that words cut by a window's edge do not count.
    """
    vocabulary = {word for text in train for word in text.split()}
    # The first and the last word of a window may be cut.
    inner = [word for s in samples for word in s.split()[1:-1]]
    counts = Counter("".join(samples))
    total = max(sum(counts.values()), 1)
    entropy = -sum(n / total * math.log(n / total) for n in counts.values())
    return {
        "unique": len(set(samples)) / max(len(samples), 1),
        "known_words": sum(word in vocabulary for word in inner) / max(len(inner), 1),
        "character_entropy": entropy,
    }
