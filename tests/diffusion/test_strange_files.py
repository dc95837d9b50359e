"""Files as people have them: a row that cannot be read costs that row, and no other program's format is taken for text."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from rdkit import Chem
from taskloom.errors import ConfigError
from taskloom.opening import open_task
from taskloom_diffusion.corpora.files import read_corpus
from taskloom_diffusion.corpora.intake import Intake, Options, read
from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.tasks.file import FileConfig
from taskloom_diffusion.training.preparation import Prepared, prepare

LINES = Options("lines", merge=False)
BLOCK = Chem.MolToMolBlock(Chem.MolFromSmiles("C[C@H](F)Cl")).encode()


def taken(path: Path, data: bytes, column: str = "", options: Options = Options()) -> Intake:  # noqa: B008 -- frozen
    path.write_bytes(data)
    intake = read(path, options, column)
    assert len(intake.items) + sum(intake.dropped.values()) == intake.lines
    return intake


@pytest.mark.parametrize(
    ("name", "data", "kept", "counts"),
    [
        ("latin.smi", b"CCO \xe9thanol\nCC\xe9N\nCCC\n", ["CCO", "CCC"], {"changed_columns": 1, "not_utf8": 1}),
        ("windows.smi", b"\xef\xbb\xbfCCO\r\n\r\nCCN x\r\n", ["CCO", "CCN"], {"empty": 1}),
        ("old_mac.smi", b"CCO a\rCCN b\nCCC\n", ["CCC"], {"unparsable": 1}),
        ("no_break.smi", "CCO\u00a0ethanol\n".encode(), ["CCO"], {}),
        ("unnamed.smi", gzip.compress(b"CCO\nCCN\n", mtime=0), ["CCO", "CCN"], {}),
        ("plain.smi.gz", b"CCO\n", ["CCO"], {}),
        ("huge.smi", b"C" * 30_000 + b"\nCCO\n" + b"C1" * 9000, ["CCO"], {"too_long": 2}),
        ("table.CSV.GZ", gzip.compress(b"smiles\nCCO\n", mtime=0), ["CCO"], {}),
        ("semicolons.csv", b"id;smiles;note\r\n1;CCO;a,b\r\n2;CCN;\r\n", ["CCO", "CCN"], {}),
        ("open_quote.csv", b'smiles,id\nCCO,1\nCCN,"2\nCCC,3\n', ["CCO", "CCC"], {"unparsable": 1}),
        ("open_at_end.csv", b'smiles,id\nCCO,1\n"CCN,2', ["CCO"], {"unparsable": 1}),
        ("in_quotes.csv", b'smiles,id\nCCO,"a\nb"\n\nCCN,2\n', ["CCO", "CCN"], {"empty": 1}),
        ("long.csv", b"smiles,t\nCCO," + b"x" * 200_000, ["CCO"], {}),
        (
            "mixed.jsonl",
            b'{"smiles": "CCO"}\nno json\n{"id": 2}\n{"smiles": null}\n\n{"smiles": ["C"]}\n[1]\n"CCN"\n'
            b'{"smiles": "C\\ud800"}\n{"smiles": "C\xe9"}\n' + b"[" * 100_000,
            ["CCO", "CCN"],
            {"unparsable": 4, "empty": 3, "not_utf8": 2},
        ),
        (
            "odd.sdf",
            b"caf\xe9" + BLOCK + b"> <id>\n7\n\n$$$$\nno record\n\n\nM  END\n$$$$\n",
            ["C[C@H](F)Cl"],
            {"changed_columns": 1, "unparsable": 1},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_row_that_cannot_be_read_costs_that_row(
    tmp_path: Path, name: str, data: bytes, kept: list[str], counts: dict[str, int]
) -> None:
    column = "" if name.lower().endswith((".smi", ".smi.gz", ".sdf")) else "smiles"
    intake = taken(tmp_path / name, data, column)
    assert [item.text for item in intake.items] == kept
    assert intake.counts == counts
    left_out = [(entry.line, entry.reason) for entry in intake.left_out]
    assert len(left_out) == sum(intake.dropped.values())
    assert all(entry.text.encode() is not None for entry in intake.left_out)


def test_lines_are_found_by_their_numbers_and_columns_as_windows_wrote_them(tmp_path: Path) -> None:
    intake = taken(tmp_path / "a.csv", b'smiles,name\nCCO,caf\xe9\n"CCN,2\n\nCC,x\n', "smiles")
    assert [item.row.others["name"] for item in intake.items] == ["caf\u00e9", "x"]
    assert intake.example_lines == {"changed_columns": [2], "unparsable": [3], "empty": [4]}
    words = taken(tmp_path / "a.txt", b"caf\xe9\n  indented\n", options=LINES)
    assert ([item.text for item in words.items], words.counts) == (["  indented"], {"not_utf8": 1})


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("u.smi", "CCO\n".encode("utf-16"), "it is UTF-16 text; save it as UTF-8"),
        ("x.csv", b"PK\x03\x04....", "a ZIP archive or a spreadsheet, no text; save it as CSV"),
        ("z.smi", b"BZh9....", "compressed by bzip2; of compressed files those of gzip are read"),
        (
            "cut.smi.gz",
            gzip.compress(b"CCO\n" * 999, mtime=0)[:30],
            "ended before the end-of-stream marker",
        ),
        ("twice.csv", b"smiles,smiles\nC,C\n", "has the column 'smiles' 2 times"),
        ("a.csv", b"Smiles;id\nC;1\n", "it has Smiles;id"),
        ("a.jsonl", b'{"smile": "C"}\n', "it has smile; did you mean 'smile'?"),
        ("none.csv", b"", "it has none"),
    ],
)
def test_what_is_no_text_is_refused_by_what_it_is(
    tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        taken(tmp_path / name, data, "" if ".smi" in name else "smiles")
    assert told in refused.value.message


def test_a_file_without_usable_lines_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    for data, told in (
        (b"\xe9\n\xe9\n", "2 lines not in UTF-8"),
        (b"C\rCC\rCCC\r", "carriage returns alone"),
        (b"red green\nblack\n", "content=lines reads them as they are"),
    ):
        path.write_bytes(data)
        with pytest.raises(ConfigError, match=told):
            read_corpus(path, "", Options(), SplitRule(0.2))
    path = tmp_path / "a.jsonl"
    path.write_text('{"smiles": "CCO"}\n')
    with pytest.raises(ConfigError, match="needs column=NAME, the one of smiles that holds"):
        read_corpus(path, "", Options(), SplitRule(0.2))


def prepared(path: Path, **fields: object) -> Prepared:
    config = FileConfig.model_validate({"path": path, "holdout_share": 0.2, **fields})
    return prepare(open_task("diffusion/file", config))


def test_every_line_that_is_left_out_is_named_with_its_number(tmp_path: Path) -> None:
    """Lines of both held-out parts, repeats, and those without tokens or too long; with what is kept they are all lines."""
    path = tmp_path / "m.txt"
    texts = [f"{n:04x}" * (1 + 9 * (n % 5 == 0)) for n in range(60)] * 2 + ["", "a\tb"]
    path.write_text("".join(f"{text}\n" for text in texts))
    found = prepared(path, content="lines", max_length=8, tokenizer={"kind": "char"})
    corpus = found.corpus
    kept = [*corpus.train, *corpus.holdout]
    long = [n for n, text in enumerate(texts, 1) if len(text) > 8]
    assert corpus.dropped == {"empty": 1, "too_long": len(long)}
    assert len(kept) + sum(corpus.dropped.values()) == len(texts)
    assert sorted(e.line for e in corpus.left_out if e.reason == "too_long") == long
    assert found.too_long == len(long)


def test_weights_by_count_are_those_of_all_lines(tmp_path: Path) -> None:
    """Merged and weighed is what keeping every line would be; once each is the default."""
    lines = [text for n in range(1, 12) for text in ("C" * n + "O", "O" + "C" * n)[: 1 + n % 2]] * 2
    path = tmp_path / "m.smi"
    path.write_text("\n".join(lines))
    weighed = prepared(path, weights="count")
    kept = prepared(path, duplicates="keep")
    assert weighed.train.fingerprint() == kept.train.fingerprint()
    assert weighed.test.fingerprint() == kept.test.fingerprint()
    corpus = weighed.corpus
    assert len(corpus.train) + len(corpus.holdout) == len(lines)
    assert (corpus.dropped, corpus.changed) == ({}, {"merged": len(lines) - 11})
    once = prepared(path)
    assert len(once.corpus.train) + len(once.corpus.holdout) == 11
    with pytest.raises(ValueError, match="weighs what is merged; with duplicates = 'keep'"):
        FileConfig.model_validate({"weights": "count", "duplicates": "keep"})


def test_held_out_files_are_accounted_for_too(tmp_path: Path) -> None:
    for name, text in (("a", "CC\nCCC\nCO\nOC\n"), ("v", "CO\nnone\n"), ("t", "CN\nCO\n")):
        (tmp_path / f"{name}.smi").write_text(text)
    files = {"validation": tmp_path / "v.smi", "test": tmp_path / "t.smi"}
    (tmp_path / "v.smi").write_text("CO\nCS\nnone\n")
    corpus = prepared(tmp_path / "a.smi", split="file", **files).corpus
    assert (set(corpus.train), corpus.validation, set(corpus.test)) == (
        {"CC", "CCC"},
        ["CS"],
        {"CN", "CO"},
    )
    assert corpus.dropped == {"duplicate": 1, "held_out": 1}
    assert [(e.line, e.reason) for e in corpus.left_out] == [(4, "duplicate"), (3, "held_out")]
    assert "left out of 'v.smi': 1 unparsable (first: 'none' in line 3)" in corpus.notes
    assert any(
        "1 sequences of the validation file are in the test file too" in n for n in corpus.notes
    )


def test_a_tokenizer_that_changes_texts_is_told(tmp_path: Path) -> None:
    """Lower case loses what a code would have to say; figures per character are then those of no code."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["[PAD]", "[MASK]", "[UNK]", *"abcdefgh"]
    backend = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    special = {"pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    fast.save_pretrained(str(tmp_path / "tokenizer"))
    path = tmp_path / "a.txt"
    texts = [
        f"{a}{b}{'C' if (i + j) % 2 else 'c'}"
        for i, a in enumerate("abdefg")
        for j, b in enumerate("abd")
    ]
    path.write_text("\n".join([*texts, "xyz"]))
    found = prepared(
        path,
        content="lines",
        holdout_share=0.5,
        tokenizer={"kind": "huggingface", "folder": tmp_path / "tokenizer"},
    )
    lossy = sum(text != text.lower() for text in found.corpus.test)
    assert 0 < lossy == found.lossy < len(found.corpus.test)
    assert found.corpus.dropped == {"unknown_token": 1}
    told = f"lossy tokenizer: of {len(found.corpus.test)} judged sequences it does not give back {lossy}"
    assert any(note.startswith(told) for note in found.corpus.notes)
    assert found.test.characters is not None
    assert int(found.test.characters.sum()) == sum(map(len, found.corpus.test))
    path.write_text("xyz\nzyx\nyyy")
    with pytest.raises(ConfigError, match=r"is left in training: 3 unknown_token \(first: "):
        prepared(
            path,
            content="lines",
            tokenizer={"kind": "huggingface", "folder": tmp_path / "tokenizer"},
        )


def test_other_fields_of_json_come_out_as_they_are(tmp_path: Path) -> None:
    row = {"smiles": "CCO", "id": 7, "tags": ["a"], "name": "\u00e9"}
    intake = taken(tmp_path / "a.jsonl", json.dumps(row).encode(), "smiles")
    assert intake.items[0].row.others == {"id": "7", "tags": '["a"]', "name": "\u00e9"}
