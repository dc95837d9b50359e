"""Molecules in fragments: cut and read back, completed around what is fixed, verified, refused by name, searched by a score."""

from __future__ import annotations

import numpy as np
import pytest
from nci import MOLECULES, nci
from rdkit import Chem
from taskloom.errors import UsageError
from taskloom_diffusion.fragments.cutting import MOST_LINKS, Cuts, closed, cut, joined, links_of
from taskloom_diffusion.fragments.excision import excise, verify
from taskloom_diffusion.fragments.fixed import fixed_part, locked_part, settled, with_points
from taskloom_diffusion.tokenizers.fragments import FragmentSmiles
from tests_sizes import size

pytestmark = pytest.mark.usefixtures("quiet_rdkit")

HARD = [
    "C[P@](=O)(O)c1ccccc1",
    "C[Si](C)(C)c1ccccc1",
    "CS(=N)(=O)c1ccccc1",
    "C/C=N/O",
    "C/C=N\\OCc1ccccc1",
    "c1ccc(/N=N/c2ccccc2)cc1",
    "C/C=C/C=C/CNC(=O)C",
    "OC[C@H]1O[C@@H](Oc2ccccc2)[C@H](O)[C@@H](O)[C@@H]1O",
    "CC=[C@]=CC",
    "C[N+](C)(C)Cc1ccccc1",
    "*CCNC(=O)c1ccccc1",
    "[CH3:1]C(=O)Nc1ccccc1",
    "CC(=O)[O-].[Na+]",
    "C[S@@+]([O-])c1ccccc1",
    "C[S@](=O)CCN",
    "C1C[C@@H]1NC(=O)C",
    "CC(=O)N[C@@H](C)C(=O)O",
    "C[C@H](N)C(=O)N[C@@H](CO)C(=O)O",
    "F/C(Cl)=C(/Br)CNC(=O)C",
    "[13CH3]CNC(=O)C",
    "CC(=O)N/C=C/c1ccccc1",
    "[NH3]->[Cu]",
    "[1*]CC[2*]",
    "C[S@@+]([O-])Cc1nc2ccccc2[nH]1",
    "O=C(/C=C/c1ccccc1)NCC",
]


@pytest.mark.parametrize("cuts", ["brics", "ring", "rotatable"])
def test_fragments_in_any_order_are_the_molecule(cuts: Cuts) -> None:
    """With stereo centres drawn for half of them: a link that takes another place among the neighbours inverts its centre."""
    random = np.random.default_rng(0)
    failed = []
    for text in [*HARD, *nci(size("cut_molecules"))]:
        molecule = Chem.MolFromSmiles(text)
        if molecule is None:
            continue
        for atom, _ in Chem.FindMolChiralCenters(molecule, includeUnassigned=True):
            if random.random() < 0.5:
                molecule.GetAtomWithIdx(atom).SetChiralTag(Chem.ChiralType.CHI_TETRAHEDRAL_CW)
        canonical = Chem.CanonSmiles(Chem.MolToSmiles(molecule))
        found = cut(canonical, cuts)
        for pieces in (found.pieces, random.permutation(np.array(found.pieces, dtype=object))):
            if found.reason == "round_trip" or Chem.CanonSmiles(joined(pieces)) != canonical:
                failed.append(canonical)
    assert failed == []


def test_what_cannot_be_cut_is_written_plainly_with_a_reason() -> None:
    ring = "C%50CC%50"
    for text, reason in (
        ("c1ccccc1", "no_cut"),
        ("[1001*]CCNC(C)=O", "label"),
        ("C(", "round_trip"),
    ):
        found = cut(text)
        assert (found.reason, found.text) == (reason, text)
    assert cut(ring).text == ring
    peptide = "C" + "C(=O)NC(C)" * 30 + "C(=O)O"
    assert cut(peptide).reason == "many_links"
    assert cut("CC(=O)Nc1ccc(O)cc1").text == "C%50(C)=O.N%50%51.c%511ccc(O)cc1"


def test_a_respelt_molecule_has_the_same_tokens_and_orders_keep_it() -> None:
    tokenizer = FragmentSmiles().fit(MOLECULES)
    for text in MOLECULES:
        ids = np.array([*tokenizer.encode(text), tokenizer.end_id, 0, 0], dtype=np.int32)
        again = Chem.MolToSmiles(Chem.MolFromSmiles(text), doRandom=True)
        assert tokenizer.encode(again) == ids[:-3].tolist()
        seen = set()
        for seed in range(20):
            varied = tokenizer.varied(ids, seed)
            assert tokenizer.decode(varied.tolist()) == Chem.CanonSmiles(text)
            assert (len(varied), varied[-3:].tolist()) == (len(ids), [tokenizer.end_id, 0, 0])
            links = links_of(tokenizer.written(varied.tolist()))
            assert [*dict.fromkeys(links)] == sorted(set(links))
            seen.add(tuple(varied.tolist()))
        assert len(seen) > 1 or tokenizer.dot_id not in ids
    restored = FragmentSmiles.restore(tokenizer.save())
    assert restored.tokens == tokenizer.tokens


