"""Tokenizers: round trips, polymers' stars, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from taskloom.errors import ConfigError
from taskloom_diffusion.model.noising import vocabulary_of
from taskloom_diffusion.tokenizers.byte import Byte
from taskloom_diffusion.tokenizers.huggingface import HuggingFace, HuggingFaceTokenizer
from taskloom_diffusion.tokenizers.saved import load_tokenizer
from taskloom_diffusion.tokenizers.symbols import Char, RegexSmiles, split_smiles

if TYPE_CHECKING:
    from tokenizers.models import Model
    from tokenizers.pre_tokenizers import PreTokenizer

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


def saved(
    folder: Path, model: Model, splitter: PreTokenizer, **special: str
) -> HuggingFaceTokenizer:
    """A tokenizer as people share it: with the limits of its last use."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(model)
    backend.pre_tokenizer = splitter
    backend.enable_truncation(3)
    backend.enable_padding(pad_id=0, pad_token="[PAD]", length=8)
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        mask_token="[MASK]",
        sep_token="[SEP]",
        **special,
    ).save_pretrained(folder)
    loaded = HuggingFace(folder=folder).fit([])
    return HuggingFaceTokenizer(**{k: v for k, v in loaded.save().items() if k != "kind"})


ATOMS = {"[PAD]": 0, "[MASK]": 1, "[SEP]": 2, "C": 3, "O": 4, "N": 5, "[UNK]": 6, "[CLS]": 7}


def test_huggingface_tokenizer_neither_cuts_nor_fills_up_nor_hides(tmp_path: Path) -> None:
    from tokenizers import models, pre_tokenizers

    word_level = models.WordLevel(ATOMS, unk_token="[UNK]")
    splitter = pre_tokenizers.Split("", "isolated")
    tokenizer = saved(tmp_path, word_level, splitter, unk_token="[UNK]", cls_token="[CLS]")
    assert tokenizer.encode("CCONCCO") == [3, 3, 4, 5, 3, 3, 4]
    assert tokenizer.decode([3, 4, 5, 2, 0]) == "CON"
    assert tokenizer.decode([3, 1, 7, 6, 4]) == "C[MASK][CLS][UNK]O"
    # No text has them, so a model may not produce them.
    allowed = vocabulary_of(tokenizer, (), ends=False).allowed
    assert [name for name, may in zip(tokenizer.tokens, allowed, strict=True) if may] == ["C", "O", "N"]  # fmt: skip
    with pytest.raises(ConfigError, match=r"has '\[CLS\]' in it, which the tokenizer keeps"):
        tokenizer.encode("C[CLS]O")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("CXN", "the token 'X' of 'CXN' is not in the vocabulary of 8 tokens"),
        ("C[MASK]N", r"'C\[MASK\]N' has '\[MASK\]' in it"),
        ("C[SEP]", r"has '\[SEP\]' in it"),
    ],
)
def test_text_that_a_tokenizer_cannot_say_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """As `[UNK]` it would be cheap to predict, and the likelihood that of another text."""
    from tokenizers import models, pre_tokenizers

    word_level = models.WordLevel(ATOMS, unk_token="[UNK]")
    tokenizer = saved(tmp_path, word_level, pre_tokenizers.Split("", "isolated"))
    with pytest.raises(ConfigError, match=complaint):
        tokenizer.encode(text)


def test_letters_that_pair_encoding_would_leave_out_are_refused(tmp_path: Path) -> None:
    from tokenizers import models, pre_tokenizers

    vocabulary = {name: i for name, i in ATOMS.items() if name != "[UNK]"} | {"CO": 6}
    pairs = models.BPE(vocabulary, [("C", "O")])
    tokenizer = saved(tmp_path, pairs, pre_tokenizers.Split(" ", "isolated"))
    assert tokenizer.encode("CONC") == [6, 5, 3]
    with pytest.raises(ConfigError, match="the token 'X' of 'CXN' is not in the vocabulary"):
        tokenizer.encode("CXN")


def test_a_folder_without_a_tokenizer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no usable tokenizer"):
        HuggingFace(folder=tmp_path).fit([])
    with pytest.raises(ConfigError, match="is not a folder"):
        HuggingFace(folder=tmp_path / "absent").fit([])


def test_a_tokenizer_without_a_mask_is_told_how_to_get_one(tmp_path: Path) -> None:
    """GPT-2's has neither padding nor a mask; with what the sentence says it works."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE({"a": 0, "b": 1, "<|endoftext|>": 2}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="has no pad token and no mask token; give it some with"):
        HuggingFace(folder=tmp_path).fit([])
    theirs.add_special_tokens({"pad_token": "<pad>", "mask_token": "<mask>"})
    theirs.save_pretrained(tmp_path)
    assert HuggingFace(folder=tmp_path).fit(["ab"]).encode("ab") == [0, 1]
