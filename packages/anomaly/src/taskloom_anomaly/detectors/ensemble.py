"""Several detectors that are joined by their p-values, without anything to tune.

Each member scores each layer; its score becomes the p-value among held-out trusted samples, and the statistic T over members and layers is the score:

    T(x) = sum_l w_l t(p_l(x)) / sum_l w_l,      t(p) = tan((1/2 - min(p, 1/2)) pi)

Members that say the same count once: with `weights=independent` w_l = 1 / (1 + the mean correlation of l with the others) on the held-out samples.
Trusted samples alone say so; no anomaly enters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError
from taskloom.errors import ConfigError
from taskloom.params.sentences import first_fault
from taskloom.registry.components import load_component
from taskloom.seeding import derive_seed

from taskloom_anomaly.detectors.base import (
    ALL_LAYERS,
    GROUP,
    Detector,
    Features,
    FeatureSpec,
    FeatureStream,
    Need,
    Scores,
    Split,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.output import Energy
from taskloom_anomaly.detectors.short_names import values_of
from taskloom_anomaly.detectors.stream import take
from taskloom_anomaly.statistics.reservoir import stream_keys

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# A member's tensors stand behind its place and this sign.
_OF = "::"
_HELD, _WEIGHTS, _OUTPUT, _CLASSES = (f"{ALL_LAYERS}/{name}" for name in ("held", "weights", "output", "classes"))  # fmt: skip
# Held-out samples fewer than these give no p-values to speak of.
_FEWEST = 10


class Ensemble(TrainedDetector):
    """Several detectors, joined by their p-values on trusted samples."""

    kind: Literal["ensemble"] = "ensemble"
    members: tuple[str, ...] = ("mahalanobis", "mahalanobis:mixture", "knn")
    """Detectors by name, with their defaults; `mahalanobis:mixture` is a mode, `sklearn:X` and `pyod:X` are those of the libraries."""
    output: bool = False
    """Let the energy of the logits join, where the network gives class scores."""
    weights: Literal["equal", "independent"] = "independent"
    """Weights of members and layers: all alike, or less for those that rank the held-out trusted samples as others do."""
    held_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the trusted samples on which p-values are taken; members are fitted on the others."""

    @property
    def needs(self) -> frozenset[Need]:
        """All that a member needs; one that goes by class scores joins where the network gives some."""
        found: set[Need] = {"activations", "trusted"}
        for member in self._listed:
            found |= member.needs
        return frozenset(found - {"logits"})

    @property
    def _listed(self) -> list[Detector]:
        found: list[Detector] = []
        for name in self.members:
            given = values_of(name)
            if name == "mahalanobis":
                # The part of the samples that members see may be fewer than a layer is wide.
                given["shrinkage"] = "oas"
            try:
                member = load_component(GROUP, given["kind"]).model_validate(given)
            except ValidationError as error:
                where, sentence = first_fault(error)
                raise ConfigError(f"'{name}' cannot be a member of an ensemble; {where}: {sentence}.") from None  # fmt: skip
            if not isinstance(member, Detector) or isinstance(member, Ensemble):
                raise ConfigError(f"'{name}' cannot be a member of an ensemble.")
            found.append(member)
        return found

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the tensors of all members, the scores of the held-out samples in order, and the weights.

        Raises:
            ValueError: The trusted samples are too few to hold some out.
        """
        has_classes = spec.num_classes > 1
        rest = _Side(stream, seed, self.held_share, is_held=False)
        fitted: Tensors = {_OUTPUT: np.asarray(self.output and has_classes), _CLASSES: np.asarray(has_classes)}  # fmt: skip
        members = self._all(fitted)
        if not members:
            raise ValueError("All members of this ensemble go by class scores, and the network gives none.")  # fmt: skip
        for place, member in enumerate(members):
            own = fit(member, rest, spec, derive_seed(seed, f"member {place}"))
            fitted |= {f"{place}{_OF}{name}": array for name, array in own.items()}
        held = _Side(stream, seed, self.held_share, is_held=True)
        parts = [self._columns(fitted, features) for features in held.batches("trusted")]
        scores = np.concatenate(parts) if parts else np.zeros((0, 1))
        if len(scores) < _FEWEST:
            raise ValueError(f"An ensemble holds {len(scores)} trusted samples out; at least {_FEWEST} are needed.")  # fmt: skip
        ordered = np.sort(scores, axis=0)
        weights = np.ones(scores.shape[1])
        if self.weights == "independent":
            weights = independent_weights(_ranks(ordered, scores))
        return {**fitted, _HELD: ordered, _WEIGHTS: weights}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return one score a sample, over all members and layers."""
        ordered, weights = fitted[_HELD], fitted[_WEIGHTS]
        p = (1 + _ranks(ordered, self._columns(fitted, features))) / (len(ordered) + 1)
        # Cut at one half: what finds a sample ordinary says nothing, and does not outvote the others.
        terms = np.tan((0.5 - np.minimum(p, 0.5)) * np.pi)
        # Row by row: a product with a vector would round by the size of the batch.
        return {ALL_LAYERS: np.einsum("nl,l->n", terms, weights / weights.sum())}

    def _all(self, fitted: Tensors) -> list[Detector]:
        # Earlier ensembles were refused where there were no class scores.
        has_classes = bool(fitted.get(_CLASSES, True))
        members = [one for one in self._listed if has_classes or "logits" not in one.needs]
        return [*members, *([Energy()] if fitted[_OUTPUT] else [])]

    def _columns(self, fitted: Tensors, features: Features) -> Float[np.ndarray, "n columns"]:
        """Return the scores of all members and layers beside one another, in the order of their names."""
        columns = []
        for place, member in enumerate(self._all(fitted)):
            start = f"{place}{_OF}"
            own = {n.removeprefix(start): a for n, a in fitted.items() if n.startswith(start)}
            found = member.score(own, features)
            columns += [found[layer] for layer in sorted(found)]
        return np.stack(columns, axis=1)


