"""Models that leave: a folder without anything of ours in it draws the same tokens, and comes back as it went."""

from __future__ import annotations

import ast
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom_diffusion
import torch
from taskloom.cli import main
from taskloom.errors import ConfigError, UsageError
from taskloom_diffusion import TrainedModel, export
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.exports.folder import SAMPLERS, network_of
from taskloom_diffusion.model.coercion import as_sampler
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.samplers.confidence import Confidence
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.training.module import DiffusionModule
from tests_sizes import size

Module = Callable[..., DiffusionModule]
ROWS = size("exported_samples")


def lively(task: DiffusionModule) -> TrainedModel:
    """Give a network weights that say something, and lengths to draw from."""
    projection: Any = task.output_projection
    torch.nn.init.normal_(projection.weight, generator=torch.Generator().manual_seed(1))
    model = taskloom_diffusion.load(task)
    model.length_histogram = [0, 1, 2, 0, 3, 4, 0, 1, 2]
    return model


@pytest.fixture(scope="module")
def model(module: Module) -> TrainedModel:
    """A network of two layers over three letters, of texts of up to 8."""
    return lively(module(DiT(width=16, num_layers=2, num_heads=2)))


@pytest.fixture(scope="module")
def folder(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as torch.export has it."""
    place = tmp_path_factory.mktemp("exported") / "torch"
    export(model, place, "torch", Confidence())
    return place


def drawn(folder: Path, network: Any, rule: Any, rows: int) -> np.ndarray:  # noqa: ANN401 -- of any back end
    """Return what a folder's program draws with a sampler, for the lengths that it draws itself."""
    program = runpy.run_path(str(folder / "sample.py"))
    described = json.loads((folder / "model.json").read_text())
    described["sampler"] = rule.model_dump(mode="json")
    sizes = [1 + i % 8 for i in range(rows)]
    if "torch" in program:
        made = program["sample"](described, network, torch.arange(rows), torch.tensor(sizes), 3)
        return np.array(made.tolist())
    return np.array(program["sample"](described, network, np.arange(rows), np.array(sizes), 3))


@pytest.fixture
def as_one_call(model: TrainedModel) -> Callable[[Any, int], np.ndarray]:
    """Return our tokens, row i with the noise of row i."""

    def draw(rule: Any, rows: int) -> np.ndarray:  # noqa: ANN401 -- a sampler
        lengths = [1 + i % 8 for i in range(rows)]
        made = sample_lengths(model, rule, lengths, seed=3, batch_size=250).tokens
        return np.array([[*row, *[model.pad_token_id] * (8 - len(row))] for row in made])

    return draw


RULES = [
    *(as_sampler({"kind": kind}) for kind in SAMPLERS),
    Confidence(temperature=0.0, randomness=0.0, num_calls=3),
    FirstHitting(temperature=1.5, top_p=0.7),
    RandomGroups(num_calls=0),
]


def test_a_program_of_a_hundred_lines_draws_the_same_tokens(
    folder: Path, as_one_call: Callable[[Any, int], np.ndarray]
) -> None:
    """All samples equal, whatever the sampler, temperature and nucleus."""
    network = torch.export.load(folder / "model.pt2").module()
    for rule in RULES:
        assert np.array_equal(drawn(folder, network, rule, ROWS), as_one_call(rule, ROWS)), rule
    text = (folder / "sample.py").read_text()
    assert len(text.splitlines()) <= 100
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for alias in (node.names if isinstance(node, ast.Import) else ())
    } | {
        str(node.module).partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
    }
    assert imported - sys.stdlib_module_names == {"torch"}


