"""Synthetic polymers: repeat units made from monomers by RDKit reactions, so that nothing has to be licensed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from taskloom_diffusion.corpora.corpus import Corpus, split_by
from taskloom_diffusion.corpora.molecules import canonical, permuted
from taskloom_diffusion.corpora.polymer_unit import repeat_unit
from taskloom_diffusion.corpora.split import SplitRule, rank

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


def synthetic_polymers(num_polymers: int, rule: SplitRule) -> Corpus:
    """Return canonical repeat units of vinyl polymers, polyesters, polyamides and polyurethanes, each with two stars.

    Args:
        num_polymers: At most this many, of the recipes of the smallest ranks; 0 is all.
        rule: How they are split; the writings of one polymer fall together.
    """
    from rdkit import rdBase

    recipes = _recipes()
    order = list(range(len(recipes)))
    if num_polymers and rule.by == "legacy":
        order = permuted(len(recipes), rule.model_seed)
    elif num_polymers:
        order.sort(key=lambda index: rank("/".join(recipes[index])))
    units: dict[str, None] = {}
    makers = {name: _maker(name) for name in _CHEMISTRIES}
    with rdBase.BlockLogs():
        for index in order:
            chemistry, first, second = recipes[index]
            text = canonical(makers[chemistry](first, second))
            if text and text.count("*") == 2:
                units[text] = None
            if num_polymers and len(units) == num_polymers:
                break
    texts = sorted(units)
    keys = None if rule.by == "legacy" else [repeat_unit(text) or text for text in texts]
    return split_by(
        "synthetic polymers", texts, rule, keys=keys, licence="Apache-2.0", canonical=True
    )


_CHEMISTRIES = ("vinyl", "ester", "amide", "urethane")


def _recipes() -> list[tuple[str, str, str]]:
    """Return every polymer that can be made: a chemistry and its two parts."""
    groups = ("", *_SIDE_GROUPS)
    vinyls = [("vinyl", a, b) for i, a in enumerate(groups) for b in groups[i:] if b]
    pairs = list(product(_LINKERS, _LINKERS))
    return [*vinyls, *((c, a, b) for c in _CHEMISTRIES[1:] for a, b in pairs)]


def _maker(chemistry: str) -> Callable[[str, str], str]:
    """Return the function from two parts to a repeat unit; the unit is empty if the reaction does not go."""
    if chemistry == "vinyl":
        react = _reaction(_VINYL)
        return lambda a, b: _first(react(f"C=C({a}){b}" if a else f"C=C{b}"))
    join, left, right = {
        "ester": (_ESTER, _OPEN_ACID, _OPEN_ALCOHOL),
        "amide": (_AMIDE, _OPEN_ACID, _OPEN_AMINE),
        "urethane": (_URETHANE, _OPEN_ISOCYANATE, _OPEN_ALCOHOL),
    }[chemistry]
    steps = _reaction(join), _reaction(left), _reaction(right)
    first = "O=C=N{}N=C=O" if chemistry == "urethane" else "OC(=O){}C(=O)O"
    second = "N{}N" if chemistry == "amide" else "O{}O"

    def make(a: str, b: str) -> str:
        dimer = _first(steps[0](first.format(a), second.format(b)))
        half = _first(steps[1](dimer)) if dimer else ""
        return _first(steps[2](half)) if half else ""

    return make


def _first(products: list[str]) -> str:
    return products[0] if products else ""


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
