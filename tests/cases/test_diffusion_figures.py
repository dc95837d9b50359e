"""What is divided by: losses and figures are of tokens, characters, polymers and molecules as they are named."""

from __future__ import annotations

import importlib.util
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from cases_verdict import verdict
from taskloom.errors import TaskloomError
from taskloom.opening import open_task
from taskloom_diffusion import DiffusionSettings, DiffusionTask, OptimizerSettings
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.metrics.molecules import PolymerMetrics
from taskloom_diffusion.tasks.moses import MosesConfig
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.huggingface import load_folder
from taskloom_diffusion.tokenizers.symbols import fit_symbols
from taskloom_diffusion.training.batches import TokenStore, collate, encode_all
from taskloom_diffusion.training.preparation import prepare
from tests_sizes import size
from tokenizers import (
    Regex,
    Tokenizer as Backend,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

SPECIAL = {"pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
MARKS = [*SPECIAL.values(), "[END]"]


def _byte_level() -> tuple[Backend, trainers.Trainer]:
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend, trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=MARKS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )


def _metaspace() -> tuple[Backend, trainers.Trainer]:
    backend = Backend(models.BPE(unk_token="[UNK]"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=MARKS, show_progress=False)
    return backend, trainer


def _word_piece() -> tuple[Backend, trainers.Trainer]:
    backend = Backend(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=MARKS, show_progress=False)
    return backend, trainer


def test_characters_of_tokens(tmp_path: Path) -> None:
    """Counts the characters of the original text, ratio 1, however it was cut into tokens and windows.

    Byte pairs cut a Chinese character in two; WordPiece's decoder drops and adds spaces; Metaspace loses the first
    space of each window.
    """
    chinese = "".join(chr(0x4E00 + (i * 37) % 3000) for i in range(4000))
    english = "the sun, the moon (and you) don't go away . " * 100

    def tokenizer(
        name: str, make: Callable[[], tuple[Backend, trainers.Trainer]], text: str
    ) -> FittedTokenizer:
        backend, trainer = make()
        backend.train_from_iterator([text], trainer)
        fast = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="[END]", **SPECIAL)
        fast.save_pretrained(str(tmp_path / name))
        return load_folder(tmp_path / name)

    ratios = {}
    for name, make, text in (
        ("byte-level", _byte_level, chinese),
        ("metaspace", _metaspace, english),
        ("word piece", _word_piece, english),
    ):
        fitted = tokenizer(name, make, text)
        for window in (8, 32):
            store, _ = encode_all([text], fitted, "window", window)
            assert store.characters is not None
            counted = int(store.characters.sum())
            # The last window may be shorter than the others and left out.
            true = len(text) * len(store.flat) / len(fitted.encode(text))
            ratios[f"{name} {window}"] = round(counted / true, 3)
    verdict(
        all(abs(ratio - 1) < 0.005 for ratio in ratios.values()),
        f"ratios {ratios}",
        "1.000 each",
    )


def test_cls_sep_loss(tmp_path: Path) -> None:
    """Gives finite losses for batches with [CLS] and [SEP], or refuses them in one sentence."""
    symbols = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", *"CNOcn1()=#"]
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    backend = Backend(models.WordLevel(numbers, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    ends = {"cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, **ends, **SPECIAL)
    home = str(tmp_path / "tokenizer")
    fast.save_pretrained(home)
    batch = fast(["CCO", "c1ccccc1O"], padding="max_length", max_length=16, return_tensors="pt")
    model = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model["intermediate_size"] = 64
    cosine = {"num_timesteps": 1000, "schedule_type": "cosine"}
    losses: dict[str, Any] = {}
    for name, diffusion in (("cosine", cosine), ("defaults", {})):
        try:
            task = DiffusionTask(model, diffusion, {"lr": 1e-3, "weight_decay": 0.01}, home)
            steps = task.training_step(batch, 0), task.validation_step(batch, 0)
            losses[name] = tuple(round(float(loss.detach()), 3) for loss in steps)
        except TaskloomError as error:
            losses[name] = f"refused: {error}"
    found = [loss for pair in losses.values() if isinstance(pair, tuple) for loss in pair]
    verdict(
        all(map(math.isfinite, found)),
        f"train and validation {losses}",
        "finite numbers, or a refusal in one sentence",
    )


@pytest.mark.filterwarnings("ignore")  # Lightning's advice about loaders and loggers
def test_val_loss_per_token() -> None:
    """Gives the same `val_loss` in every order of the rows, that of `estimate_bound`: nats over tokens, not over batches."""
    quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet |= {"enable_progress_bar": False, "enable_model_summary": False}
    rng, steps = np.random.default_rng(0), size("uneven_lengths_steps")
    words = [rng.integers(3, 11, 4).tolist() for _ in range(256)]
    store = TokenStore(words + [[3] * 40] * 256)

    def loader(order: np.ndarray) -> Any:  # noqa: ANN401 -- whatever Lightning takes
        rows = [[store.get(int(i)) for i in part] for part in np.split(order, len(order) // 64)]
        batches = [collate(part, 0) for part in rows]
        return torch.utils.data.DataLoader(batches, batch_size=None)

    task = DiffusionTask(
        DiT(width=32, num_layers=2, num_heads=2),
        DiffusionSettings(),
        OptimizerSettings(lr=3e-3),
        fit_symbols("char", ["abcdefgh"]),
        max_length=40,
        total_steps=steps,
    )
    order = rng.permutation(512)
    trainer = pl.Trainer(max_steps=steps, limit_val_batches=0, **quiet)
    trainer.fit(task, loader(np.tile(order, math.ceil(steps / 8))))
    task.eval()
    true = estimate_bound(task, store, num_draws=16, batch_size=64, seed=0).nats_per_token
    losses = {}
    for name, rows in (("shuffled", order), ("by length", np.arange(512))):
        found = pl.Trainer(**quiet).validate(task, loader(rows), verbose=False)
        losses[name] = round(found[0]["val_loss"], 3)
    verdict(
        all(abs(loss - true) < 0.1 for loss in losses.values()),
        f"val_loss {losses}",
        f"{true:.3f} within 0.1 for each",
    )


def test_polymer_shift() -> None:
    """Finds one distinct polymer and no novel one: *CCO*, *COC* and *OCC* are all poly(ethylene oxide)."""
    corpus = Corpus("polymers", ["*CCO*"], ["*CCC*"], canonical=True)
    found = PolymerMetrics().compute(["*COC*", "*OCC*", "*CCO*"], corpus)
    shares = [round(found[name], 3) for name in ("valid", "unique", "novel")]
    verdict(shares == [1.0, 0.333, 0.0], f"valid, unique, novel {shares}", [1.0, 0.333, 0.0])


@pytest.mark.skipif(
    importlib.util.find_spec("moses") is None,
    reason="needs the data of molsets, which `make test` installs and a user's installation does not",
)
def test_judged_molecules_are_random() -> None:
    """Judges a random part of MOSES' test set: the mean length is within 4 standard errors of the whole set's."""
    evaluate = {"num_holdout": size("judged_molecules")}
    fields = {"num_molecules": 2000, "evaluate": evaluate}
    task = open_task("diffusion/moses", MosesConfig.model_validate(fields))
    prepared = prepare(task)
    whole = [len(text) for text in task.task.load_corpus().holdout]
    # In characters, which are nearly tokens: MOSES has few two-letter atoms.
    judged = [
        len(prepared.tokenizer.decode(prepared.holdout.get(i).tolist()))
        for i in range(len(prepared.holdout))
    ]
    error = statistics.pstdev(whole) / len(judged) ** 0.5
    z = (statistics.mean(judged) - statistics.mean(whole)) / error
    verdict(
        len(judged) > 900 and abs(z) < 4,
        f"{len(judged)} judged of {len(whole)}, {z:.1f} standard errors",
        "below 4 standard errors",
    )
