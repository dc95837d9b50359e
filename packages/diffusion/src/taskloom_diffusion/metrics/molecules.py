"""Metrics of generated molecules. Everything is counted on canonical SMILES, over all requested samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from taskloom_diffusion.metrics.base import MetricSuite

if TYPE_CHECKING:
    import numpy as np

    from taskloom_diffusion.corpora.corpus import Corpus

PROPERTIES = ("weight", "logp", "tpsa", "qed", "rings", "heavy_atoms")


class MoleculeMetrics(MetricSuite):
    """Validity, uniqueness, novelty, diversity, properties of molecules."""

    kind: Literal["molecules"] = "molecules"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return molecule_metrics(samples, corpus.train, canonical_train=corpus.canonical)


class PolymerMetrics(MetricSuite):
    """Metrics of molecules, where valid ones have two stars of degree 1.

    The stars end the repeat unit; RDKit must parse it, too.
    """

    kind: Literal["polymers"] = "polymers"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return molecule_metrics(
            samples, corpus.train, accepts=is_polymer, canonical_train=corpus.canonical
        )


def parse(smiles: str) -> Any | None:  # noqa: ANN401 -- an RDKit molecule; RDKit has no types
    """Return the molecule, or None if RDKit rejects it, or it is empty or more than one word."""
    from rdkit import Chem, rdBase  # RDKit is heavy

    # To RDKit what follows a space is the molecule's name: "C O(" would be methane.
    if len(smiles.split()) != 1 or smiles != smiles.strip():
        return None
    # RDKit writes a line of its own for every rejected string; the rate of them is a metric here.
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def is_polymer(molecule: Any) -> bool:  # noqa: ANN401 -- an RDKit molecule
    """Return whether exactly two stars of degree 1, and no other stars, end the repeat unit."""
    stars = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    return len(stars) == 2 and all(atom.GetDegree() == 1 for atom in stars)


def molecule_metrics(
    samples: Sequence[str],
    train: Sequence[str],
    *,
    accepts: Callable[[Any], bool] = lambda _: True,
    canonical_train: bool = True,
) -> dict[str, float]:
    """Return validity, uniqueness, novelty, diversity and property distances.

    Args:
        samples: Generated SMILES; all of them are in the denominators of the three shares.
        train: SMILES of the training corpus.
        accepts: What a parsed molecule must also satisfy to be valid.
        canonical_train: Whether the training SMILES are canonical already; otherwise every one is parsed.

    Returns:
        `valid`, `unique` (distinct valid ones), `novel` (distinct valid ones that training has not) over all samples;
        `unique_of_valid` and `novel_of_unique` as the literature quotes them; `diversity` 1 - mean Tanimoto of the
        distinct valid ones; `distance/<property>` the Wasserstein-1 distance to the corpus. With no valid sample the
        shares are 0 and distances are left out.
    """
    from rdkit import Chem  # RDKit is heavy

    molecules = [m for m in map(parse, samples) if m is not None and accepts(m)]
    # Not isomeric, like the corpora: a stereo mark must not make a known molecule new.
    distinct = {Chem.MolToSmiles(m, isomericSmiles=False): m for m in molecules}
    known = set(train) if canonical_train else _canonical_set(train)
    new = [s for s in distinct if s not in known]
    total = max(len(samples), 1)
    result = {
        "valid": len(molecules) / total,
        "unique": len(distinct) / total,
        "novel": len(new) / total,
        "unique_of_valid": len(distinct) / max(len(molecules), 1),
        "novel_of_unique": len(new) / max(len(distinct), 1),
    }
    if distinct:
        result["diversity"] = internal_diversity(list(distinct.values()))
        result |= property_distances(list(distinct.values()), train)
    return result


def _canonical_set(texts: Sequence[str]) -> set[str]:
    """Return the canonical SMILES of the texts that are molecules."""
    from rdkit import Chem  # RDKit is heavy

    molecules = (parse(text) for text in texts)
    return {Chem.MolToSmiles(m, isomericSmiles=False) for m in molecules if m is not None}


def internal_diversity(molecules: Sequence[Any]) -> float:
    """Return 1 - mean Tanimoto over all ordered pairs, self-pairs included (MOSES' IntDiv); Morgan radius 2, 1024 bits."""
    # Self-pairs count: without them the figure would not be comparable with MOSES' tables.
    bits = fingerprints(molecules)
    return 1.0 - float(tanimoto(bits, bits).mean())


def fingerprints(molecules: Sequence[Any]) -> np.ndarray:
    """Return Morgan fingerprints (N, 1024) as float32 zeros and ones."""
    import numpy as np  # numpy is heavy
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    return np.stack([generator.GetFingerprintAsNumPy(m) for m in molecules]).astype(np.float32)


def tanimoto(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return Tanimoto similarities (N, M) of binary fingerprints."""
    import numpy as np  # numpy is heavy

    both = left @ right.T
    either = left.sum(1)[:, None] + right.sum(1)[None, :] - both
    # Two molecules without a single bit have nothing in common, rather than 0/0.
    return np.where(either > 0, both / np.maximum(either, 1), 0.0)


def properties(molecules: Sequence[Any]) -> dict[str, list[float]]:
    """Return six properties of each molecule: weight [Da], logP, polar surface [A^2], QED, rings, heavy atoms."""
    from rdkit.Chem import QED, rdMolDescriptors  # RDKit is heavy

    table: dict[str, list[float]] = {name: [] for name in PROPERTIES}
    for m in molecules:
        table["weight"].append(rdMolDescriptors._CalcMolWt(m))
        table["logp"].append(rdMolDescriptors.CalcCrippenDescriptors(m)[0])
        table["tpsa"].append(rdMolDescriptors.CalcTPSA(m))
        table["qed"].append(QED.qed(m))  # type: ignore[no-untyped-call]  # RDKit leaves it untyped
        table["rings"].append(float(rdMolDescriptors.CalcNumRings(m)))
        table["heavy_atoms"].append(float(m.GetNumHeavyAtoms()))
    return table


def property_distances(
    molecules: Sequence[Any], train: Sequence[str], *, reference: int = 500
) -> dict[str, float]:
    """Return the Wasserstein-1 distance of every property to the first `reference` training molecules."""
    from scipy.stats import wasserstein_distance  # scipy is heavy

    theirs = properties([m for m in map(parse, train[:reference]) if m is not None])
    ours = properties(molecules)
    if not theirs["weight"]:
        return {}
    return {
        f"distance/{name}": float(wasserstein_distance(ours[name], theirs[name]))
        for name in PROPERTIES
    }
