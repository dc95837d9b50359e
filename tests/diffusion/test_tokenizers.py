"""Tokenizers: round trips, polymers' stars, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskloom.errors import ConfigError
from taskloom_diffusion.tokenizers.base import Byte, Char, HuggingFace, RegexSmiles
from taskloom_diffusion.tokenizers.vocabulary import load_tokenizer, split_smiles

SMILES = [
    "CC(=O)Nc1ccc(O)cc1",
    "C[C@@H](Br)C(=O)[O-]",
    "*CC(*)c1ccc(Cl)cc1",
    "C%12CCCC%12",
    "[nH]1cccc1",
]


def test_smiles_are_split_into_atoms_bonds_and_rings() -> None:
    assert split_smiles("C[C@@H](Br)%12*") == ["C", "[C@@H]", "(", "Br", ")", "%12", "*"]


def test_characters_outside_smiles_are_named() -> None:
    with pytest.raises(ConfigError, match="character 'Q'"):
        split_smiles("CCQC")


@pytest.mark.parametrize("config", [RegexSmiles(), Char(), Byte()], ids=lambda c: c.kind)
def test_tokenizer_round_trips_and_survives_json(config: RegexSmiles | Char | Byte) -> None:
    tokenizer = config.fit(SMILES)
    again = load_tokenizer(json.loads(json.dumps(tokenizer.save())))
    for text in SMILES:
        ids = tokenizer.encode(text)
        assert again.decode(ids) == text
        assert min(ids) > max(tokenizer.pad_id, tokenizer.mask_id, tokenizer.end_id)


def test_bytes_cover_every_text() -> None:
    tokenizer = Byte().fit([])
    assert tokenizer.decode(tokenizer.encode("zürich ✓")) == "zürich ✓"


def test_decoding_shows_masks_and_hides_padding() -> None:
    tokenizer = RegexSmiles().fit(SMILES)
    ids = [*tokenizer.encode("CC"), tokenizer.mask_id, tokenizer.end_id, tokenizer.pad_id]
    assert tokenizer.decode(ids) == "CC[MASK]"


def test_tokens_outside_the_vocabulary_are_named() -> None:
    tokenizer = RegexSmiles().fit(["CCO"])
    with pytest.raises(ConfigError, match=r"token 'Br' of 'CCBr'"):
        tokenizer.encode("CCBr")


def test_huggingface_tokenizer_is_read_from_a_folder(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"[PAD]": 0, "[MASK]": 1, "[SEP]": 2, "C": 3, "O": 4, "N": 5, "[UNK]": 6}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", mask_token="[MASK]", sep_token="[SEP]"
    ).save_pretrained(tmp_path)
    tokenizer = HuggingFace(folder=tmp_path).fit([])
    assert tokenizer.encode("CON") == [3, 4, 5]
    assert (tokenizer.pad_id, tokenizer.mask_id, tokenizer.end_id) == (0, 1, 2)
    again = load_tokenizer(json.loads(json.dumps(tokenizer.save())))
    assert again.encode("NOC") == [5, 4, 3]


def test_a_folder_without_a_tokenizer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no usable tokenizer"):
        HuggingFace(folder=tmp_path).fit([])
    with pytest.raises(ConfigError, match="is not a folder"):
        HuggingFace(folder=tmp_path / "absent").fit([])
