"""Metrics of generated molecules. Everything is counted on canonical SMILES, over all requested samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from typing_extensions import Unpack

from taskloom_diffusion.corpora.polymer_unit import is_polymer, repeat_unit
from taskloom_diffusion.corpora.split import ranked
from taskloom_diffusion.metrics.base import MetricSuite

if TYPE_CHECKING:
    import numpy as np

    from taskloom_diffusion.corpora.corpus import Corpus

# Similarities are made in blocks of this many rows and columns, whatever the number of molecules.
_ROWS, _COLUMNS = 1024, 8192
PROPERTIES = ("weight", "logp", "tpsa", "qed", "rings", "heavy_atoms")


class MoleculeMetrics(MetricSuite):
    """Validity, uniqueness, novelty, diversity, properties of molecules."""

    kind: Literal["molecules"] = "molecules"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return molecule_metrics(samples, corpus.train, canonical_train=corpus.canonical)

    def shares(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return counted(samples, corpus.train, canonical_train=corpus.canonical).shares


class PolymerMetrics(MetricSuite):
    """Metrics of molecules, where valid ones have two stars of degree 1.

    The stars end the repeat unit; RDKit must parse it, too.
    """

    kind: Literal["polymers"] = "polymers"

    def compute(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        # A polymer does not depend on where its maker cut the chain.
        return molecule_metrics(samples, corpus.train, **self._rules)

    def shares(self, samples: Sequence[str], corpus: Corpus) -> Mapping[str, float]:
        return counted(samples, corpus.train, **self._rules).shares

    @property
    def _rules(self) -> Rules:
        return Rules(
            accepts=is_polymer,
            canonical_form=lambda text: repeat_unit(text) or text,
            canonical_train=False,
        )


class Rules(TypedDict, total=False):
    """Rules by which molecules are counted; see `molecule_metrics`."""

    accepts: Callable[[Any], bool]
    canonical_form: Callable[[str], str]
    canonical_train: bool


class Counted(NamedTuple):
    """Samples that were counted.

    Attributes:
        shares: Shares by name.
        molecules: The valid ones, repeats included.
        names: Their names.
    """

    shares: dict[str, float]
    molecules: list[Any]
    names: list[str]


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


def molecule_metrics(
    samples: Sequence[str], train: Sequence[str], **rules: Unpack[Rules]
) -> dict[str, float]:
    """Return validity, uniqueness, novelty, diversity and property distances.

    Args:
        samples: Generated SMILES; all of them are in the denominators of the three shares.
        train: SMILES of the training corpus.
        rules: Rules of `counted`.

    Returns:
        `valid`, `unique` (distinct valid ones, stereo marks and isotopes kept), `novel` (distinct valid ones that training has not)
        over all samples; `unique_of_valid` and `novel_of_unique` as the literature quotes them; `unique@1000` and `unique@10000`
        of the first valid ones, where there are as many; `diversity` and `diversity_2` are MOSES' IntDiv and IntDiv2 of all valid
        ones, repeats included; `distance/<property>` the Wasserstein-1 distance to the corpus. With no valid sample the
        shares are 0 and distances are left out.
    """
    result, molecules, names = counted(samples, train, **rules)
    for k in (1000, 10_000):
        if len(names) >= k:
            result[f"unique@{k}"] = len(set(names[:k])) / k
    if molecules:
        result |= internal_diversities(molecules)
        result |= property_distances(molecules, train)
    return result


def counted(
    samples: Sequence[str],
    train: Sequence[str],
    *,
    accepts: Callable[[Any], bool] = lambda _: True,
    canonical_form: Callable[[str], str] = lambda text: text,
    canonical_train: bool = True,
) -> Counted:
    """Return the shares of valid, distinct and new molecules, with the molecules that were counted.

    Args:
        samples: Generated SMILES; all of them are in the denominators of `valid`, `unique` and `novel`.
        train: SMILES of the training corpus.
        accepts: What a parsed molecule must also satisfy to be valid.
        canonical_form: The name by which two canonical SMILES are one thing, as the repeat unit of polymers.
        canonical_train: Whether the training SMILES are such names already; otherwise every one is parsed.
    """
    from rdkit import Chem  # RDKit is heavy

    molecules = [m for m in map(parse, samples) if m is not None and accepts(m)]
    names = [canonical_form(Chem.MolToSmiles(m)) for m in molecules]
    distinct = set(names)
    known = set(train) if canonical_train else _canonical_set(train, canonical_form)
    num_new, total = len(distinct - known), max(len(samples), 1)
    shares = {
        "valid": len(molecules) / total,
        "unique": len(distinct) / total,
        "novel": num_new / total,
        "unique_of_valid": len(distinct) / max(len(molecules), 1),
        "novel_of_unique": num_new / max(len(distinct), 1),
    }
    return Counted(shares, molecules, names)


def _canonical_set(texts: Sequence[str], canonical_form: Callable[[str], str]) -> set[str]:
    """Return the canonical SMILES of the texts that are molecules."""
    from rdkit import Chem  # RDKit is heavy

    molecules = (parse(text) for text in texts)
    return {canonical_form(Chem.MolToSmiles(m)) for m in molecules if m is not None}


def internal_diversities(molecules: Sequence[Any]) -> dict[str, float]:
    """Return MOSES' IntDiv and IntDiv2 of molecules, repeats included; Morgan radius 2, 1,024 bits.

    IntDiv is 1 - mean T over all ordered pairs, self-pairs included. IntDiv2 is 1 - mean_i sqrt(mean_j T_ij^2), which is
    the arithmetic of the package and not the formula in its paper.
    """
    import numpy as np  # numpy is heavy

    first = second = 0.0
    for weight, mean, squares in similarity_rows(fingerprints(molecules)):
        first += float(weight @ mean)
        second += float(weight @ np.sqrt(squares))
    return {"diversity": 1.0 - first, "diversity_2": 1.0 - second}


def similarity_rows(bits: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, in blocks of the fingerprints that differ, their weights, and their means of T and of T^2 to all.

    Args:
        bits: Fingerprints (N, B) of zeros and ones; the weights of all blocks add up to 1.
    """
    import numpy as np  # numpy is heavy

    # Repeats weigh as often as they come, so that a collapsed sampler is not asked about each of its copies.
    kinds, counts = np.unique(np.packbits(bits.astype(bool), axis=1), axis=0, return_counts=True)
    bits = np.unpackbits(kinds, axis=1).astype(np.float32)
    weight = counts / counts.sum()
    for rows in range(0, len(bits), _ROWS):
        mean = np.zeros(len(bits[rows : rows + _ROWS]))
        squares = np.zeros_like(mean)
        for columns in range(0, len(bits), _COLUMNS):
            # Products of zeros and ones are exact in float32: counts stay below 2^24.
            part = tanimoto(bits[rows : rows + _ROWS], bits[columns : columns + _COLUMNS])
            mean += part @ weight[columns : columns + _COLUMNS]
            squares += (part.astype(np.float64) ** 2) @ weight[columns : columns + _COLUMNS]
        yield weight[rows : rows + _ROWS], mean, squares


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
    """Return the Wasserstein-1 distance of every property to `reference` training molecules, those of the smallest ranks."""
    from scipy.stats import wasserstein_distance  # scipy is heavy

    chosen = train if len(train) <= reference else [train[i] for i in ranked(train)[:reference]]
    theirs = properties([m for m in map(parse, chosen) if m is not None])
    ours = properties(molecules)
    if not theirs["weight"]:
        return {}
    return {
        f"distance/{name}": float(wasserstein_distance(ours[name], theirs[name]))
        for name in PROPERTIES
    }
