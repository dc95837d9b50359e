"""What generated sequences are judged by: configs of metric suites."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from taskloom import Component

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus


class MetricSuite(Component):
    """A set of metrics over generated text; every requested sample is in every denominator."""

    @abstractmethod
    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        """Return numbers by name.

        Args:
            samples: Everything that was generated, failures included.
            corpus: What the model was trained on.
        """


class Molecules(MetricSuite):
    """Validity, uniqueness, novelty, internal diversity and property distances of SMILES."""

    kind: Literal["molecules"] = "molecules"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        from taskloom_diffusion.metrics.molecules import molecule_metrics

        return molecule_metrics(samples, corpus.train, canonical_train=corpus.canonical)


class Polymers(MetricSuite):
    """The same for polymers: valid means that RDKit parses it and exactly two stars of degree 1 end the repeat unit."""

    kind: Literal["polymers"] = "polymers"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        from taskloom_diffusion.metrics.molecules import is_polymer, molecule_metrics

        return molecule_metrics(
            samples, corpus.train, accepts=is_polymer, canonical_train=corpus.canonical
        )


class Texts(MetricSuite):
    """Share of distinct samples, of words the corpus knows, and the entropy of their characters."""

    kind: Literal["text"] = "text"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        from taskloom_diffusion.metrics.text import text_metrics

        return text_metrics(samples, corpus.train)


class Sequences(MetricSuite):
    """Shares of distinct and of new samples, for any text; for a toy also the distance to its law."""

    kind: Literal["sequences"] = "sequences"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        from taskloom_diffusion.metrics.text import law_metrics, sequence_metrics

        known = law_metrics(samples, corpus.law) if corpus.law else {}
        return {**sequence_metrics(samples, corpus.train), **known}
