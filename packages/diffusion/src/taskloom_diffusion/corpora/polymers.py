"""Synthetic polymers: repeat units made from monomers by RDKit reactions, so that nothing has to be licensed."""

from __future__ import annotations

from itertools import product
from typing import Any

from taskloom_diffusion.corpora.corpus import Corpus, split_corpus
from taskloom_diffusion.corpora.molecules import canonical

# Reactions of polymer chemistry on one repeat unit; a star is the bond to the next unit.
_VINYL = "[CH2:1]=[C:2]>>*[CH2:1][C:2]*"
_ESTER = "[C:1](=[O:2])[OX2H1].[OX2H1:3][CX4,c:4]>>[C:1](=[O:2])[O:3][*:4]"
_AMIDE = "[C:1](=[O:2])[OX2H1].[NX3;H2:3][CX4,c:4]>>[C:1](=[O:2])[N:3][*:4]"
_URETHANE = "[N:1]=[C:2]=[O:3].[OX2H1:4][CX4,c:5]>>[N:1][C:2](=[O:3])[O:4][*:5]"
_OPEN_ACID = "[C:1](=[O:2])[OX2H1]>>[C:1](=[O:2])*"
_OPEN_ALCOHOL = "[OX2H1:1][CX4,c:2]>>*[O:1][*:2]"
_OPEN_AMINE = "[NX3;H2:1][CX4,c:2]>>*[N:1][*:2]"
_OPEN_ISOCYANATE = "[N:1]=[C:2]=[O:3]>>[N:1][C:2](=[O:3])*"

_SIDE_GROUPS = (
    "C", "CC", "C(C)C", "C(C)(C)C", "CCC", "CCCC", "c1ccccc1", "c1ccc(C)cc1", "c1ccc(Cl)cc1", "c1ccc(OC)cc1",
    "c1ccncc1", "C#N", "Cl", "F", "OC", "OCC", "OC(C)=O", "C(=O)OC", "C(=O)OCC", "C(=O)OCCCC", "C(=O)O", "C(=O)N",
    "C(=O)NC(C)C", "C(=O)OCCO", "C(=O)OCC(CC)CCCC", "N1CCCC1=O", "C(F)(F)F", "S(C)(=O)=O", "[Si](C)(C)C", "CO",
)  # fmt: skip
_LINKERS = (
    "CC", "CCC", "CCCC", "CCCCC", "CCCCCC", "CCCCCCCC", "CCCCCCCCCC", "CC(C)C", "CC(C)(C)C", "CCOCC", "CCOCCOCC",
    "C1CCC(CC1)", "CC1CCC(CC1)C", "c1ccc(cc1)", "c1cccc(c1)", "Cc1ccc(cc1)C", "c1ccc2cc(ccc2c1)",
    "c1ccc(cc1)c1ccc(cc1)", "c1ccc(cc1)Oc1ccc(cc1)", "c1ccc(cc1)C(C)(C)c1ccc(cc1)", "c1ccc(cc1)S(=O)(=O)c1ccc(cc1)",
    "c1ccc(cc1)C(=O)c1ccc(cc1)", "c1ccc(cc1)Cc1ccc(cc1)", "c1cc(C)cc(c1)", "c1cc(F)cc(c1)", "CCSCC", "CC(F)(F)C",
    "CC=CC",
)  # fmt: skip


def synthetic_polymers(num_polymers: int, holdout_share: float, seed: int) -> Corpus:
    """Return canonical repeat units of vinyl polymers, polyesters, polyamides and polyurethanes, each with two stars.

    Args:
        num_polymers: At most this many, chosen by the seed; 0 is all.
        holdout_share: Share held out.
        seed: Of the choice and the split.
    """
    from rdkit import rdBase

    with rdBase.BlockLogs():
        units = [*_vinyls(), *_condensates()]
    texts = sorted({text for unit in units if (text := canonical(unit)) and text.count("*") == 2})
    corpus = split_corpus("synthetic polymers", texts, holdout_share, seed, licence="Apache-2.0")
    if not num_polymers or num_polymers >= len(texts):
        return corpus
    keep = max(1, num_polymers - len(corpus.holdout))
    return Corpus(corpus.name, corpus.train[:keep], corpus.holdout, corpus.licence)


def _vinyls() -> list[str]:
    """Return repeat units of CH2=C(A)(B) for two side groups."""
    groups = ("", *_SIDE_GROUPS)
    react = _reaction(_VINYL)
    monomers = [
        f"C=C({a}){b}" if a else f"C=C{b}" for i, a in enumerate(groups) for b in groups[i:] if b
    ]
    return [unit for monomer in monomers for unit in react(monomer)]


def _condensates() -> list[str]:
    """Return repeat units of two bifunctional monomers joined by one bond, ends opened."""
    ester, amide, urethane = (_reaction(r) for r in (_ESTER, _AMIDE, _URETHANE))
    acid, alcohol, amine, isocyanate = (
        _reaction(r) for r in (_OPEN_ACID, _OPEN_ALCOHOL, _OPEN_AMINE, _OPEN_ISOCYANATE)
    )
    units: list[str] = []
    for left, right in product(_LINKERS, _LINKERS):
        diacid, diol, diamine = f"OC(=O){left}C(=O)O", f"O{right}O", f"N{right}N"
        diisocyanate = f"O=C=N{left}N=C=O"
        chains = (
            (ester(diacid, diol), acid, alcohol),
            (amide(diacid, diamine), acid, amine),
            (urethane(diisocyanate, diol), isocyanate, alcohol),
        )
        for joined, open_left, open_right in chains:
            for dimer in joined[:1]:
                for half in open_left(dimer)[:1]:
                    units += open_right(half)[:1]
    return units


def _reaction(smarts: str) -> Any:  # noqa: ANN401 -- a function of SMILES
    """Return a function from reactants' SMILES to the products' SMILES that RDKit can sanitise."""
    from rdkit import Chem
    from rdkit.Chem import rdChemReactions

    reaction = rdChemReactions.ReactionFromSmarts(smarts)

    def run(*reactants: str) -> list[str]:
        molecules = [Chem.MolFromSmiles(r) for r in reactants]
        if any(m is None for m in molecules):
            return []
        products = []
        for (product_molecule,) in reaction.RunReactants(tuple(molecules)):
            if Chem.SanitizeMol(product_molecule, catchErrors=True) == 0:
                products.append(Chem.MolToSmiles(product_molecule))
        return products

    return run
