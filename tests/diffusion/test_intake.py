"""Intake: every line is kept or counted, one molecule is one however it is written, and parts follow the content."""

from __future__ import annotations

import csv
import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from rdkit import Chem, RDConfig
from taskloom.errors import ConfigError
from taskloom_diffusion.corpora.corpus import Corpus, SourceRow, split_corpus, split_documents
from taskloom_diffusion.corpora.files import read_corpus
from taskloom_diffusion.corpora.intake import DROPS, Options, read, take
from taskloom_diffusion.corpora.molecular_form import FLAT, Form, written
from taskloom_diffusion.corpora.polymer_unit import PolymerForm, repeat_unit
from taskloom_diffusion.corpora.split import SplitRule, place, rank
from taskloom_diffusion.metrics.molecules import internal_diversities, molecule_metrics, parse
from taskloom_diffusion.tasks.file import FileConfig
from taskloom_diffusion.tokenizers.symbols import fit_symbols
from tests_sizes import size

RULE = SplitRule(0.2, 0.2)


def nci(count: int) -> list[str]:
    """Return molecules with marks, salts and metals from the collection that RDKit ships, some with names of centres."""
    path = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    lines = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    marked = [text for text in lines if "@" in text or "/" in text or "." in text]
    return [*marked[: count // 3], *lines[:: len(lines) // count]][:count]


def shipped(count: int) -> list[str]:
    """Return molecules spread over both collections that RDKit ships."""
    folder = Path(RDConfig.RDDataDir)
    lines = (folder / "NCI" / "first_5K.smi").read_text().splitlines()
    rows = csv.reader((folder / "Pains" / "test_data" / "wehi_mols.csv").read_text().splitlines())
    every = [*(line.split()[0] for line in lines if line.strip()), *(row[0] for row in rows if row)]
    return every[:: max(len(every) // count, 1)][:count]


def respelt(text: str, seed: int) -> str:
    """Return another SMILES of a molecule, with other atoms first."""
    molecule = Chem.MolFromSmiles(text)
    order = list(range(molecule.GetNumAtoms()))
    random.Random(seed).shuffle(order)
    return Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))))
