"""Texts under a local language model: no download, any lengths, and the length of a text as what has to be beaten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom_anomaly
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_anomaly.backends.huggingface import huggingface, load_module
from taskloom_anomaly.detection.artifacts import scores_of

WORDS = [
    "[PAD]",
    "[EOS]",
    "[UNK]",
    *["the", "cat", "dog", "sat", "ran", "on", "a", "mat", "red", "blue", "tree", "house", "river"],
]


SIZES = {"vocab_size": len(WORDS) + 2}
GPT2 = {**SIZES, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
BERT = {
    **SIZES, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 32,
}  # fmt: skip
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "causal": ("GPT2", "GPT2LMHeadModel", {**GPT2, "bos_token_id": 1, "eos_token_id": 1}),
    "encoder": ("Bert", "BertModel", BERT),
    "offset": ("Roberta", "RobertaModel", {**BERT, "pad_token_id": 1}),
}
OAS = {"kind": "mahalanobis", "shrinkage": "oas"}
CHAT = "{% for m in messages %}[CLS] {{ m.content }} [SEP]{% endfor %}"


def make_folder(place: Path, kind: str, **tokenizer: Any) -> Path:  # noqa: ANN401 -- of transformers
    """Write a folder as Hugging Face does: a tiny model with a tokenizer of whole words; encoders put marks around a text."""
    import tokenizers
    import torch
    import transformers

    ids = {word: i for i, word in enumerate([*WORDS, "[CLS]", "[SEP]"])}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    if kind != "causal":
        marks = [(mark, ids[mark]) for mark in ("[CLS]", "[SEP]")]
        words.post_processor = tokenizers.processors.TemplateProcessing(
            "[CLS] $A [SEP]", None, marks
        )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="[EOS]", unk_token="[UNK]", **tokenizer
    ).save_pretrained(place)
    config, model, sizes = KINDS[kind]
    torch.manual_seed(0)
    network = getattr(transformers, model)(getattr(transformers, f"{config}Config")(**sizes))
    for value in network.parameters():
        value.data += 0.05 * torch.randn_like(value)  # a fresh network would be told to be random
    network.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny causal model whose tokenizer has no token for padding."""
    return make_folder(tmp_path_factory.mktemp("model"), "causal")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny encoder."""
    return make_folder(tmp_path_factory.mktemp("encoder"), "encoder", pad_token="[PAD]")


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


def test_texts_of_files_go_through_the_tokenizer_of_the_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted, odd = texts(120, 0, WORDS[3:9]), texts(30, 1, WORDS[6:])
    normal = [f"{text} the cat the dog the cat sat" for text in texts(30, 2, WORDS[3:9])]
    files = {
        name: str(write(tmp_path / f"{name}.jsonl", lines))
        for name, lines in {"trusted": trusted, "odd": odd, "normal": normal}.items()
    }
    det = str(tmp_path / "det")
    words = ["--detector=mahalanobis", "--param=detector.shrinkage=oas", "--max-tokens=30"]
    assert main(["anomaly", "fit", str(folder), files["trusted"], "--out", det, *words]) == 0
    capsys.readouterr()
    judged = ["--normal", files["normal"], "--anomalous", files["odd"], "--dir", f"{det}-eval"]
    assert main(["anomaly", "eval-detector", det, *judged]) == 0
    assert json.loads(capsys.readouterr().out)["auroc/fused"] > 0.6
    # From Python the same bits, of texts of other lengths than those that were fitted on.
    fitted = taskloom_anomaly.fit(str(folder), trusted, detector=OAS, max_tokens=30)
    kept = scores_of(tmp_path / "det-eval" / "scores.npz")
    for name, lines in (("normal", normal), ("anomalous/odd", odd)):
        np.testing.assert_array_equal(kept[name]["fused"], fitted.fused(lines))
    assert json.loads((tmp_path / "det" / "network.json").read_text())["max_tokens"] == 30


def test_texts_without_a_tokenizer_and_under_another_key_are_refused_in_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(write(tmp_path / "a.jsonl", ["the cat", "a dog"]))
    out = str(tmp_path / "x")
    assert main(["anomaly", "fit", "none", file, "--out", out]) == 2
    assert "Texts need a folder of Hugging Face" in capsys.readouterr().err
    assert main(["anomaly", "fit", str(folder), file, "--out", out, "--text-key=body"]) == 2
    assert "has no text under 'body'; it has text" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    table = taskloom_anomaly.fit(None, np.random.default_rng(0).normal(size=(20, 3)))
    with pytest.raises(ConfigError, match="this network has no tokenizer"):
        table.score(["the cat"])


@pytest.mark.parametrize(("kind", "window"), [("causal", 32), ("encoder", 32), ("offset", 30)])
def test_a_text_longer_than_the_window_of_the_model_is_cut_and_counted(
    kind: str, window: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = huggingface(make_folder(tmp_path, kind))
    assert model.max_tokens == window
    long = " ".join(["the cat sat on a mat"] * 20)
    tokens = model.tokens([long, "a dog"])
    assert tokens.shape == (2, window)
    assert "1 of 2 texts are longer than" in caplog.text
    if kind != "causal":
        # What the tokenizer puts around a text stays there.
        assert tokens.first[0, [0, -1]].tolist() == [len(WORDS), len(WORDS) + 1]
    layer = model.handle.default_layers[0]
    assert np.isfinite(model.handle.forward(tokens, [layer]).activations[layer]).all()


def test_the_side_on_which_a_tokenizer_pads_and_its_missing_token_change_nothing(
    folder: Path, tmp_path: Path
) -> None:
    lines = texts(40, 0, WORDS[3:])
    sides = {"folder": folder, "left": make_folder(tmp_path, "causal", padding_side="left")}
    sides["pads"] = make_folder(tmp_path / "pads", "causal", pad_token="[PAD]")
    found = [
        taskloom_anomaly.fit(str(place), lines, detector=OAS).score(lines[:9])
        for place in sides.values()
    ]
    for other in found[1:]:
        for layer, scores in found[0].items():
            np.testing.assert_array_equal(other[layer], scores)


def test_a_chat_template_writes_the_marks_once_and_the_card_says_so(
    folder: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    chat = make_folder(tmp_path / "chat", "causal", chat_template=CHAT)
    plain, written = huggingface(folder), huggingface(chat)
    own = plain.tokens(["[CLS] the cat [SEP]", "[CLS] a dog sat [SEP]"])
    templated = written.tokens(["the cat", "a dog sat"])
    for name, array in own.arrays.items():
        np.testing.assert_array_equal(templated.arrays[name], array)
    run = open_task("anomaly/text", {**settings, "model": chat, "baselines": False})
    assert run.run(MemoryContext(tmp_path / "run", 0)).metrics["card/chat_template"] == 1


def test_an_empty_text_is_scored_where_it_has_marks_and_refused_with_its_place_elsewhere(
    folder: Path, encoder: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    lines = texts(40, 0, WORDS[3:])
    fitted = taskloom_anomaly.fit(str(encoder), lines, detector=OAS)
    scores = fitted.fused(["", "  ", "the cat"])
    assert np.isfinite(scores).all()
    # Spaces are no token either: the two are the same text.
    assert scores[0] == scores[1]
    with pytest.raises(ConfigError, match="Text 2 of the texts is empty"):
        taskloom_anomaly.fit(str(folder), lines, detector=OAS).score(["the cat", " "])
    write(tmp_path / "a.jsonl", ["the cat", "", "a dog"])
    with pytest.raises(ConfigError, match=r"Text 2 of '.*a\.jsonl' is empty"):
        open_task("anomaly/text", settings).run(MemoryContext(tmp_path / "run", 0))


def test_a_tokenizer_of_another_model_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path
) -> None:
    import safetensors.numpy

    make_folder(tmp_path, "causal")
    arrays = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    arrays["transformer.wte.weight"] = arrays["transformer.wte.weight"][:5]
    safetensors.numpy.save_file(arrays, tmp_path / "model.safetensors", {"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "vocab_size": 5}))
    with pytest.raises(ConfigError, match=r"token 15 .* vocabulary of 5"):
        taskloom_anomaly.fit(str(tmp_path), texts(40, 0, WORDS[3:]))
