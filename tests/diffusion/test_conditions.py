"""Conditions: cells become numbers and classes, networks are told them, and samples are asked for by them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from guidance_toys import KIND, LOGP, told_module as module
from taskloom.errors import ConfigError
from taskloom_diffusion.corpora.corpus import Corpus, SourceRow
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.guidance.cells import asked_conditions, conditions_of
from taskloom_diffusion.guidance.descriptors import NAMES, descriptors
from taskloom_diffusion.guidance.where import where
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.model.told import requested, tensors_of
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
        ("logp", {name: [(f"{i},5", "x")] for i, name in enumerate(CELLS)}, r"with a decimal comma \(line \d '\d,5'\); write them with a point"),
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
