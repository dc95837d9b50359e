"""The training molecules that GuacaMol's scores are taken against, described once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskloom_diffusion.chemistry.frechet import FrechetTarget, GaussianFit, moments
from taskloom_diffusion.chemistry.guacamol import GuacaMolProperties, descriptors
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import GUACAMOL_SIZE, TrainingMolecules
from taskloom_diffusion.chemistry.shelf import Kept, kept


@dataclass(frozen=True)
class GuacaMolReference:
    """TrainingMolecules molecules of the smallest ranks.

    Attributes:
        count: Number of molecules.
        properties: Theirs, in the order of the ranks.
        target: The reference of the Frechet distance; None where there are no weights.
    """

    count: int
    properties: GuacaMolProperties
    target: FrechetTarget | None


def guacamol_reference(training: TrainingMolecules, *, with_chemnet: bool) -> GuacaMolReference:
    """Return the reference of GuacaMol's scores, from the cache if it has been made before.

    Args:
        training: What the model was trained on.
        with_chemnet: Whether the Frechet distance will be asked for.
    """

    def make() -> Kept:
        found = MoleculeSet(training.by_rank(GUACAMOL_SIZE))
        made = descriptors(found.distinct)
        arrays = {f"continuous {name}": values for name, values in made.continuous.items()}
        arrays |= {f"whole {name}": values for name, values in made.whole.items()}
        arrays["bits"] = made.bits
        if with_chemnet:
            theirs = moments(found.activations[found.row])
            arrays |= {"mean": theirs.mean, "covariance": theirs.covariance}
        return Kept(arrays, {"count": len(found)})

    stored = kept("guacamol", training.key + bytes([with_chemnet]), make)
    continuous, whole = (_part(stored, kind) for kind in ("continuous", "whole"))
    count = int(stored.facts["count"])
    target = None
    if with_chemnet:
        target = FrechetTarget(
            GaussianFit(count, stored.arrays["mean"], stored.arrays["covariance"])
        )
    properties = GuacaMolProperties(continuous, whole, stored.arrays["bits"])
    return GuacaMolReference(count, properties, target)


def _part(stored: Kept, kind: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(f"{kind} "): values
        for name, values in stored.arrays.items()
        if name.startswith(f"{kind} ")
    }