def test_the_program_prints_what_the_model_draws(
    model: TrainedModel,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lengths, tokens and texts are those of `model.sample(6, seed=4)`."""
    expected = model.sample(6, sampler=Confidence(), seed=4)
    for words in (["6", "4"], ["6", "4", "--tokens"]):
        monkeypatch.setattr(sys, "argv", ["sample.py", *words])
        runpy.run_path(str(folder / "sample.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == expected.texts
    rows = [json.loads(line) for line in lines[6:]]
    assert [len(row) for row in rows] == expected.lengths.tolist()
    assert [
        row + [0] * (expected.tokens.shape[1] - len(row)) for row in rows
    ] == expected.tokens.tolist()


@pytest.mark.parametrize("told", [False, True], ids=["plain", "told the time"])
def test_the_network_in_plain_operations_says_the_same(module: Module, told: bool) -> None:
    for fields in ({}, {"convolution": 0, "query_key_norm": False}):
        denoiser = DiT(width=16, num_layers=2, num_heads=2, time_conditioning=told, **fields)  # type: ignore[arg-type]  # fields of it
        loaded = lively(module(denoiser))
        if told:
            for block in loaded.model.blocks:  # type: ignore[union-attr]  # a list of blocks
                torch.nn.init.normal_(block.modulation.weight, std=0.3)
        z = torch.randint(1, 6, (3, 8), generator=torch.Generator().manual_seed(2))
        inside = torch.arange(8) < torch.tensor([[8], [5], [1]])
        noise = torch.tensor([0.1, 0.5, 0.9])
        plain = network_of(loaded)(z, inside, noise)
        with torch.no_grad():
            found = loaded.forward(z, noise, inside)
        assert torch.allclose(plain[inside], found[inside], atol=2e-5)


def test_onnx_draws_the_same_tokens(
    model: TrainedModel, tmp_path: Path, as_one_call: Callable[[Any, int], np.ndarray]
) -> None:
    """Of a thousand samples 999 at least; logits within 1e-4."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    place = tmp_path / "onnx"
    export(model, place, "onnx", FirstHitting())
    onnx.checker.check_model(str(place / "model.onnx"))
    session = runtime.InferenceSession(str(place / "model.onnx"))
    tokens = np.array([[1, 3, 1, 4], [1, 1, 0, 0]])
    inside = tokens != 0
    (logits,) = session.run(None, {"tokens": tokens, "maskable": inside})
    mine = model.denoise(torch.tensor(tokens), 0.5, torch.tensor(inside)).numpy()
    assert np.abs(logits - mine)[inside].max() < 1e-4
    for rule in RULES:
        same = (drawn(place, session, rule, ROWS) == as_one_call(rule, ROWS)).all(1)
        assert same.sum() >= ROWS - max(ROWS // 1000, 0), rule
    assert len((place / "sample.py").read_text().splitlines()) <= 100


def test_hugging_face_reads_what_is_written_and_gives_it_back(
    model: TrainedModel, tmp_path: Path, hub_of_our_own: Path
) -> None:
    """By AutoModelForMaskedLM and AutoTokenizer with the code in the folder; and by `load`, sample for sample."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    del hub_of_our_own
    place = tmp_path / "hf"
    export(model, place, "hf", Confidence())
    assert "taskloom_diffusion" not in (place / "modeling_dit.py").read_text()
    theirs = AutoModelForMaskedLM.from_pretrained(place, trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(place)
    batch = tokenizer("abca", return_tensors="pt")
    assert batch["input_ids"].tolist() == model.encode(["abca"])
    ids = torch.tensor([[3, model.mask_token_id, 5, 3]])
    with torch.no_grad():
        found = theirs(input_ids=ids).logits
    assert torch.allclose(found, model.denoise(ids, 0.5), atol=2e-5)
    again = taskloom_diffusion.load(place)
    assert again.sampler == Confidence()
    assert again.sample(5, seed=2).texts == model.sample(5, sampler=Confidence(), seed=2).texts


@pytest.fixture
def hub_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep code that transformers copies in a folder of the test."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]


def test_what_cannot_leave_is_one_sentence_and_nothing_is_written(
    module: Module, model: TrainedModel, tmp_path: Path
) -> None:
    place = tmp_path / "out"
    blocks = taskloom_diffusion.load(module(block_size=2))
    bert = taskloom_diffusion.load(module(BERT(width=8, num_layers=1, num_heads=1, feed_forward=8)))
    for found, kind, rule, words in (
        (
            model,
            "torch",
            Ancestral(),
            "sampler 'ancestral' cannot be exported; sample.py knows first",
        ),
        (model, "torch", RandomGroups(buckets="independent"), "cannot be exported as it is set"),
        (
            blocks,
            "onnx",
            FirstHitting(),
            r"a model of blocks \(block_size = 2\) cannot be exported",
        ),
        (bert, "hf", FirstHitting(), "denoiser 'bert' cannot be exported to Hugging Face"),
    ):
        with pytest.raises(ConfigError, match=words):
            export(found, place, kind, rule)  # type: ignore[arg-type]  # one of the formats
        assert list(tmp_path.iterdir()) == []
    (place / "inner").mkdir(parents=True)
    with pytest.raises(UsageError, match="is not empty; give a new folder"):
        export(model, place, "torch", FirstHitting())


def test_the_command_writes_a_folder(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["diffusion", "export", str(trained_run) + "/", "--to", str(tmp_path / "out")]
    assert main([*words, "--format=onxx"]) == 2
    assert "is none of torch, onnx, hf; did you mean 'onnx'?" in capsys.readouterr().err
    assert main([*words, "--sampler=first_hitting"]) == 0
    described = json.loads((tmp_path / "out" / "model.json").read_text())
    assert (described["sampler"]["kind"], len(described["schedule"])) == ("first_hitting", 1025)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("model.pt2", "model.json", "tokenizer.json", "sample.py")
    }
