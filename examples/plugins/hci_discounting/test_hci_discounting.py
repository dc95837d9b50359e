"""A model from a plugin is fitted like those that are installed. Install it first: pip install -e ."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hci_discounting.model import DiscountingModel
from taskloom_hci.fitting.decisions import Decisions, Rows, decisions_of
from taskloom_hci.fitting.people import fit_people
from taskloom_hci.fitting.sources import model_class_of, read_rows
from taskloom_hci.fitting.tables import parse_map


def choices(people: int, trials: int) -> tuple[Decisions, Any, np.ndarray]:
    """Return choices of people, the model with a lapse, and their true rates."""
    rng = np.random.default_rng(0)
    rate = np.exp(rng.normal(np.log(0.02), 0.8, people))
    weight = np.exp(rng.normal(0.0, 0.3, people))
    n = people * trials
    columns = {
        "amount_soon": rng.integers(10, 30, n).astype(float),
        "delay_soon": np.zeros(n),
        "amount_late": rng.integers(20, 60, n).astype(float),
        "delay_late": rng.choice([7.0, 14.0, 30.0, 60.0, 120.0], n),
    }
    person = np.repeat(np.arange(people), trials)
    theta = {"rate": rate[person], "temperature": weight[person]}
    p = np.exp(DiscountingModel().log_prob(columns, theta))[:, 1]
    action = (rng.random(n) < 0.98 * p + 0.01).astype(int).tolist()
    names = [str(i) for i in person]
    games = [str(i) for i in range(n)]
    rows = Rows(names, games, [0.0] * n, action, columns, [""] * n, n)
    decisions, model = decisions_of(rows, DiscountingModel)
    return decisions, model.lapsing(0.02), rate


def test_two_parameters_of_each_person_are_told_on_a_grid() -> None:
    decisions, model, rate = choices(8, 60)
    fit = fit_people(decisions, model, DiscountingModel.parameters)
    told = [belief.mean("rate") for belief in fit.beliefs]
    assert np.corrcoef(np.log(told), np.log(rate))[0, 1] > 0.85
    held = sum(low <= k <= high for (low, high), k in zip(
        [belief.interval("rate") for belief in fit.beliefs], rate, strict=True))  # fmt: skip
    assert held >= 5


def test_nuts_agrees_with_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpyro")
    # One short chain: what is compared is the posterior, and compiling takes most of the time.
    for name, value in (("CHAINS", 1), ("WARM_UP", 150), ("SAMPLES", 400)):
        monkeypatch.setattr(f"taskloom_hci.fitting.nuts.{name}", value)
    decisions, model, _ = choices(2, 40)
    exact, drawn = (
        fit_people(decisions, model, DiscountingModel.parameters, method=way)  # type: ignore[arg-type] # of three
        for way in ("grid", "nuts")
    )
    for one, other in zip(exact.beliefs, drawn.beliefs, strict=True):
        for name in ("rate", "temperature"):
            assert other.mean(name) == pytest.approx(one.mean(name), abs=0.5 * one.deviation(name))
    assert drawn.trust is not None
    assert drawn.trust.r_hat < 1.05


def test_a_table_of_choices_is_read(tmp_path: Path) -> None:
    file = tmp_path / "choices.csv"
    file.write_text(
        "subjID,delay_later,amount_later,delay_sooner,amount_sooner,choice\n"
        "1,6,10.5,0,10,1\n1,170,38.3,0,10,1\n2,28,13.4,0,10,0\n",
        encoding="utf-8",
    )
    sources = parse_map(
        ["person=subjID", "action=choice", "amount_soon=amount_sooner", "delay_soon=delay_sooner",
         "amount_late=amount_later", "delay_late=delay_later"]
    )  # fmt: skip
    rows = read_rows([str(file)], DiscountingModel, sources=sources)
    decisions, _ = decisions_of(rows, DiscountingModel)
    assert decisions.people == ("1", "2")
    assert decisions.action.tolist() == [1, 1, 0]


def test_the_command_knows_it() -> None:
    assert model_class_of("discounting") is DiscountingModel
