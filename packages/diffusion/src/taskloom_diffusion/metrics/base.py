"""Base of the metric suites: figures that generated sequences are judged by."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus


class MetricSuite(DiffusionPart):
    """A set of metrics over generated text; every requested sample is in every denominator."""

    @abstractmethod
    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        """Return numbers by name.

        Args:
            samples: Everything that was generated, failures included.
            corpus: The data that the model was trained on.
        """

    # A hook with a default: a suite of one's own may have no shares.
    def shares(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        """Return the shares of the samples among what `compute` returns, under the same names, without its slower figures."""
        del samples, corpus
        return {}


# Before 0.2 all suites stood here.
__getattr__ = old_names(__name__)
