"""Numbers of a molecule: logP, synthetic accessibility, drug-likeness, weight, and those of GuacaMol."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from taskloom_diffusion.chemistry.inert import Reader
from taskloom_diffusion.chemistry.shelf import Kept, kept, key_of

Measure: TypeAlias = Callable[[Any], float]
# Of a fragment that the table lacks; ends of the raw score; a ring above this size counts as a macrocycle.
_UNKNOWN, _LOWEST, _HIGHEST, _LARGE_RING = -4.0, -4.0, 2.5, 8


def moses_measures() -> Mapping[str, Measure]:
    """Return the four properties of MOSES: logP, SA, QED, weight [Da]."""
    from rdkit.Chem import QED, Crippen, Descriptors  # RDKit is heavy

    of_weight: Any = Descriptors.MolWt  # type: ignore[attr-defined]  # RDKit makes it when it is imported
    of_logp: Any = Crippen.MolLogP  # type: ignore[attr-defined]  # RDKit makes it when it is imported
    of_qed: Any = QED.qed
    return {"logP": of_logp, "SA": synthetic_accessibility, "QED": of_qed, "weight": of_weight}


def guacamol_measures() -> tuple[Mapping[str, Measure], Mapping[str, Measure]]:
    """Return GuacaMol's continuous properties, and those that are whole numbers."""
    from rdkit.Chem import (
        Crippen,
        Descriptors,
        GraphDescriptors,
        rdMolDescriptors,
    )  # RDKit is heavy

    continuous: dict[str, Any] = {
        "BertzCT": GraphDescriptors.BertzCT,
        "MolLogP": Crippen.MolLogP,  # type: ignore[attr-defined]  # RDKit makes it when it is imported
        "MolWt": Descriptors.MolWt,  # type: ignore[attr-defined]  # RDKit makes it when it is imported
        "TPSA": rdMolDescriptors.CalcTPSA,
    }
    whole: dict[str, Any] = {
        "NumHAcceptors": rdMolDescriptors.CalcNumHBA,
        "NumHDonors": rdMolDescriptors.CalcNumHBD,
        "NumRotatableBonds": rdMolDescriptors.CalcNumRotatableBonds,
        "NumAliphaticRings": rdMolDescriptors.CalcNumAliphaticRings,
        "NumAromaticRings": rdMolDescriptors.CalcNumAromaticRings,
    }
    return continuous, whole


def synthetic_accessibility(molecule: Any) -> float:  # noqa: ANN401 -- an RDKit molecule
    """Return the score of Ertl and Schuffenhauer (2009) from 1, easy, to 10; to 1e-9 that of RDKit's `sascorer`.

    RDKit's own module unpickles its table of fragments; here it is read as data.
    """
    from rdkit import Chem  # RDKit is heavy
    from rdkit.Chem import rdMolDescriptors

    found = _counting().GetSparseCountFingerprint(molecule).GetNonzeroElements()
    counts = np.fromiter(found.values(), dtype=np.float64, count=len(found))
    scores = _fragment_scores(np.fromiter(found, dtype=np.int64, count=len(found)))
    of_fragments = float(scores @ counts / counts.sum())
    atoms = molecule.GetNumAtoms()
    centres = len(Chem.FindMolChiralCenters(molecule, includeUnassigned=True))  # type: ignore[no-untyped-call]  # RDKit leaves it untyped
    rings = molecule.GetRingInfo().AtomRings()
    penalty = atoms**1.005 - atoms
    penalty += math.log10(centres + 1)
    penalty += math.log10(rdMolDescriptors.CalcNumSpiroAtoms(molecule) + 1)
    penalty += math.log10(rdMolDescriptors.CalcNumBridgeheadAtoms(molecule) + 1)
    penalty += math.log10(2) if any(len(ring) > _LARGE_RING for ring in rings) else 0.0
    # Not in the paper: symmetric molecules have few kinds of fragments, and are easier than their size says.
    symmetry = 0.5 * math.log(atoms / len(found)) if atoms > len(found) else 0.0
    raw = of_fragments - penalty + symmetry
    score = 11.0 - (raw - _LOWEST + 1) / (_HIGHEST - _LOWEST) * 9.0
    if score > 8.0:  # the far end is smoothed
        score = 8.0 + math.log(score - 8.0)
    return float(min(max(score, 1.0), 10.0))


@lru_cache(maxsize=1)
def _counting() -> Any:  # noqa: ANN401 -- RDKit's generator
    from rdkit.Chem import rdFingerprintGenerator  # RDKit is heavy

    return rdFingerprintGenerator.GetMorganGenerator(radius=2)


def _fragment_scores(keys: np.ndarray) -> np.ndarray:
    known, scores = _fragment_table()
    # A table of 700,000 in order is searched in less time than a dictionary of it takes to build.
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, scores[place], _UNKNOWN)


@lru_cache(maxsize=1)
def _fragment_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the fragments' hashes in order, and their scores."""
    from rdkit import RDConfig  # RDKit is heavy

    path = Path(RDConfig.RDContribDir) / "SA_Score" / "fpscores.pkl.gz"

    def convert() -> Kept:
        with gzip.open(path, "rb") as stream:
            rows: list[list[Any]] = Reader().read(stream)  # type: ignore[arg-type]  # a file of bytes like any other
        keys = np.concatenate([np.array(row[1:], dtype=np.int64) for row in rows])
        scores = np.repeat([float(row[0]) for row in rows], [len(row) - 1 for row in rows])
        # Of a fragment that is listed twice, the last score counts in RDKit's own reading.
        order = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
        return Kept({"keys": keys[order], "scores": scores[order]})

    table = kept("sa_fragments", key_of(path), convert).arrays
    return table["keys"], table["scores"]
