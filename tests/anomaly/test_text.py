"""Texts under a local language model: no download, any lengths, and the length of a text as what has to be beaten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.errors import ConfigError
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_anomaly.backends.huggingface import huggingface, load_module

WORDS = [
    "[PAD]",
    "[EOS]",
    "[UNK]",
    *["the", "cat", "dog", "sat", "ran", "on", "a", "mat", "red", "blue", "tree", "house", "river"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Hugging Face writes one: a tiny causal model with a tokenizer of whole words."""
    import tokenizers
    import torch
    import transformers

    place = tmp_path_factory.mktemp("model")
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="[EOS]", unk_token="[UNK]"
    ).save_pretrained(place)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(WORDS),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=32,
        bos_token_id=1,
        eos_token_id=1,
    )
    model = transformers.GPT2LMHeadModel(config)
    for value in model.parameters():
        value.data += 0.05 * torch.randn_like(value)  # a fresh network would be told to be random
    model.save_pretrained(place)
    return place


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def texts(count: int, seed: int, words: list[str]) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, rng.integers(3, 12))) for _ in range(count)]


@pytest.fixture
def settings(folder: Path, tmp_path: Path) -> dict[str, Any]:
    normal, odd = WORDS[3:9], WORDS[6:]
    return {
        "model": folder,
        "trusted": write(tmp_path / "a.jsonl", texts(120, 0, normal)),
        "anomalous": write(tmp_path / "b.jsonl", texts(30, 1, odd)),
    }


def test_texts_are_scored_at_the_last_real_token(settings: dict[str, Any], tmp_path: Path) -> None:
    result = open_task("anomaly/text", settings).run(MemoryContext(tmp_path / "run", 0))
    assert result.metrics["auroc/fused"] > 0.7
    baselines = {"text_length", "characters", "new_words", "bag_of_words", "input"}
    assert {f"baseline_auroc/{name}" for name in baselines} <= set(result.metrics)
    # The words are other ones: a bag of them is hard to beat, and the summary says so.
    assert "best without the network" in result.summary
    card = json.loads((tmp_path / "run" / "artifacts" / "card.json").read_text())
    assert list(card["layers"]) == ["transformer.h.0", "transformer.h.1", "transformer.ln_f"]
    assert card["parameters"] in {"random", "trained"}


def test_the_length_of_a_batch_changes_no_activation(folder: Path) -> None:
    model = huggingface(folder)
    short, long = "the cat sat", "the dog ran on a red mat on a blue mat on a tree"
    alone = model.handle.forward(model.tokens([short]), ["transformer.h.1"]).activations
    beside = model.handle.forward(model.tokens([short, long]), ["transformer.h.1"]).activations
    np.testing.assert_allclose(
        beside["transformer.h.1"][0, :3], alone["transformer.h.1"][0], atol=1e-5
    )


def test_a_folder_that_cannot_be_read_safely_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of Hugging Face"):
        load_module(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ConfigError, match="only pickled weights"):
        load_module(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(ConfigError, match="code of its own"):
        load_module(tmp_path)


def test_text_says_what_is_missing(settings: dict[str, Any], tmp_path: Path) -> None:
    for name in settings:
        rest = {key: value for key, value in settings.items() if key != name}
        with pytest.raises(ConfigError, match=f"--{name} is missing"):
            list(open_task("anomaly/text", rest).check())
    (tmp_path / "a.jsonl").write_text('{"text": "the cat"}\n{"words": 3}\n')
    with pytest.raises(ConfigError, match=r"Object 2 of .* has no text under 'text'"):
        open_task("anomaly/text", settings).run(MemoryContext(tmp_path / "run", 0))