@settings(max_examples=size("unicode_lines"), deadline=None)
def test_lines_are_what_stands_between_line_feeds(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    """All categories of Unicode, separators too; a mark of byte order at the front is none of the text's."""
    lines = [line.removeprefix("\ufeff") for line in lines]
    path = tmp_path_factory.mktemp("lines") / "some.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    intake = read(path, Options("lines", merge=False))
    assert [item.text for item in intake.items] == [line for line in lines if line]
    assert intake.lines == len(lines)
    assert intake.counts.get("empty", 0) == lines.count("")


@given(
    st.lists(
        st.sampled_from(
            ["CCO", "OCC", "", "C(", "C[C@H](F)Cl", "C[C@@H](F)Cl", "[2H]C", "C C", "CC"]
        )
    )
)
@settings(max_examples=size("unicode_lines"), deadline=None)
def test_every_line_is_kept_or_counted_once(texts: list[str]) -> None:
    rows = [SourceRow(number, text) for number, text in enumerate(texts, 1)]
    for form in (Form(), FLAT):
        intake = take(rows, Options("smiles", form))
        drops = sum(count for reason, count in intake.counts.items() if reason in DROPS)
        assert len(intake.items) + drops == intake.lines == len(texts)
        assert len(intake.left_out) == drops
        assert sum(intake.weight) + sum(
            intake.counts.get(r, 0) for r in ("empty", "unparsable")
        ) == len(texts)


def test_spelling_and_order_change_no_part(tmp_path: Path) -> None:
    # What RDKit cannot read has no other spelling; one such line is left out in both files.
    read = [t for t in nci(size("respelt_molecules")) if Chem.MolFromSmiles(t) is not None]
    found: list[Corpus] = []
    for seed in range(2):
        texts = [*(respelt(text, seed) for text in read), "c1ccc"]
        random.Random(seed).shuffle(texts)
        path = tmp_path / f"{seed}.smi"
        path.write_text("".join(f"{text} name {i}\n" for i, text in enumerate(texts)))
        found.append(read_corpus(path, "", Options(), RULE))
    first, second = found
    assert len(first.holdout) > len(read) / 5
    assert (first.train, first.validation, first.test) == (
        second.train,
        second.validation,
        second.test,
    )
    assert first.dropped == second.dropped


def test_text_to_tokens_to_text() -> None:
    texts = [
        w.text for w in (written(text, Form()) for text in nci(size("respelt_molecules"))) if w
    ]
    texts += ["[NH3]->[Cu]", "C%(100)CC%(100)", "[1*]CC[2*]", "F/C=C\\F"]
    tokenizer = fit_symbols("smiles", texts)
    assert [tokenizer.decode(tokenizer.encode(text)) for text in texts] == texts


def test_random_respellings_come_back_and_are_one_molecule() -> None:
    """At least 99.99 % of them, of NCI's and WEHI's molecules; the others would be named."""
    count = size("respellings")
    kept = [
        w for w in (written(t, Form()) for t in shipped(max(count // 50, 5))) if w and w.settled
    ]
    stream = random.Random(3)
    spelt = []
    for number in range(count):
        one = kept[number % len(kept)]
        molecule, seed = Chem.MolFromSmiles(one.text), stream.randrange(2**31)
        spelt.append((one.text, Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed)[0]))
    tokenizer = fit_symbols("smiles", [text for _, text in spelt])
    lost = [text for _, text in spelt if tokenizer.decode(tokenizer.encode(text)) != text]
    assert len(lost) <= count / 10_000, lost[:20]
    compared = [(text, written(other, Form())) for text, other in spelt[:: max(count // 20_000, 1)]]
    apart = [(text, found) for text, found in compared if found is None or found.text != text]
    assert len(apart) <= len(compared) / 10_000, apart[:20]


def test_what_is_dropped_is_counted_apart_from_what_was_there_twice() -> None:
    rows = [
        SourceRow(i, text)
        for i, text in enumerate(("C[C@H](F)Cl", "C[C@@H](F)Cl", "C[C@H](F)Cl", "CC"), 1)
    ]
    kept = take(rows, Options())
    assert (len(kept.items), kept.counts) == (3, {"duplicate": 1})
    flat = take(rows, Options(form=Form(stereo="drop")))
    assert flat.counts == {"changed_stereo": 1, "duplicate_after_drop": 1, "duplicate": 1}
    assert flat.example_lines["duplicate_after_drop"] == [2]


def test_formats_hold_the_same_molecules_and_their_columns(tmp_path: Path) -> None:
    texts = {"a": "C[C@H](F)Cl", "b, the second\nof two lines": "CCO", "c": "[NH3]->[Cu]"}
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("smiles", "name"), *((text, name) for name, text in texts.items())]
        )
    lines = [json.dumps({"smiles": text, "name": name}) for name, text in texts.items()]
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (tmp_path / "t.smi").write_text("".join(f"{t} {n.split(',')[0]}\n" for n, t in texts.items()))
    with Chem.SDWriter(str(tmp_path / "t.sdf")) as writer:
        for text in texts.values():
            writer.write(Chem.MolFromSmiles(text))
    tables = [read(tmp_path / name, Options(), "smiles") for name in ("t.csv", "t.jsonl.gz")]
    for intake in tables:
        assert [item.row.others["name"] for item in intake.items] == list(texts)
    assert tables[0].items[2].row.line == 5  # the header is a line, and the second row has two
    plain, records = read(tmp_path / "t.smi", Options()), read(tmp_path / "t.sdf", Options())
    assert (
        [i.text for i in plain.items]
        == [i.text for i in tables[0].items]
        == [i.text for i in records.items]
    )
    with pytest.raises(ConfigError, match="has no column 'smile'; it has smiles, name"):
        read(tmp_path / "t.csv", Options(), "smile")


def test_lines_that_are_added_move_no_other() -> None:
    texts = [f"{n:03x}" for n in range(300)]
    before, after = split_corpus("some", texts[:200], 0.1), split_corpus("some", texts[::-1], 0.1)
    assert set(before.train) == set(after.train) & set(texts[:200])
    assert set(before.test) <= set(after.test)
    assert before.train == sorted(before.train, key=rank)
    shares = [len(part) / 300 for part in (after.test, after.validation)]
    assert shares == pytest.approx([0.1, 0.05], abs=0.05)
    assert {place(text, 0) < 0.1 for text in after.test} == {True}
    moved = split_corpus("some", texts, 0.1, 1)
    assert set(moved.test) != set(after.test)


def test_small_corpora_have_three_parts_or_are_refused() -> None:
    corpus = split_corpus("few", ["one", "two", "three", "one"], 1e-6, validation_share=1e-6)
    assert (len(set(corpus.test)), len(set(corpus.validation))) == (1, 1)
    assert "took that of the smallest hash" in corpus.notes[0]
    with pytest.raises(ConfigError, match="2 usable sequences that differ; it needs at least 3"):
        split_corpus("few", ["one", "two", "two"], 0.5)


def test_mirror_images_fall_into_one_part(tmp_path: Path) -> None:
    pairs = [(f"C[C@H](F){'C' * n}O", f"C[C@@H](F){'C' * n}O") for n in range(2, 40)]
    path = tmp_path / "pairs.smi"
    path.write_text("".join(f"{a}\n{b}\n" for a, b in pairs))
    corpus = read_corpus(path, "", Options(), RULE)
    flats = [
        {Chem.MolToSmiles(Chem.MolFromSmiles(t), isomericSmiles=False) for t in part}
        for part in (corpus.train, corpus.validation, corpus.test)
    ]
    assert sum(map(len, flats)) == len(set.union(*flats)) == len(pairs)


def test_documents_are_split_in_blocks_that_stay_in_order() -> None:
    text = "".join(f"<{n}>" for n in range(20_000))
    corpus = split_documents("book", [text], SplitRule(0.1, 0.1))
    runs = [*corpus.train, *corpus.holdout]
    assert sum(map(len, runs)) == len(text)
    assert all(run in text for run in runs)
    assert len(corpus.train) < len(text) / 4096


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (("*CCO*", "*COC*", "*OCC*"), "*CCO*"),
        (("*CCCC*", "*CC*", "*C*"), "*C*"),
        (("*NC(=O)CCCCC*", "*CCCCCC(=O)N*", "*C(=O)CCCCCN*"), "*CCCC(=O)NCC*"),
        (("*C/C=C/CO*", "*/C=C/COC*"), "*/C=C/COC*"),
        (("*CO[C@H](*)C", "*C[C@H](C)O*"), "*CO[C@H](*)C"),
        (("*COOC*",), "*CCOO*"),
        (("*C(*)C",), "*C(*)C"),
    ],
)
def test_a_polymer_has_one_name(texts: tuple[str, ...], unit: str) -> None:
    assert {repeat_unit(text) for text in texts} == {unit}


def test_units_of_chemists_can_be_kept() -> None:
    assert repeat_unit("*CCCC*", PolymerForm("keep")) == "*CCCC*"
    assert [repeat_unit(text) for text in ("CCO", "*CC", "*CC(*)*")] == [None] * 3
    assert repeat_unit("*CO[C@H](*)C") != repeat_unit("*CO[C@@H](*)C")


def test_copies_are_not_diverse() -> None:
    """IntDiv and IntDiv2 count repeats, as MOSES' package does; the printed formula of the second would differ."""
    molecules = [parse(text) for text in ("CCO", "CCO", "CCO", "c1ccccc1")]
    found = internal_diversities(molecules)
    assert found["diversity"] == pytest.approx(1 - 10 / 16)
    assert found["diversity_2"] == pytest.approx(1 - (3 * (3 / 4) ** 0.5 + (1 / 4) ** 0.5) / 4)
    assert molecule_metrics(["C[C@H](F)Cl", "C[C@@H](F)Cl"], ["CC"])["unique"] == 1


def test_rules_of_the_split_are_checked() -> None:
    with pytest.raises(ValueError, match="needs two more files"):
        FileConfig.model_validate({"split": "file"})
    with pytest.raises(ValueError, match="is for content = 'smiles'"):
        FileConfig.model_validate({"split": "scaffold", "content": "lines"})


def test_other_rules_of_the_split(tmp_path: Path) -> None:
    """Scaffolds, a column, and files of one's own, whose sequences are never trained on."""
    texts = [f"C{'C' * n}c1ccc{'c' * (n % 2)}{'n' * (1 - n % 2)}c1" for n in range(20)]
    texts += ["C" * n + "O" for n in range(1, 20)]
    path = tmp_path / "all.csv"
    path.write_text("smiles,fold\n" + "".join(f"{t},{n % 4}\n" for n, t in enumerate(texts)))
    by_scaffold = read_corpus(path, "smiles", Options(), SplitRule(0.3, 0.2, by="scaffold"))
    ringed = [
        {t.strip("C") for t in part if "c1" in t}
        for part in (by_scaffold.train, by_scaffold.validation, by_scaffold.test)
    ]
    assert sum(map(len, ringed)) == len(set.union(*ringed))
    by_column = read_corpus(path, "smiles", Options(), SplitRule(0.3, 0.2, by="column:fold"))
    folds = [
        {row.others["fold"] for t in part for row in by_column.origin[t]}
        for part in (by_column.train, by_column.validation, by_column.test)
    ]
    assert sum(map(len, folds)) == len(set.union(*folds)) == 4
    for name, part in (("v.smi", ["CCO", "CCCO"]), ("t.smi", ["CCCCO"])):
        (tmp_path / name).write_text("\n".join(part))
    own = read_corpus(
        path,
        "smiles",
        Options(),
        SplitRule(0.3, by="file"),
        others=(tmp_path / "v.smi", tmp_path / "t.smi"),
    )
    assert (set(own.validation), set(own.test)) == ({"CCO", "CCCO"}, {"CCCCO"})
    assert not set(own.train) & set(own.holdout)
    assert "are in a held-out file too" in own.notes[0]
