"""The reasons for a score: the layer that finds an input odd, the trusted samples that are nearest there, and the parts of it that count.

A part counts by what the score loses when the part is replaced by what trusted samples have there: for any network and any detector,
without a gradient through either. Whether the parts are the reason is checked by replacing the tenth of them that counts most, all at once,
and scoring again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.data.arrays import ArrayDataset, Samples
from taskloom_anomaly.data.named import NamedArrays, mask_of
from taskloom_anomaly.detection.answers import Judge, Rule
from taskloom_anomaly.detection.fitting import FittedDetector
from taskloom_anomaly.detection.fusion import FUSED

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from taskloom_anomaly.data.named import Inputs

# Parts of an input that are replaced one by one; of a larger one neighbours go together.
_MOST_PARTS = 1024
_NEIGHBOURS = 5
# Trusted samples that are looked at.
_MOST_TRUSTED = 2000


@dataclass(frozen=True, eq=False)
class InputReasons:
    """The reasons for the score of an input.

    Attributes:
        p: p-values by layer, and `fused`.
        layer: The layer with the least p-value.
        score: The score there.
        neighbours: The nearest trusted samples in that layer, by their place, and their distances in deviations of its features.
        usual: The median distance of a trusted sample to its own nearest ones.
        parts: The part of the input that each of its entries belongs to, in the shape of the input.
        losses: What the score loses when each part is replaced.
        without: The score without the tenth of the parts that counts most.
        p_without: The p-value of that layer without them.
    """

    p: Mapping[str, float]
    layer: str
    score: float
    neighbours: list[tuple[int, float]]
    usual: float
    parts: Int[np.ndarray, ...]
    losses: Float[np.ndarray, " parts"]
    without: float
    p_without: float

    @property
    def top(self) -> Int[np.ndarray, " k"]:
        """The tenth of the parts that counts most, those first that count more."""
        return np.argsort(-self.losses, kind="stable")[: max(len(self.losses) // 10, 1)]

    @property
    def heat(self) -> Float[np.ndarray, ...]:
        """The losses in the shape of the input."""
        return np.asarray(self.losses[self.parts])

    def sentences(self) -> list[str]:
        """Return the reasons in words, the most important first."""
        (first, distance), *_ = self.neighbours
        kept = self.score - self.without
        share = kept / self.score if self.score > 0 else float("nan")
        said = [
            f"Layer '{self.layer}' finds the input oddest: p = {self.p[self.layer]:.2g} there, {self.p[FUSED]:.2g} over all layers.",
            f"The nearest trusted sample is number {first}, {distance:.3g} deviations away, where trusted samples are"
            f" {self.usual:.3g} from theirs.",
            f"Replacing {len(self.top):,} of {len(self.losses):,} parts by what trusted samples have there takes the score from"
            f" {self.score:.4g} to {self.without:.4g}"
            + (f" ({100 * share:.0f} % of it)" if np.isfinite(share) else "")
            + f", and p to {self.p_without:.2g}.",
        ]
        if self.p_without <= self.p[self.layer]:
            said.append("So these parts alone are not the reason.")
        return said


def explain(
    fitted: FittedDetector, inputs: Inputs, trusted: Samples, layer: str = ""
) -> InputReasons:
    """Return the reasons for the score of one input.

    Args:
        fitted: The detector.
        inputs: The input, as a batch of one.
        trusted: Trusted samples of the same form.
        layer: The layer to look into; that with the least p-value unless given.

    Raises:
        ConfigError: The samples do not fit, or there is no such layer.
    """
    judge = Judge(fitted.known, Rule(layer=layer or FUSED), promises=False)
    answers = fitted.score(ArrayDataset(inputs))
    p = {name: float(values[0]) for name, values in judge(answers).p.items()}
    if layer in ("", FUSED):
        # Of layers with equal p-values, the one whose score stands out most.
        layer = min(answers, key=lambda name: (p[name], -_standing(answers[name][0], fitted, name)))
    few = trusted.take(slice(_MOST_TRUSTED)).arrays()
    neighbours, usual = _nearest(fitted, inputs, few, layer)
    parts = _parts_of(inputs)
    usual_input = _usual(few.inputs, inputs)
    count = int(parts.max()) + 1
    losses = np.empty(count)
    score = float(answers[layer][0])
    size = fitted.extractor.batch_size
    for start in range(0, count, size):
        several = np.arange(start, min(start + size, count))
        masks = parts[None] == several.reshape(-1, *[1] * parts.ndim)
        found = fitted.score(ArrayDataset(_replaced(inputs, usual_input, masks)))
        losses[several] = score - found[layer]
    order = np.argsort(-losses, kind="stable")[: max(count // 10, 1)]
    without = fitted.score(
        ArrayDataset(_replaced(inputs, usual_input, np.isin(parts, order)[None]))
    )
    return InputReasons(
        p,
        layer,
        score,
        neighbours,
        usual,
        parts,
        losses,
        float(without[layer][0]),
        float(judge(without).p[layer][0]),
    )


def _standing(score: float, fitted: FittedDetector, layer: str) -> float:
    known = fitted.calibration[layer]
    return float((score - np.median(known)) / (known.std() or 1.0))


def _nearest(
    fitted: FittedDetector, inputs: Inputs, trusted: ArrayDataset, layer: str
) -> tuple[list[tuple[int, float]], float]:
    """Return the nearest trusted samples in a layer, and how far trusted samples are from one another."""
    watched = layer if layer in fitted.extractor.layers else fitted.extractor.layers[-1]

    def rows(data: ArrayDataset) -> np.ndarray:
        found = [f.activations[watched] for f in fitted.extractor.batches(data)]
        return np.concatenate(found).astype(np.float64)

    known, own = rows(trusted), rows(ArrayDataset(inputs))
    known, own = known.reshape(len(known), -1), own.reshape(1, -1)
    if known.shape[1] != own.shape[1]:
        raise ConfigError("The input and the trusted samples differ in length; neighbours cannot be found.")  # fmt: skip
    spread = known.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0) * np.sqrt(known.shape[1])
    apart = np.linalg.norm((known - own) / spread, axis=1)
    order = np.argsort(apart, kind="stable")[:_NEIGHBOURS]
    among = (known[:200, None] - known[None, :500]) / spread if known.shape[1] <= 512 else None
    if among is None:
        inside = np.array([np.sort(np.linalg.norm((known - row) / spread, axis=1))[1] for row in known[:50]])  # fmt: skip
    else:
        inside = np.sort(np.linalg.norm(among, axis=2), axis=1)[:, 1]
    return [(int(i), float(apart[i])) for i in order], float(np.median(inside))


def _parts_of(inputs: Inputs) -> Int[np.ndarray, ...]:
    """Return the part that each entry of an input belongs to: tokens, columns, pixels with their channels, or squares of pixels."""
    first = inputs.first if isinstance(inputs, NamedArrays) else inputs
    shape = first.shape[1:]
    if len(shape) < 2:
        size = shape[0] if shape else 1
        step = -(-size // _MOST_PARTS)
        return (np.arange(size) // step).reshape(shape)
    # Channels go together, wherever they are.
    space = shape if len(shape) == 2 else shape[1:] if shape[0] in (1, 3) else shape[:2]
    step = 1
    while -(-space[0] // step) * -(-space[1] // step) > _MOST_PARTS:
        step += 1
    columns = -(-space[1] // step)
    grid = (np.arange(space[0]) // step)[:, None] * columns + (np.arange(space[1]) // step)[None]
    if len(shape) == 2:
        return grid
    whole = grid[None] if space == shape[1:] else grid.reshape(*grid.shape, *[1] * (len(shape) - 2))
    return np.broadcast_to(whole, shape)


def _usual(trusted: Inputs, inputs: Inputs) -> np.ndarray:
    """Return what trusted samples have in the place of each entry: the median, and of tokens the one that is there most often."""
    known = trusted.first if isinstance(trusted, NamedArrays) else trusted
    own = inputs.first if isinstance(inputs, NamedArrays) else inputs
    if known.shape[1:] != own.shape[1:]:
        raise ConfigError(
            f"The trusted samples have the shape {known.shape[1:]}, and the input {own.shape[1:]}: they must be alike."
        )
    if own.dtype.kind == "f":
        return np.asarray(np.median(known, axis=0).astype(own.dtype))
    flat = known.reshape(len(known), -1)
    usual = [np.bincount(column - column.min()).argmax() + column.min() for column in flat.T]
    return np.asarray(usual, own.dtype).reshape(own.shape[1:])


def _replaced(inputs: Inputs, usual: np.ndarray, masks: Bool[np.ndarray, "n ..."]) -> Inputs:
    """Return the input once for each mask, with what the mask covers replaced; padding stays as it is."""
    first = inputs.first if isinstance(inputs, NamedArrays) else inputs
    real = mask_of(inputs)
    if real is not None and real.shape[1:] == first.shape[1:]:
        masks = masks & real
    found = np.where(masks, usual[None], first)
    if not isinstance(inputs, NamedArrays):
        return found
    names = list(inputs.arrays)
    rest = {name: np.repeat(inputs.arrays[name], len(masks), axis=0) for name in names[1:]}
    return NamedArrays({names[0]: found, **rest})
