"""Parts that come from elsewhere: bodies of Hugging Face, SELFIES, weights of a finished run, optimizers of one's own."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
import taskloom_diffusion
import torch
from rdkit import Chem
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError, MissingExtraError, TaskloomError
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_diffusion import TrainedModel, own
from taskloom_diffusion.config import OptimizerSettings
from taskloom_diffusion.tokenizers.saved import load_tokenizer
from taskloom_diffusion.tokenizers.selfies import Selfies
from torch import Tensor

SMALL = {
    **{"train.steps": 2, "train.batch_size": 8, "evaluate.num_samples": 4},
    **{"evaluate.num_holdout": 4, "denoiser.width": 16, "denoiser.num_layers": 1},
    **{"denoiser.num_heads": 2, "max_length": 12},
}
WORDS = ["abcab", "bca", "cabba", "aab", "bbca", "cc", "abc", "acb", "bab", "caac"]


@dataclass
class Bent:
    """alpha = 1 - t^power."""

    power: float = 0.7

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t**self.power

    def dalpha(self, t: Tensor) -> Tensor:
        return -self.power * t ** (self.power - 1)


@dataclass
class Heavy:
    """SGD that remembers."""

    momentum: float = 0.9

    def __call__(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, momentum=self.momentum)


def no_optimizer(groups: list[dict[str, Any]]) -> int:
    return len(groups)


def toy(schedule: object, algorithm: object) -> BoundTask[Any, Any]:
    fields: dict[str, Any] = {
        "num_tokens": 3,
        "length": 3,
        "num_sequences": 100,
        "schedule": schedule,
        "time_sampler": {"kind": "uniform"},
        "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
        "train": {
            **{"steps": 4, "batch_size": 8, "checkpoint_every": 2, "validate_every": 4},
            "optimizer": {"algorithm": algorithm, "warmup_steps": 1},
        },
        "evaluate": {"num_samples": 4, "num_holdout": 4, "num_draws": 1},
    }
    return open_task("diffusion/toy", fields)


def test_a_training_with_parts_of_ones_own_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """From the middle, by what a record keeps of the parts; momentum and noise are those of the training in one piece."""
    task = toy(own(Bent()), own(Heavy()))
    whole = MemoryContext(tmp_path / "whole")
    expected = task.run(whole).artifacts["model"].read_bytes()
    middle = next(p for p in sorted((whole.dir / "checkpoints").iterdir()) if "2" in p.name)
    kept = json.loads(task.config.model_dump_json())
    again = toy(kept["schedule"], kept["train"]["optimizer"]["algorithm"])
    found = again.run(MemoryContext(tmp_path / "later"), middle)
    assert found.artifacts["model"].read_bytes() == expected
    other = toy(own(Bent()), own(Heavy(0.0))).run(MemoryContext(tmp_path / "other"))
    assert other.artifacts["model"].read_bytes() != expected


def test_what_is_no_optimizer_is_one_sentence() -> None:
    for given, words in (
        ("mon", r"must be one of adamw, muon, not 'mon'; did you mean 'muon'\?"),
        (3, "int cannot be an optimizer: it lacks a call"),
        (lambda groups: groups, "a lambda cannot be an optimizer: it has no name"),
        (torch.optim.SGD, r"SGD cannot be an optimizer: it is a class; give an object of it, SGD"),
    ):
        with pytest.raises((ConfigError, ValueError), match=words):
            OptimizerSettings(algorithm=given)  # type: ignore[arg-type]  # what is refused
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]}]
    settings = OptimizerSettings(algorithm=no_optimizer)  # type: ignore[arg-type]  # a config keeps it in its form
    with pytest.raises(ConfigError, match=r"no_optimizer returned a int, and no torch\.optim"):
        settings.algorithm.build(groups, 0.1)  # type: ignore[union-attr]  # no name


def text_run(folder: Path, words: list[str], **more: object) -> tl.Run:
    path = folder / f"{len(list(folder.iterdir()))}.txt"
    path.write_text("\n".join(words) + "\n")
    values = {
        **SMALL,
        "path": str(path),
        "content": "lines",
        "tokenizer": "char",
        "metrics": "sequences",
        **more,
    }
    return tl.run(
        "diffusion/file", values, options=tl.RunOptions(store=folder / "store", quiet=True)
    )


def test_fine_tuning_begins_from_a_runs_weights_and_its_vocabulary_goes_on(tmp_path: Path) -> None:
    first = text_run(tmp_path, WORDS * 4)
    old: TrainedModel = first.load("model")
    second = text_run(
        tmp_path,
        ["abd", "dda", "cd", "bad", "dab", "dcb"] * 4,
        start=str(first.dir),
        **{"train.steps": 0},
    )
    new: TrainedModel = second.load("model")
    assert list(new.tokenizer.tokens) == [*old.tokenizer.tokens, "d"]
    for name, tensor in old.model.state_dict().items():
        # Old ids keep their rows; that of the new letter is fresh.
        assert torch.equal(new.model.state_dict()[name][: len(tensor)], tensor), name
    assert new.encode(["abc"]) == old.encode(["abc"])
    with pytest.raises(TaskloomError, match="start: the run's network does not fit"):
        text_run(tmp_path, WORDS, start=str(first.dir), **{"denoiser.width": 32})


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with its tokenizer, which adds marks, as a user has it in a folder."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    place = tmp_path_factory.mktemp("bert")
    letters = [*"abcd", *(f"##{letter}" for letter in "abcd")]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    (place / "vocab.txt").write_text("\n".join(names) + "\n")
    BertTokenizerFast(str(place / "vocab.txt")).save_pretrained(place)
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=16, intermediate_size=16, max_position_embeddings=16, **sizes)
    BertForMaskedLM(config).save_pretrained(place)
    return place


def test_a_folder_of_bert_is_a_body_and_the_model_outlives_the_folder(
    bert: Path, tmp_path: Path
) -> None:
    place = tmp_path / "mine"
    shutil.copytree(bert, place)
    names = ("width", "num_layers", "num_heads")
    small = {k: v for k, v in SMALL.items() if k not in {f"denoiser.{name}" for name in names}}
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS * 4) + "\n")
    values = {
        **small,
        **{"path": str(path), "content": "lines", "metrics": "sequences", "train.steps": 0},
        "denoiser": {"kind": "hf", "path": str(place)},
        "tokenizer": {"kind": "huggingface", "folder": str(place)},
    }
    options = tl.RunOptions(store=tmp_path / "store", quiet=True)
    run = tl.run("diffusion/file", values, options=options)
    shutil.rmtree(place)
    model: TrainedModel = run.load("model")
    theirs = taskloom_diffusion.load(bert)
    z = torch.tensor([[5, model.mask_token_id, 10, 11]])
    # No step was taken: what it predicts is what the folder predicts.
    assert torch.allclose(
        model.denoise(z, 0.5), theirs.denoise(z, 0.5)[..., : model.vocab_size], atol=1e-5
    )
    assert set("".join(model.sample(5, seed=1).texts)) <= set("abcd #")


def test_a_folder_that_does_not_fit_is_one_sentence(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, more, words in (
        (tmp_path / "empty", {}, "holds no model of Hugging Face: it has no config.json"),
        (bert, {"max_length": 99}, "takes 16 tokens, and max_length = 99"),
        (
            bert,
            {"tokenizer": "char"},
            "predicts tokens of its own vocabulary, not those of tokenizer 'char'",
        ),
    ):
        values = {
            "denoiser": {"kind": "hf", "path": str(folder)},
            "tokenizer": {"kind": "huggingface", "folder": str(bert)},
            "path": str(bert / "vocab.txt"),
            "content": "lines",
            **more,
        }
        with pytest.raises(TaskloomError, match=words):
            open_task("diffusion/file", values).run(MemoryContext(tmp_path / "run"))


def test_selfies_come_back_as_their_molecules_and_every_draw_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("selfies")
    texts = ["CC(=O)Nc1ccc(O)cc1", "C[C@@H](Br)C(=O)[O-]", "c1ccc2[nH]ccc2c1", "F/C=C/F"]
    tokenizer = load_tokenizer(json.loads(json.dumps(Selfies().fit(texts).save())))
    for text in texts:
        back = tokenizer.decode(tokenizer.encode(text))
        assert Chem.CanonSmiles(back) == Chem.CanonSmiles(text)
    count = len(tokenizer.tokens)
    ids = torch.randint(3, count, (40, 12), generator=torch.Generator().manual_seed(1)).tolist()
    assert all(Chem.MolFromSmiles(tokenizer.decode(row)) is not None for row in ids)
    assert "cannot be written as SELFIES" in Selfies().complaint("C$$")
    monkeypatch.setitem(sys.modules, "selfies", None)
    with pytest.raises(MissingExtraError, match="it is not installed"):
        tokenizer.encode("CC")
