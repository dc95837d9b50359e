"""Wishes for samples of a run that is told conditions: from the command line and from Python, with what was reached."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from guidance_toys import KIND, LOGP, told_module as module
from taskloom.cli import main
from taskloom.opening import open_run
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.trained import TrainedModel
from taskloom_diffusion.guidance.classifier import judged_classifier, train_classifier
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.report.conditions import condition_blocks
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.module import DiffusionModule


@pytest.fixture(scope="module")
def told_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three steps with three conditions."""
    folder = tmp_path_factory.mktemp("told")
    alkanes = ["C" * n + tail for n in range(2, 9) for tail in ("O", "N", "Cl", "=O")]
    with (folder / "mols.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("smiles", "logp", "activity"))
        lines.writerows(
            (s, "" if i % 7 == 0 else i / 4, "yes" if i % 2 else "no")
            for i, s in enumerate(alkanes)
        )
    words = [
        "run", "diffusion", "file", f"--path={folder / 'mols.csv'}", "--column=smiles",
        "--condition=logp,activity,rdkit:weight", "--train.steps=3", "--train.batch_size=8", "--denoiser.width=16",
        "--denoiser.num_layers=1", "--denoiser.num_heads=2", "--evaluate.num_samples=2", "--evaluate.num_holdout=4",
        "--sampler=first_hitting", "--store", str(folder / "store"), "-q",
    ]  # fmt: skip
    assert main(words) == 0
    (run,) = [path for path in (folder / "store").iterdir() if (path / "run.json").exists()]
    return run


def test_a_run_records_its_conditions_and_both_bounds(told_run: Path) -> None:
    run = open_run(f"{told_run}/")
    kept = json.loads(run.read("model_description"))["arguments"]
    assert [(c["name"], c["kind"], c["source"]) for c in kept["conditions"]] == [
        ("logp", "number", "column"), ("weight", "number", "rdkit"), ("activity", "class", "column"),
    ]  # fmt: skip
    assert kept["conditions"][0]["missing"] > 0
    assert run.metrics["nelbo/null_nats_per_token"] > 0
    assert run.metrics["nelbo/null_nats_per_token"] != run.metrics["nelbo/nats_per_token"]
    assert "test_conditions" in run.artifacts
    table, bounds = condition_blocks(kept["conditions"], run.metrics)
    assert [row[0] for row in table.rows] == ["logp", "weight", "activity"]
    assert (table.rows[2][1], table.rows[1][2]) == ("no 14, yes 12", "RDKit")
    assert "their difference is none" in bounds.text
    page = (told_run / "report.html").read_text(encoding="utf-8")
    assert "--condition.logp=" in page


def sample(run: Path, *words: str) -> int:
    return main(["diffusion", "sample", f"{run}/", *words])


def test_samples_are_asked_for_and_written_with_what_was_reached(
    told_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.csv"
    words = [
        "--condition.logp=2.5",
        "--condition.weight",
        "60",
        "--guidance=cfg",
        "--guidance.scale=2",
        "--constraint=smiles",
    ]
    assert sample(told_run, "--num=3", *words, "--out", str(out)) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["requested.logp"] for row in rows] == ["2.5"] * 3
    assert [row["reached.logp"] for row in rows] == [""] * 3
    assert all(float(row["log_weight"]) == 0 and row["number"] for row in rows)
    for row in rows:
        assert (row["reached.weight"] != "") == (row["valid"] == "1")
    assert "3 drawn" in capsys.readouterr().err
    # The same from Python, and the same again whatever the batches.
    model = open_run(f"{told_run}/").load("model")
    asked = {
        "condition": {"logp": 2.5, "weight": 60},
        "guidance": "cfg",
        "scale": 2.0,
        "constraint": "smiles",
    }
    assert model.sample(3, batch_size=2, **asked).texts == [row["text"] for row in rows]
    assert model.sample(1, **asked).texts == [rows[0]["text"]]
    assert model.sample(2).texts == model.sample(2, condition={}).texts


def test_what_passes_is_kept_and_the_rest_is_told(
    told_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.sdf"
    words = [
        "--num=4",
        "--max_draws=60",
        "--constraint=smiles",
        "--valid",
        "--unique",
        "--where=weight<400",
    ]
    assert sample(told_run, *words, "--out", str(out)) == 0
    said = capsys.readouterr().err
    kept = out.read_text().count("$$$$")
    assert f"{kept} passed" in said
    if kept < 4:
        assert "--max_draws allows more" in said
    assert sample(told_run, "--num=2", "--where=weight<0", "--max_draws=5") == 0
    assert "0 of 2 passed among 5 draws" in capsys.readouterr().err


def test_particles_return_one_of_a_group_or_all_with_their_weights(told_run: Path) -> None:
    model = open_run(f"{told_run}/").load("model")
    asked = {"particles": 4, "constraint": "count:C>=1", "seed": 3}
    one, every = model.sample(3, **asked), model.sample(3, weighted=True, **asked)
    assert len(one.texts) == 3
    assert len(every.texts) == 12
    groups = every.log_weight.reshape(3, 4)
    assert np.logaddexp.reduce(groups, axis=1) == pytest.approx(one.log_weight, abs=1e-9)
    assert all(one.texts[i] in every.texts[4 * i : 4 * i + 4] for i in range(3))
    assert model.sample(1, **asked).texts == one.texts[:1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--condition.logp=99"], "outside of what was trained"),
        (["--condition.logp"], "--condition.logp needs a value"),
        (["--condition.logp=1", "--condition.logp=2"], "given twice"),
        (["--constraint=contains:Xx", "--length=5"], "no sequence of 5 tokens fulfils it"),
        (["--particles=4", "--constraint=smiles", "--sampler=confidence"], "cannot be weighed; use random or first_hitting"),
        (["--out=x.txt"], "must end in .csv or .sdf"),
        (["--reward=nowhere.py:f"], "There is no file nowhere.py"),
        (["--guidance=cfg"], "needs a condition"),
        (["--weighted", "--valid", "--constraint=smiles"], "a filter would change what their weights mean"),
    ],
)  # fmt: skip
def test_wishes_that_cannot_be_fulfilled_are_refused_in_a_sentence(
    told_run: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(told_run, "--num=2", *words) != 0
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_a_reward_that_fails_costs_its_text_alone(told_run: Path) -> None:
    model = open_run(f"{told_run}/").load("model")

    def fails(text: str) -> float:
        if "N" in text:
            raise ValueError("no nitrogen")
        return math.nan if "Cl" in text else float(len(text))

    made = model.sample(
        8, sampler=FirstHitting(), potential="reward", reward=fails, constraint="smiles", seed=1
    )
    assert len(made.texts) <= 8
    assert not any("N" in text or "Cl" in text for text in made.texts)
    assert all(note.startswith("reward: ") for note in made.notes[-1:])


def test_a_classifier_is_trained_on_a_runs_noise_and_guides_it(
    told_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "classifier"
    words = [
        "diffusion",
        "classifier",
        f"{told_run}/",
        "--column=activity",
        "--steps=4",
        "--width=8",
    ]
    assert main([*words, "--to", str(to), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["no", "yes"]
    for kind, potential in (("cbg", "likelihood"), ("cbg1", "")):
        guided = [
            "--guidance",
            kind,
            "--guidance.scale=2",
            "--classifier",
            str(to),
            f"--potential={potential}",
        ]
        assert sample(told_run, "--num=2", *guided, "--target=yes") == 0
    assert sample(told_run, "--num=2", *guided, "--target=yess") != 0
    assert "target 'yess' is no class of the classifier" in capsys.readouterr().err
    assert sample(told_run, "--guidance=cbg", "--target=yes", "--classifier", str(tmp_path)) != 0
    assert "holds no classifier; train one with" in capsys.readouterr().err
    assert main([*words, "--to", str(to)]) != 0
    assert "exists already" in capsys.readouterr().err


def test_a_classifier_learns_a_class_that_the_tokens_tell() -> None:
    """Words with three a are of one class; without noise the classifier knows it, of masks it says the shares."""
    random = np.random.default_rng(0)
    model = module(DiT(width=16, num_layers=1, num_heads=2))
    words = random.integers(3, 6, (300, 6))
    store = TokenStore(words.tolist())
    has = (words == 3).sum(1) >= 3
    given = torch.ones(300, 1, dtype=torch.bool)
    store.condition = Condition(torch.zeros(300, 0), torch.from_numpy(has)[:, None].long(), given)
    kept = train_classifier(model, store, ["without", "with"], steps=150, width=16, seed=0)
    assert judged_classifier(kept, model, store)["accuracy"] > 0.9
    masks = torch.nn.functional.one_hot(torch.ones(1, 6, dtype=torch.long), model.vocab_size)
    with torch.no_grad():
        at_noise = kept.network(masks, torch.zeros(1), torch.ones(1, 6, dtype=torch.bool)).exp()
    assert float(at_noise[0, 1]) == pytest.approx(has.mean(), abs=0.15)


@pytest.mark.parametrize(
    ("settings", "ends"),
    [({}, False), ({}, True), ({"block_size": 2}, False), ({"block_size": 2}, True)],
)
def test_wishes_hold_in_blocks_and_where_ends_are_predicted(
    settings: dict[str, object], ends: bool
) -> None:
    made = DiffusionModule(
        DiT(width=16, num_layers=1, num_heads=2), settings, {}, SymbolTokenizer("char", list("abc")),
        max_length=6, ends=ends, conditions=[LOGP, KIND],
    )  # fmt: skip
    model = TrainedModel.of(made)
    asked = {
        "condition": {"logp": 3.0},
        "guidance": "cfg",
        "scale": 2.0,
        "constraint": ["count:a<=1", "contains:bc"],
    }
    for more in ({}, {"particles": 3}):
        found = model.sample(6, 6 if not ends else None, FirstHitting(), seed=2, **asked, **more)
        assert len(found.texts) == 6
        assert all(text.count("a") <= 1 and "bc" in text for text in found.texts)
        alone = model.sample(
            6, 6 if not ends else None, FirstHitting(), seed=2, batch_size=1, **asked, **more
        )
        assert alone.texts == found.texts
