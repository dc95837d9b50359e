"""Documents: each as it stands, closed by an end, several in a window and none seeing another."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom as tl
import torch
from taskloom.errors import ConfigError
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.corpora.documents import documents_of
from taskloom_diffusion.corpora.files import read_corpus
from taskloom_diffusion.corpora.intake import Options
from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.tasks.file import FileConfig
from taskloom_diffusion.time_samplers.base import Levels
from taskloom_diffusion.tokenizers.base import Tokenizer
from taskloom_diffusion.tokenizers.bpe import BPE
from taskloom_diffusion.tokenizers.byte import Byte
from taskloom_diffusion.tokenizers.symbols import Char
from taskloom_diffusion.training.batches import TokenStore, TrainStream, encode_all
from taskloom_diffusion.training.module import DiffusionModule

Module = Callable[..., DiffusionModule]
DOCUMENTS = (
    "Das ist\n  ein Gedicht.\r\n\n",
    "zwei\u2028Zeilen \U0001f600 und ein Tab\t.",
    "drei [MASK] [PAD] vier",
    "noch eins\x0bmit \u4e2d\u6587 und e\u0301",
)
DIT = DiT(width=16, num_layers=2, num_heads=2)
LIVELY = BERT(width=16, num_layers=1, num_heads=2, feed_forward=16, dropout=0.0)


def module_of(
    tokenizer: Any,  # noqa: ANN401 -- a fitted tokenizer
    denoiser: Denoiser = DIT,
    length: int = 12,
    **more: Any,  # noqa: ANN401 -- the model's own
) -> DiffusionModule:
    settings = DiffusionSettings.model_validate(more)
    return DiffusionModule(
        denoiser, settings, OptimizerSettings(), tokenizer, max_length=length, closes=True
    ).eval()


def write(folder: Path) -> Path:
    """Write the documents as a folder, one of them compressed."""
    folder.mkdir()
    for number, text in enumerate(DOCUMENTS[:-1]):
        (folder / f"{number}.txt").write_bytes(text.encode())
    (folder / "inner").mkdir()
    (folder / "inner" / "last.txt.gz").write_bytes(gzip.compress(DOCUMENTS[-1].encode()))
    (folder / "notes.md").write_text("no document")
    return folder


def test_documents_are_read_as_they_are(tmp_path: Path) -> None:
    """From a folder, from one file and from a field: every byte of them, and of a folder the names."""
    folder = write(tmp_path / "texts")
    found = list(documents_of(folder))
    assert [row.text for row in found] == list(DOCUMENTS)
    assert found[-1].others == {"file": "inner/last.txt.gz"}
    table = tmp_path / "texts.jsonl"
    table.write_text(
        "".join(json.dumps({"id": i, "body": t}) + "\n" for i, t in enumerate(DOCUMENTS))
    )
    assert [row.text for row in documents_of(table, "body")] == list(DOCUMENTS)
    (alone,) = documents_of(folder / "0.txt")
    assert alone.text == DOCUMENTS[0]
    with pytest.raises(ConfigError, match=r"no file of '.*' is called \*.rst; say pattern=NAMES"):
        list(documents_of(folder, pattern="*.rst"))
    with pytest.raises(ConfigError, match=r"give the folder, path=.*, and pattern=\*\.txt"):
        list(documents_of(folder / "*.txt"))


def test_a_bad_document_costs_itself_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "texts")
    (folder / "bad.txt").write_bytes(b"caf\xe9")
    (folder / "empty.txt").write_text("")
    corpus = read_corpus(
        folder, "", Options("documents", merge=False), SplitRule(0.25), blocks=True
    )
    assert corpus.dropped == {"not_utf8": 1, "empty": 1}
    assert sorted([*corpus.train, *corpus.holdout]) == sorted(DOCUMENTS)
    assert corpus.unfinished == frozenset()


def test_a_book_is_split_in_blocks_and_ends_once(tmp_path: Path) -> None:
    """Wrapped lines stay; blocks of one part that follow each other are one text, and the last block alone has the end."""
    words = np.random.default_rng(0).integers(0, 99, 9000)
    lines = [" ".join(map(str, words[i : i + 20])) for i in range(0, 9000, 20)]
    book = "\n".join(lines)
    path = tmp_path / "book.txt"
    path.write_text(book)
    corpus = read_corpus(
        path, "", Options("documents", merge=False), SplitRule(0.2, 0.2), blocks=True
    )
    parts = [*corpus.train, *corpus.holdout]
    assert sum(map(len, parts)) == len(book)
    assert all(part in book for part in parts)
    (last,) = [part for part in parts if part not in corpus.unfinished]
    assert book.endswith(last)
    store, dropped = encode_all(parts, Byte(), "document", 64, corpus.unfinished)
    assert (dropped, int((store.flat == Byte().end_id).sum())) == (0, 1)


@pytest.mark.parametrize("tokenizer", [Byte(), Char(), BPE(vocab_size=300)], ids=lambda t: t.kind)
@pytest.mark.parametrize("length", [5, 64])
def test_a_uniform_code_has_its_bits_however_texts_are_cut(
    tokenizer: Tokenizer, length: int
) -> None:
    """Tokens times log2(V) over characters of the original texts, to 1e-9: an untrained last layer is uniform."""
    fitted: Any = tokenizer.fit(DOCUMENTS)
    model = module_of(fitted, length=length).double()
    store, _ = encode_all(DOCUMENTS, fitted, "document", length)
    tokens = sum(len(fitted.encode(text)) + 1 for text in DOCUMENTS)
    characters = sum(map(len, DOCUMENTS))
    choices = sum(model.vocabulary.allowed)
    bound = estimate_bound(model, store, num_draws=2, batch_size=3, seed=0)
    assert (bound.num_tokens, bound.num_characters) == (tokens, characters)
    found = bound.bits_per_character
    assert found == pytest.approx(tokens * math.log2(choices) / characters, abs=1e-9)
    assert bound.num_bytes == sum(len(text.encode()) for text in DOCUMENTS)


def test_byte_pairs_are_learnt_from_the_training_part_and_give_every_text_back() -> None:
    fitted = BPE(vocab_size=300).fit(DOCUMENTS)
    again = BPE(vocab_size=300).fit(DOCUMENTS)
    assert fitted.save() == again.save()
    for text in (*DOCUMENTS, "ganz \x00 anderes \u200b"):
        assert BPE.restore(fitted.save()).decode(fitted.encode(text)) == text
    assert {fitted.pad_id, fitted.mask_id, fitted.end_id}.isdisjoint(fitted.encode(DOCUMENTS[2]))
    assert len(fitted.tokens) <= 300


@pytest.mark.parametrize("denoiser", [DIT, LIVELY], ids=lambda d: d.kind)
def test_a_document_in_a_window_has_the_loss_that_it_has_alone(denoiser: Denoiser) -> None:
    """Logits, loss and gradient to 1e-6: no attention, position or neighbour reaches over an end."""
    tokenizer = Char().fit(["abcdefgh"])
    model = module_of(tokenizer, denoiser)
    projection: Any = model.output_projection
    torch.nn.init.normal_(projection.weight, generator=torch.Generator().manual_seed(2))
    random = np.random.default_rng(5)
    alone = [[*random.integers(3, 11, n).tolist(), 2] for n in (3, 6, 0, 4)]
    x = torch.tensor([alone[0] + alone[1] + alone[2], alone[3] + [0] * 7])
    maskable = x != 0
    documents = torch.tensor([[0] * 4 + [1] * 7 + [2], [0] * 5 + [9] * 7])
    level = torch.full((2,), 0.4, dtype=torch.float64)
    levels = Levels(1 - level, level, torch.ones_like(level))
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    packed = model.noised_at(x, maskable, levels, noise, documents=documents)
    torch.autograd.backward(model.loss_terms(packed)[0])
    slope = gradient(model)
    places = [(0, slice(0, 4)), (0, slice(4, 11)), (0, slice(11, 12)), (1, slice(0, 5))]
    nats = 0.0
    model.zero_grad()
    for row, span in places:
        part = x[row : row + 1, span]
        own = model.noised_at(
            part, part != 0, levels.of_rows(torch.tensor([row])), noise[row : row + 1, span]
        )
        masked = own.z[0] == model.mask_token_id
        assert torch.allclose(own.logits[0][masked], packed.logits[row, span][masked], atol=1e-6)
        loss = model.loss_terms(own)[0]
        torch.autograd.backward(loss)
        nats += float(loss.detach())
    assert float(model.loss_terms(packed)[0].detach()) == pytest.approx(nats, abs=1e-6)
    assert torch.allclose(gradient(model), slope, atol=1e-5)


def gradient(model: DiffusionModule) -> torch.Tensor:
    parts = [p.grad.flatten() for p in model.model.parameters() if p.grad is not None]
    return torch.cat(parts).clone()


def test_windows_of_the_stream_tell_documents_apart() -> None:
    store = TokenStore([[3, 4, 2], [5, 2], [6, 7, 8, 3, 2], [4, 2], [3, 3, 3, 2]])
    owner = np.repeat(np.arange(5), store.lengths)
    stream = iter(TrainStream(store, 2, 0, 1, window=4, documents=True))
    for _ in range(6):
        batch = next(stream)
        for row, numbers in zip(
            batch["tokens"].tolist(), batch["document_ids"].tolist(), strict=True
        ):
            starts = [i for i in range(len(owner) - 3) if store.flat[i : i + 4].tolist() == row]
            same = [np.diff(owner[i : i + 4]).tolist() for i in starts]
            assert np.diff(numbers).tolist() in same


def test_length_policies_follow_the_content() -> None:
    texts = {"content": "documents", "tokenizer": {"kind": "byte"}, "metrics": {"kind": "text"}}
    assert FileConfig.model_validate(texts).length_policy == "packed"
    alone = FileConfig.model_validate({**texts, "pack": False})
    assert alone.length_policy == "document"
    assert FileConfig.model_validate(alone.model_dump()).length_policy == "document"
    for wrong, words in (
        ({**texts, "length_policy": "window"}, "does not go with content = 'documents'"),
        ({"length_policy": "packed"}, "does not go with content = 'smiles'"),
        ({**texts, "block_size": 4}, "block_size is for one document a row"),
        ({**texts, "split": "legacy"}, "before there were documents"),
    ):
        with pytest.raises(ValueError, match=words):
            FileConfig.model_validate(wrong)


def test_a_folder_of_documents_trains_is_judged_and_sampled(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(12):
        words = random.choice(["sun", "moon", "and", "rain\n"], random.integers(3, 30))
        (folder / f"{number}.txt").write_text(" ".join(words))
    run = tl.run(
        "diffusion/file",
        {
            **{"path": str(folder), "content": "documents", "tokenizer.vocab_size": 290},
            **{"tokenizer": "bpe", "metrics": "text", "max_length": 16, "holdout_share": 0.2},
            **{"denoiser.width": 16, "denoiser.num_layers": 1, "denoiser.num_heads": 2},
            **{"train.steps": 3, "train.batch_size": 4, "evaluate.num_samples": 3},
        },
        options=tl.RunOptions(store=tmp_path / "store"),
    )
    assert run.config["length_policy"] == "packed"
    assert 0 < run.metrics["nelbo/bits_per_character"] < 40
    model = run.load("model")
    assert model.closes
    answer = model.log_likelihood(["sun and rain\n"], draws=4)
    assert answer.bound[0] < 0
    assert all("[PAD]" not in text for text in model.sample(3).texts)
    found = list(model.likelihood(folder, draws=1))
    assert {record["line"] for record in found} == set(range(1, 13))
    assert sum(record["characters"] for record in found) == sum(
        len(path.read_text()) for path in folder.iterdir()
    )
