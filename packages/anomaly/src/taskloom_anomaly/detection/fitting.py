"""Fits the configured detector on a problem and scores its test sets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
from taskloom.errors import ConfigError, RunFailedError
from taskloom.seeding import derive_seed

from taskloom_anomaly.backends.layers import no_logits
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset, Samples
from taskloom_anomaly.data.files import are_texts
from taskloom_anomaly.data.form import InputForm
from taskloom_anomaly.data.lazy import as_samples
from taskloom_anomaly.detection.activations import ActivationStore
from taskloom_anomaly.detection.answers import Answers, Calibration, Judge, Rule
from taskloom_anomaly.detection.assembly import DetectionData
from taskloom_anomaly.detection.compiled_fit import fit_compiled, worth_compiling
from taskloom_anomaly.detection.constants import Constants
from taskloom_anomaly.detection.features import (
    Extractor,
    ModelStream,
    classes_of,
    extractor_for,
)
from taskloom_anomaly.detection.fusion import FUSED, Fusion, fuse, fusion_of
from taskloom_anomaly.detection.padding import masked_samples
from taskloom_anomaly.detection.regimes import regime_conflict
from taskloom_anomaly.detectors.base import (
    Detector,
    Features,
    FeatureSpec,
    PositionScorer,
    Split,
    StreamingDetector,
    Tensors,
)
from taskloom_anomaly.detectors.fit import fit, score
from taskloom_anomaly.statistics.standard import ConstantLayerError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from taskloom_anomaly.backends.huggingface import TextModel

_log = logging.getLogger(__name__)

Aggregate: TypeAlias = Literal["max", "mean", "top3"]

LayerScores: TypeAlias = "Mapping[str, Float[np.ndarray, ' n']]"


@dataclass(frozen=True)
class FittedDetector:
    """A detector with what it learned.

    Attributes:
        detector: The arithmetic.
        tensors: What it learned.
        extractor: What it reads off the model.
        calibration: Scores of the held-out samples by layer.
        aggregate: The score of a sample from those of its positions, where every position is scored.
        fusion: The fusion of layers to one score.
        text: The language model with its tokenizer, where texts are scored.
        classes: The class that the network gives each held-out sample; None where it gives no class scores.
        counts: Samples of the fit by the class that the network gives them.
        form: The form that inputs must have; None where an earlier version kept none.
        constants: Features that never vary on the trusted samples; None where that is not known.
        fresh: Normal samples that neither the fit nor the network has seen, against which p-values are taken where there are some.
    """

    detector: Detector
    tensors: Tensors
    extractor: Extractor
    calibration: LayerScores
    aggregate: Aggregate = "max"
    fusion: Fusion = "mean"
    text: TextModel | None = None
    classes: Int[np.ndarray, " m"] | None = None
    counts: Int[np.ndarray, " classes"] | None = None
    form: InputForm | None = None
    constants: Constants | None = None
    fresh: Calibration | None = None

    @property
    def known(self) -> Calibration:
        """The samples against which p-values are taken."""
        if self.fresh is not None:
            return replace(self.fresh, counts=self.counts)
        return Calibration(self.calibration, self.classes, self.counts)

    def calibrated_by(self, answers: Answers) -> FittedDetector:
        """Return the detector with the scores of normal test samples for its p-values; the scales of its layers stay.

        A network gives the samples that it was trained on other activations than those of normal inputs, and a task's trusted samples are often such.
        """
        return replace(self, fresh=Calibration(answers.layer, answers.predicted))

    def samples(self, data: object) -> Samples:
        """Return data in the form that the network takes.

        Args:
            data: Samples: an array, a data set, a data frame; or texts, where the network has a tokenizer.

        Raises:
            ConfigError: They are no samples, or texts and there is no tokenizer.
        """
        if are_texts(data):
            if self.text is None:
                raise ConfigError(
                    "Texts need a folder of Hugging Face as the model: this network has no tokenizer."
                )
            return ArrayDataset(self.text.tokens(data))
        return as_samples(data, "data") if not hasattr(data, "batches") else cast("Samples", data)

    def fused(self, data: object) -> Float[np.ndarray, " n"]:
        """Return one score a sample, over all layers; it raises as `score` does."""
        return self.score(data).fused

    def score(self, data: object) -> Answers:
        """Return scores by layer; higher is more anomalous.

        Args:
            data: Samples: an array, a data set, a data frame; or texts, where the network has a tokenizer.

        Raises:
            ConfigError: They are no samples, or they do not fit the network.
            RunFailedError: A score is not a number.
        """
        samples = self.samples(data)
        scores, classes, outside = scores_of(
            self.detector,
            self.tensors,
            self.extractor,
            samples,
            self.aggregate,
            constants=self.constants,
        )
        for layer, values in scores.items():
            if not np.isfinite(values).all():
                raise RunFailedError(
                    f"The detector's scores of layer '{layer}' are not all numbers."
                )
        return Answers(scores, fuse(scores, self.calibration, self.fusion), classes, outside)

    def pvalue(
        self, data: object, layer: str = FUSED, *, by_class: bool = False
    ) -> Float[np.ndarray, " n"]:
        """Return the p-value of each input: the share of normal ones that look at least as odd, (1 + their number) / (m + 1).

        Args:
            data: Samples, as `score` takes them.
            layer: The layer, or `fused` for all of them together.
            by_class: Whether every predicted class is calibrated by itself.

        Raises:
            ConfigError: The samples do not fit, or there is no such layer.
        """
        answers = self.score(data)
        judge = Judge(self.known, Rule(by_class=by_class, layer=layer), promises=False)
        return np.asarray(judge(answers, answers.predicted).p[layer])

    def flag(
        self,
        data: object,
        fpr: float = 0.01,
        certain: float | None = None,
        *,
        layer: str = FUSED,
        by_class: bool = False,
    ) -> Bool[np.ndarray, " n"]:
        """Return which inputs are flagged at a rate of false alarms.

        Args:
            data: Samples, as `score` takes them.
            fpr: A normal input is flagged with at most this probability, over calibration sets.
            certain: Confidence with which the rate of this calibration set is at most `fpr`.
            layer: The layer, or `fused` for all of them together.
            by_class: Whether every predicted class is calibrated by itself.

        Raises:
            ConfigError: The held-out samples are too few for the rate; the message says how many are needed.
        """
        judge = Judge(self.known, Rule(fpr, certain, by_class, layer))
        answers = self.score(data)
        return judge(answers, answers.predicted).flag


def fit_detector(problem: DetectionData, config: AnomalyConfig) -> FittedDetector:
    """Fit the configured detector in the configured regime.

    Raises:
        ConfigError: The regime denies the detector what it needs, the task does not have it, or there are too few samples.
    """
    conflict = regime_conflict(config.detector.needs, config.regime, problem.untrusted is not None)
    if conflict:
        raise ConfigError(conflict)
    needs = config.detector.needs
    data: dict[Split, Samples] = {}
    if "trusted" in needs:
        data["trusted"] = problem.trusted
    if "untrusted" in needs and problem.untrusted is not None:
        data["untrusted"] = problem.untrusted
    layers = config.layers or problem.layers
    store = ActivationStore(config.activations) if config.activations is not None else None
    detector = config.detector
    if "logits" in detector.needs and not problem.handle.num_outputs:
        raise ConfigError(no_logits(problem.handle))
    extractor = extractor_for(
        problem.handle, layers, config.reduction, config.batch_size, store, detector=detector
    )
    if not layers:
        extractor = _under_the_mask(extractor, problem)
    while True:
        try:
            tensors, fitted_classes, constants = _fit(
                detector, extractor, data, extractor.spec(problem.trusted), config
            )
            break
        except ConstantLayerError as error:
            rest = tuple(name for name in extractor.layers if name != error.layer)
            # A layer that was asked for is refused; of those that are watched by default, one that never varies says nothing.
            if layers or not rest or rest == extractor.layers:
                raise ConfigError(str(error)) from None
            _log.warning("%s It is not watched.", error)
            extractor = replace(extractor, layers=rest)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    # Without trusted data the mixture itself sets the scale; median and deviation bear a minority of anomalies.
    held_out = problem.calibration
    if "trusted" not in needs and config.regime == "untrusted" and problem.untrusted is not None:
        held_out = problem.untrusted
    calibration, classes, _ = scores_of(detector, tensors, extractor, held_out, config.aggregate)
    counts = None
    if fitted_classes is not None:
        counts = np.bincount(fitted_classes, minlength=problem.handle.num_outputs)
    return FittedDetector(
        detector,
        tensors,
        extractor,
        calibration,
        config.aggregate,
        fusion_of(config.fusion, detector),
        classes=classes,
        counts=counts,
        form=InputForm.of(problem.trusted),
        constants=constants,
    )


def _under_the_mask(extractor: Extractor, problem: DetectionData) -> Extractor:
    """Return an extractor without the layers of which the mask does not tell what is padding, where some samples have padding.

    Raises:
        ConfigError: No layer is left.
    """
    sets = [problem.trusted, problem.calibration, problem.untrusted, *problem.test_sets.values()]
    padded = (masked_samples(part, extractor.batch_size) for part in sets if part is not None)
    few = next((inputs for inputs in padded if inputs is not None), None)
    beside = () if few is None else extractor.beside_the_mask(few)
    if not beside:
        return extractor
    rest = tuple(name for name in extractor.layers if name not in beside)
    listed = ", ".join(f"'{name}'" for name in beside)
    if not rest:
        raise ConfigError(
            f"The samples have padding, and no layer has the positions of their mask: {listed}; name others with --layers."
        )
    _log.warning("Not watched, since the mask does not fit their positions: %s.", listed)
    return replace(extractor, layers=rest)


def scores_of(
    detector: Detector,
    tensors: Tensors,
    extractor: Extractor,
    data: Samples,
    aggregate: Aggregate,
    *,
    constants: Constants | None = None,
) -> tuple[
    dict[str, Float[np.ndarray, " n"]],
    Int[np.ndarray, " n"] | None,
    Int[np.ndarray, " n"] | None,
]:
    """Return the scores of samples by layer, those of several positions put together, the class that the network gives each, and departures."""
    classes: list[np.ndarray] = []
    departed: list[np.ndarray] = []

    def watched() -> Iterator[Features]:
        for features in extractor.batches(data):
            classes.extend(classes_of(features))
            if constants is not None:
                departed.append(constants.departed(features))
            yield features

    found = _scores_by_layer(detector, tensors, extractor, watched(), aggregate)
    # In the order of the network: that of a file is another, and a mean over layers would differ in its last bit.
    order = [*(name for name in extractor.layers if name in found)]
    ordered = {name: found[name] for name in [*order, *(n for n in found if n not in order)]}
    predicted, outside = (np.concatenate(part) if part else None for part in (classes, departed))
    return ordered, predicted, outside


def _scores_by_layer(
    detector: Detector,
    tensors: Tensors,
    extractor: Extractor,
    batches: Iterable[Features],
    aggregate: Aggregate,
) -> dict[str, Float[np.ndarray, " n"]]:
    scorer = position_scorer(detector, extractor)
    if scorer is None:
        return score(detector, tensors, batches)
    parts: dict[str, list[np.ndarray]] = {}
    for features in batches:
        for layer, values in scorer.score_positions(tensors, features).items():
            parts.setdefault(layer, []).append(aggregated(values, aggregate))
    return {layer: np.concatenate(values) for layer, values in parts.items()}


def position_scorer(detector: Detector, extractor: Extractor) -> PositionScorer | None:
    """Return the detector if it scores positions one by one, which `--reduction=none` asks for; None if it does not."""
    several = "none" in extractor.reductions.values() and not detector.reads_positions
    return detector if several and isinstance(detector, PositionScorer) else None


def aggregated(values: Float[np.ndarray, "n t"], aggregate: Aggregate) -> Float[np.ndarray, " n"]:
    """Return one score a sample; NaN marks padding."""
    if aggregate == "mean":
        return np.asarray(np.nanmean(values, axis=1))
    if aggregate == "max":
        return np.asarray(np.nanmax(values, axis=1))
    highest = -np.sort(-np.where(np.isnan(values), -np.inf, values), axis=1)[:, :3]
    real = np.isfinite(highest)
    return np.asarray(np.where(real, highest, 0).sum(axis=1) / real.sum(axis=1))


def _fit(
    detector: Detector,
    extractor: Extractor,
    data: Mapping[Split, Samples],
    spec: FeatureSpec,
    config: AnomalyConfig,
) -> tuple[Tensors, Int[np.ndarray, " n"] | None, Constants | None]:
    """Return what the detector learned, and, where the pass tells, the class that the network gives each trusted sample and what never varies."""
    if worth_compiling(detector, extractor, data, spec):
        return fit_compiled(detector, extractor, data, spec), None, None
    stream = ModelStream(
        extractor,
        data,
        reveal="anomaly_labels" in config.detector.needs,
        keep=not isinstance(detector, StreamingDetector),
    )
    tensors = fit(detector, stream, spec, derive_seed(config.seed, "detector"))
    constants = None if stream.ranges is None else stream.ranges.constants(spec.precisions)
    return tensors, stream.classes.get("trusted"), constants


def answer_sets(fitted: FittedDetector, sets: Mapping[str, Samples]) -> dict[str, Answers]:
    """Return the scores of several sets.

    Raises:
        RunFailedError: A score is not a number; the message names the set.
    """
    found = {}
    for name, data in sets.items():
        try:
            found[name] = fitted.score(data)
        except RunFailedError as error:
            raise RunFailedError(
                f"Scoring the samples of '{name}' failed: {error.message}"
            ) from None
    return found


def score_sets(
    fitted: FittedDetector, sets: Mapping[str, Samples]
) -> dict[str, dict[str, Float[np.ndarray, " n"]]]:
    """Return scores by set and layer; the layer `fused` is all layers together."""
    return {name: {**own, FUSED: own.fused} for name, own in answer_sets(fitted, sets).items()}