@pytest.mark.parametrize(
    ("smiles", "sentence"),
    [
        (
            "c1ccccc1",
            "scaffold 'c1ccccc1' has no attachment point; mark where it may grow with *, or use grow",
        ),
        ("*", "has 0 neighbours; a point has one"),
        ("C1*C1", "at atom 1 of scaffold 'C1*C1' has 2 neighbours"),
        ("C=*", "at atom 1 of scaffold 'C=*' hangs on a multiple bond"),
        ("**C", "hangs on another point"),
        ("CC.*C", "has 2 parts"),
        ("C(", "is no molecule that RDKit can read"),
        ("", "is no molecule"),
    ],
)
def test_a_bad_scaffold_is_refused_by_name(smiles: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        fixed_part(smiles, "brics")
    assert sentence in refused.value.message
    assert "\n" not in refused.value.message


def test_a_lock_is_cut_out_at_its_border_or_refused() -> None:
    molecule = "CC(=O)Nc1ccc(O)cc1"
    assert locked_part(molecule, "c1ccccc1", "brics").points == ("1", "2")
    assert locked_part(molecule, "[#6]C(=O)N", "brics").given == "[1*]NC(C)=O"
    for lock, sentence in (
        ("n1ccccc1", "is not in the molecule"),
        ("cc", "cuts a ring of"),
        ("CC", "cuts a multiple bond of"),
        (molecule, "nothing is left to draw"),
        ("((", "neither SMILES nor SMARTS"),
    ):
        with pytest.raises(UsageError, match=sentence):
            locked_part(molecule, lock, "brics")


def test_points_take_the_place_of_hydrogens() -> None:
    assert Chem.CanonSmiles(with_points("c1cc[nH]c1", [3], "molecule")) == Chem.CanonSmiles(
        "[*:1]n1cccc1"
    )
    with pytest.raises(
        UsageError, match=r"atom 1 \(C\) of molecule 'CC\(C\)\(C\)C' has no hydrogen"
    ):
        with_points("CC(C)(C)C", [1], "molecule")
    with pytest.raises(UsageError, match="and no atom 9"):
        with_points("CCO", [9], "molecule")


def test_excision_accepts_every_original() -> None:
    judged = 0
    for smiles in [*HARD, *nci(size("cut_molecules"))]:
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or "." in smiles or "*" in smiles:
            continue
        pieces = cut(Chem.MolToSmiles(molecule)).pieces
        part = Chem.MolFromSmiles(closed(pieces[0]))
        if len(pieces) < 2 or part is None:
            continue
        scaffold = Chem.MolToSmiles(part)
        fixed = fixed_part(scaffold, "brics")
        # The same fragments, written behind the fixed one as a model would: with its links in its order.
        numbers = dict(zip(links_of(fixed.text), links_of(pieces[0]), strict=True))
        if Chem.CanonSmiles(closed(pieces[0])) != Chem.CanonSmiles(
            _renamed(closed(fixed.text), numbers)
        ):
            continue  # points of one kind may come in another order
        text = joined([_renamed(fixed.text, numbers), *pieces[1:]])
        verdict = excise(text, fixed)
        assert verdict.fault == "", (text, scaffold)
        assert verify(scaffold, verdict.smiles)
        judged += 1
    assert judged > 20


def _renamed(text: str, numbers: dict[str, str]) -> str:
    for new, old in numbers.items():
        text = text.replace(new, old.replace("%", "@"))
    return text.replace("@5", "%5")


def test_corrupted_molecules_are_found_out() -> None:
    fixed = fixed_part("*c1ccc(F)cc1", "brics")
    assert fixed.text == "c%501ccc(F)cc1"
    good = f"{fixed.text}.N%50C(C)=O"
    assert excise(good, fixed).grown == ("*NC(C)=O",)
    for text, fault in (
        (good.replace("ccc(F)", "cc(C)c(F)"), "ring"),
        (good.replace("F", "Cl"), "changed"),
        (f"{fixed.text}.N%50%51C.C%51.O", "parts"),
        (f"{fixed.text}.N%50(", "valid"),
        (f"{fixed.text}.C", "valid"),
    ):
        assert excise(text, fixed).fault == fault
    two = fixed_part("[*:1]c1ccccc1[*:2]", "brics")
    assert excise(f"{two.text}.C%50%51", two).fault == "ring"
    centre = fixed_part("*[C@H](F)Cl", "brics")
    assert excise(f"{centre.text}.C%50C", centre).fault == ""
    other = (
        centre.text.replace("@@", "@") if "@@" in centre.text else centre.text.replace("@", "@@")
    )
    assert excise(f"{other}.C%50C", centre).fault == "changed"
    assert verify("*[C@H](F)Cl", "CC[C@H](F)Cl") != verify("*[C@H](F)Cl", "CC[C@@H](F)Cl")
    assert not verify("*c1ccccc1", "CC(=O)Nc1ccccc1C")


def test_two_parts_stay_as_they_are_beside_one_another_or_are_refused() -> None:
    """There are 50 links: both parts are there again, up to the last of them, and one link more is refused."""
    for first, second in ((5, 9), (24, 24), (1, 47), (24, 25), (47, 2), (48, 48)):
        # Every bond of a chain is cut but the one at its end, and each has a point.
        parts = [fixed_part("*" + "C" * (n + 2), "rotatable") for n in (first, second)]
        assert [len(set(links_of(part.text))) for part in parts] == [first + 1, second + 1]
        if first + second + 2 <= MOST_LINKS:
            both = parts[0].and_then(parts[1])
            assert len(set(links_of(both.text))) == first + second + 2
            assert len(both.open_links) == 2
            chains = settled(closed(both.text))
            assert sorted(chain.count("C") for chain in chains) == sorted([first + 2, second + 2])
        else:
            with pytest.raises(UsageError, match="more than 50 bonds to cut and points together"):
                parts[0].and_then(parts[1])
