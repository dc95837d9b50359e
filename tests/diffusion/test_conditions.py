"""Conditions: cells become numbers and classes, networks are told them, and samples are asked for by them."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom.opening import open_run
from taskloom_diffusion.corpora.corpus import Corpus, SourceRow
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.evaluation.trained import TrainedModel
from taskloom_diffusion.guidance.cells import asked_conditions, conditions_of
from taskloom_diffusion.guidance.classifier import judged_classifier, train_classifier
from taskloom_diffusion.guidance.descriptors import NAMES, descriptors
from taskloom_diffusion.guidance.where import where
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.model.told import ToldCondition, requested, tensors_of
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.module import DiffusionModule

CELLS = {
    "CCO": [("-0.3", "active")],
    "CCCO": [("0.5", "inactive"), ("0.9", "active"), ("0.6", "inactive")],
    "CCN": [("n/a", "active")],
    "CCCC": [("2.0", "NULL")],
    "CCCl": [("1.5e0", "inactive")],
}


def corpus(cells: dict[str, list[tuple[str, str]]] = CELLS) -> Corpus:
    rows, line = {}, 1
    for text, found in cells.items():
        rows[text] = [
            SourceRow(line := line + 1, text, {"logp": logp, "activity": activity})
            for logp, activity in found
        ]
    texts = list(cells)
    return Corpus("mine.csv", texts[:-1], texts[-1:], rows=rows)


def test_cells_become_numbers_and_classes_of_the_training_part() -> None:
    asked = asked_conditions("logp, rdkit:heavy")
    (logp, heavy), values = conditions_of(asked, corpus())
    # The median of merged rows; what says nothing is missing.
    assert values["CCCO"] == {"logp": 0.6, "heavy": 4.0}
    assert values["CCN"] == {"heavy": 3.0}
    assert values["CCCl"] == {"logp": 1.5, "heavy": 3.0}
    numbers = [-0.3, 0.6, 2.0]
    assert (logp.kind, logp.missing, logp.min, logp.max) == ("number", 1, -0.3, 2.0)
    assert logp.mean == pytest.approx(np.mean(numbers))
    assert logp.sd == pytest.approx(np.std(numbers))
    assert (heavy.source, heavy.kind) == ("rdkit", "number")


def test_differing_classes_are_missing_and_counted() -> None:
    cells = {**CELLS, "OCCO": [("0.1", "inactive")], "last": [("1", "active")]}
    (told,), values = conditions_of(asked_conditions("activity"), corpus(cells))
    assert (dict(told.classes), told.missing, told.merged_conflicting) == (
        {"active": 2, "inactive": 2},
        2,
        1,
    )
    assert "activity" not in values["CCCO"]


@pytest.mark.parametrize(
    ("text", "change", "sentence"),
    [
        ("logp", {"OCC": [("<0.1", "x")]}, r"1 of 7 cells are no numbers \(line \d '<0.1'\); mend them or use logp:class"),
        ("logp:number", {"OCC": [("high", "x")]}, "mend them or use logp:class"),
        ("logpp", {}, "has no column of that name with anything in it; it has activity, logp.*logp"),
        ("activity:clas", {}, "must be NAME, NAME:number, NAME:class or rdkit:NAME.*class"),
        ("rdkit:qe", {}, "RDKit computes qed, logp.*qed"),
        ("logp,logp", {}, "stands twice"),
        ("logp", {name: [("1.0", "x")] for name in CELLS}, "no two different numbers"),
        ("activity", {name: [("1.0", "x")] for name in CELLS}, "has 1 class in the training part"),
        ("activity", {f"C{i}": [("1", f"kind {i}")] for i in range(120)}, "different texts; a class has at most 100"),
    ],
)  # fmt: skip
def test_columns_that_tell_nothing_are_refused(
    text: str, change: dict[str, list[tuple[str, str]]], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        conditions_of(asked_conditions(text), corpus({**CELLS, **change}))


def test_a_corpus_without_columns_has_computed_conditions_alone() -> None:
    plain = Corpus("shipped", ["CCO", "CCCCO", "CC"], ["C"])
    (told,), _ = conditions_of(asked_conditions("rdkit:logp"), plain)
    assert told.missing == 0
    with pytest.raises(
        ConfigError, match="has no columns; what RDKit computes is asked for as rdkit:NAME"
    ):
        conditions_of(asked_conditions("logp"), plain)


LOGP = ToldCondition("logp", "number", mean=2.0, sd=0.5, min=0.0, max=9.0)
KIND = ToldCondition("kind", "class", classes={"active": 3, "inactive": 5})


def test_numbers_are_told_in_standard_deviations_cut_at_four() -> None:
    told = tensors_of(
        [LOGP, KIND], [{"logp": 2.5}, {"logp": 9.0, "kind": "inactive"}, {"kind": "?"}]
    )
    assert told.numbers[:, 0].tolist() == [1.0, 4.0, 0.0]
    assert told.classes[:, 0].tolist() == [0, 1, 0]
    assert told.given.tolist() == [[True, False], [True, True], [False, False]]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"logp": 9.5},
            "condition.logp = 9.5 is outside of what was trained, 0 to 9; use --outside=clip",
        ),
        ({"logp": math.nan}, "outside of what was trained"),
        ({"logp": "high"}, "condition.logp = 'high' is no number"),
        (
            {"kind": "activ"},
            "condition.kind = 'activ' is no class of this model: active, inactive.*active",
        ),
        ({"log": 1}, "condition.log is no condition of this model, which has logp, kind.*logp"),
    ],
)
def test_a_request_outside_of_what_was_trained_is_refused(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        requested([LOGP, KIND], values)


def test_clipping_moves_a_number_to_the_edge_and_says_so() -> None:
    values, notes = requested([LOGP], {"logp": -3}, clip=True)
    assert values == {"logp": 0.0}
    assert notes == [
        "condition.logp = -3 is outside of what was trained, 0 to 9; it was moved to 0"
    ]


def test_dropout_drops_all_and_then_each() -> None:
    rows = 20_000
    told = Condition(
        torch.zeros(rows, 2), torch.zeros(rows, 1).long(), torch.ones(rows, 3, dtype=torch.bool)
    )
    noise = torch.rand(rows, 4, generator=torch.Generator().manual_seed(0))
    kept = told.dropped(noise, 0.1).given
    assert float(kept.double().mean()) == pytest.approx(0.9 * 0.9, abs=0.01)
    assert float((~kept).all(1).double().mean()) == pytest.approx(0.1 + 0.9 * 0.1**3, abs=0.01)
    alone = Condition(told.numbers[:, :1], told.classes[:, :0], told.given[:, :1])
    assert float(alone.dropped(noise[:, :2], 0.1).given.double().mean()) == pytest.approx(
        0.9, abs=0.01
    )


def module(denoiser: Denoiser, **more: object) -> DiffusionModule:
    tokenizer = SymbolTokenizer("char", list("abc"))
    return DiffusionModule(denoiser, {}, {}, tokenizer, max_length=6, **more)  # type: ignore[arg-type]


NETWORKS = [
    DiT(width=16, num_layers=2, num_heads=2),
    DiT(width=16, num_layers=2, num_heads=2, time_conditioning=True),
    MLPDenoiser(width=16),
    BERT(width=16, num_layers=1, num_heads=2, feed_forward=16, dropout=0.0),
]


@pytest.mark.parametrize("denoiser", NETWORKS, ids=["dit", "dit told the time", "mlp", "bert"])
def test_a_network_is_told_conditions_and_its_other_weights_stay(denoiser: Denoiser) -> None:
    plain, told = module(denoiser), module(denoiser, conditions=[LOGP, KIND])
    ours = told.model.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in plain.model.state_dict().items())
    again = DiffusionModule(**told.arguments())
    assert again.conditions == told.conditions
    assert "conditions" not in plain.arguments()
    with torch.no_grad():
        for tensor in told.model.parameters():
            tensor.add_(
                0.05 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1))
            )
    z, valid = torch.full((3, 6), 1), torch.ones(3, 6, dtype=torch.bool)
    rows = tensors_of(told.conditions, [{"logp": 3.0, "kind": "active"}, {"logp": 3.0}, {}])
    told.eval()
    answers = told.forward(z, torch.full((3,), 0.5), valid, condition=rows)
    assert not torch.allclose(answers[0], answers[1])
    assert not torch.allclose(answers[1], answers[2])
    untold = told.forward(z, torch.full((3,), 0.5), valid)
    assert torch.allclose(untold[2], answers[2], atol=1e-6)


def test_a_network_that_takes_no_conditions_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes no conditions; use dit, bert or mlp"):
        module(Untold(), conditions=[LOGP])


class Untold(Denoiser):
    """A network without conditions."""

    kind: Literal["untold"] = "untold"

    def build(self, vocab_size: int, max_length: int) -> torch.nn.Module:
        del max_length
        return torch.nn.Linear(1, vocab_size)


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("tpsa<90", {"tpsa": 89}, True),
        ("20<weight<=50 and not rings>=1", {"weight": 50, "rings": 0}, True),
        ("qed>.5 or logp=-1.5e0", {"qed": 0.1, "logp": -1.5}, True),
        ("(qed>.5 or logp<1) and heavy!=3", {"qed": 0.9, "logp": 0, "heavy": 3}, False),
        ("qed>.5 or logp<1 and heavy==3", {"qed": 0.9, "logp": 0, "heavy": 2}, True),
    ],
)
def test_where_is_read_as_it_is_written(text: str, values: dict[str, float], holds: bool) -> None:
    assert where(text).holds(values) == holds


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tpas<90", "'tpas' is none of .*tpsa"),
        ("tpsa<", "'' stands where a property or a number must"),
        ("tpsa", "a comparison is missing"),
        ("tpsa<90 an qed>1", "'an' stands where nothing may"),
        ("(tpsa<90", "a bracket is not closed"),
        (
            "__import__('os')<1",
            "'__import__' stands where a property|'__import__' is none of|is no part of one",
        ),
    ],
)
def test_where_that_cannot_be_read_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        where(text)


def test_properties_are_computed_for_molecules_alone() -> None:
    assert descriptors("not one", NAMES) == {}
    assert descriptors("CC(=O)Oc1ccccc1C(=O)O", ["heavy", "rings", "donors", "charge"]) == {
        "heavy": 13.0, "rings": 1.0, "donors": 1.0, "charge": 0.0,
    }  # fmt: skip
    assert set(descriptors("CCO", NAMES)) == set(NAMES)


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