def _ranks(
    ordered: Float[np.ndarray, "m columns"], scores: Float[np.ndarray, "n columns"]
) -> Int[np.ndarray, "n columns"]:
    """Return how many of the held-out samples score at least as high, column by column."""
    found = [
        len(own) - np.searchsorted(own, column, side="left")
        for own, column in zip(ordered.T, scores.T, strict=True)
    ]
    return np.stack(found, axis=1)


def independent_weights(ranks: Float[np.ndarray, "m columns"]) -> Float[np.ndarray, " columns"]:
    """Return 1 / (1 + the mean correlation of each column with the others).

    >>> independent_weights(np.array([[1, 1, 3], [2, 2, 1], [3, 3, 3], [4, 4, 2.]])).round(2).tolist()
    [0.7, 0.7, 1.0]
    """
    count = ranks.shape[1]
    if count < 2:
        return np.ones(count)
    centred = ranks - ranks.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    correlation = unit.T @ unit
    # Of opposite rankings neither says anything twice, and a weight above one would only add noise.
    mean = (correlation.sum(axis=1) - np.diag(correlation)) / (count - 1)
    return np.asarray(1 / (1 + np.maximum(mean, 0.0)))


@dataclass(frozen=True)
class _Side:
    """The trusted samples of a stream on one side of a cut that depends on their places alone."""

    stream: FeatureStream
    seed: int
    share: float
    is_held: bool

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches; only the trusted ones are cut."""
        start = 0
        for features in self.stream.batches(split):
            if split != "trusted":
                yield features
                continue
            # By place and not by a generator: every pass over the stream cuts it alike, whatever its batches are.
            keys = stream_keys(start, len(features), self.seed)
            start += len(features)
            held = keys < np.uint64(int(self.share * 2.0**64))
            yield take(features, np.flatnonzero(held == self.is_held))
