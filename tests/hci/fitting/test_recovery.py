"""Parameters and models told back from simulated decisions, calibration, and the price of a wrong assumption."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.opening import open_task
from taskloom_hci.errors import HciError
from taskloom_hci.fitting.fitted import FittedPeople, save_fit
from taskloom_hci.fitting.mismatch import loss_map, parse_range
from taskloom_hci.fitting.recovery import (
    Design,
    beliefs,
    calibrate,
    confusion,
    evenness,
    recover,
    simulate,
)
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel
from tests_sizes import size

# Two hundred decisions: on the way from either side, and on the goal.
LINE = Design(
    {"position": np.zeros(3, dtype=np.int64), "goal": np.array([-1, 0, 1])}, np.array([90, 20, 90])
)
# A hundred and twenty answers: seen one to six times before, some seconds to minutes ago.
_SEEN, _AGO = (x.ravel() for x in np.meshgrid(np.arange(1, 7), np.geomspace(3, 300, 20)))
LESSONS = Design({"seen": _SEEN, "ago": _AGO}, np.ones(120, dtype=np.int64))
CASES = [
    pytest.param(CarefulModel(), LINE, id="careful"),
    pytest.param(BoltzmannModel(), LINE, id="boltzmann"),
    pytest.param(MemoryModel(), LESSONS, id="memory"),
]


@pytest.mark.parametrize(("model", "design"), CASES)
def test_ranks_are_even_and_intervals_cover(model: Any, design: Design) -> None:
    # Of right fits fewer than one in a thousand fails: p > .01, else once more with three times as many and p > .001.
    told, even = calibrate(
        model.lapsing(0.02), model.parameters, design, size("calibrated_fits"), seed=1
    )
    assert even, [(one.name, one.p) for one in told]


@pytest.mark.parametrize(("model", "design"), CASES)
def test_nine_of_ten_intervals_hold_the_truth(model: Any, design: Design) -> None:
    number = size("covered_fits")
    for one in recover(model.lapsing(0.02), model.parameters, design, number, seed=3):
        # The bar, widened by four standard errors of the smaller number of fits.
        slack = 0.02 if number >= 2000 else 4 * (0.9 * 0.1 / number) ** 0.5
        assert abs(one.coverage.estimate - 0.9) <= slack, one.name
        assert one.correlation > 0.7
        assert abs(one.bias) < 0.1


def test_a_lapse_that_the_model_does_not_know_is_found_out() -> None:
    model = CarefulModel()
    true = model.lapsing(0.02)
    # Almost no lapse: without any, a pause on the way would be impossible. Many decisions make a small fault plain.
    many = Design(LINE.situations, LINE.met * 20)
    told = recover(model.lapsing(1e-9), model.parameters, many, 500, true_model=true, seed=1)
    assert told[0].p < 1e-6


def test_the_evidence_tells_models_apart() -> None:
    models = [
        (model.lapsing(0.02), model.parameters) for model in (CarefulModel(), BoltzmannModel())
    ]
    table = confusion(models, LINE, 100)
    assert table.sum(axis=1).tolist() == [100, 100]
    assert np.trace(table) > 180


def test_batches_of_people_change_no_figure() -> None:
    model = CarefulModel().lapsing(0.02)
    drawn = simulate(model, model.parameters, LINE, 12, np.random.default_rng(0))
    together, evidence = beliefs(model, model.parameters, LINE, drawn.counts)
    for i in (0, 5, 11):
        alone, own = beliefs(model, model.parameters, LINE, drawn.counts[i : i + 1])
        assert own[0] == pytest.approx(evidence[i], abs=1e-11)
        assert alone[0].weights == pytest.approx(together[i].weights, abs=1e-13)


def test_evenness_knows_even_from_uneven() -> None:
    assert evenness(np.tile(np.arange(100), 10)) == 1.0
    assert evenness(np.zeros(1000, dtype=np.int64)) < 1e-12
    # Against the quantile of chi-square with 19 degrees of freedom.
    rng = np.random.default_rng(0)
    rejected = np.mean([evenness(rng.integers(100, size=400)) < 0.05 for _ in range(400)])
    assert rejected == pytest.approx(0.05, abs=0.035)


def test_the_diagonal_of_a_map_loses_nothing() -> None:
    task = open_task("hci/pointing", cells=12, targets=4, episodes=400, baseline=False)
    found = loss_map(task, "error_rate", (0.05, 0.4), (0.05, 0.4))
    for i in (0, 1):
        assert found.losses[i][i].estimate == 0.0
    # An assistant that trusts a user who errs loses games; one that doubts a sure user asks too often.
    assert found.losses[1][0].estimate > 0.1


def test_a_map_has_a_row_and_a_column_of_a_fit(tmp_path: Path) -> None:
    fit = tmp_path / "fit.npz"
    two = np.array([[0.02], [0.4]])
    none = np.empty((0, 2, 1)), np.empty((0, 2))
    save_fit(
        fit, FittedPeople("careful", ("error_rate",), 0.02, (), two, np.full(2, 0.5), *none), {}
    )
    task = open_task("hci/pointing", cells=12, targets=4, episodes=400, baseline=False)
    found = loss_map(task, "error_rate", (0.4,), (0.02,), fit)
    assert (found.true, found.assumed) == ((0.4, None), (0.02, None))
    # Of people who err much the fit knows more than one who trusts them; the last cell is the one who knows.
    assert found.losses[0][0].estimate > found.losses[0][1].estimate
    assert found.losses[1][1].estimate == 0.0
    assert found.losses[1][0].estimate > 0.0
    other = open_task("hci/pointing", user="boltzmann", episodes=2, baseline=False)
    with pytest.raises(HciError, match="add --user=careful"):
        loss_map(other, "rationality", (1.0,), (1.0,), fit)
    with pytest.raises(HciError, match="There is no file"):
        loss_map(task, "error_rate", (0.1,), (0.1,), tmp_path / "none.npz")


def test_a_range_that_is_none_is_refused() -> None:
    assert parse_range("error_rate=.02:.3:3") == ("error_rate", (0.02, 0.16, 0.3))
    for text in ("error_rate", "error_rate=1:2", "error_rate=a:b:3", "=1:2:3"):
        with pytest.raises(HciError, match="is no range"):
            parse_range(text)


def test_recovery_is_told_by_a_command(tasks: Any) -> None:
    done = tasks("hci", "recover", "pointing", "--users=careful,boltzmann", "--people=40")
    assert done.code == 0, done.err
    assert "careful.error_rate: r 0.9" in done.out
    assert "on the diagonal" in done.out
    refused = tasks("hci", "recover", "pointing", "--users=gaze")
    assert refused.code != 0
    assert "declares no parameters" in refused.err


def test_a_fit_that_is_not_calibrated_fails(tasks: Any) -> None:
    done = tasks(
        "hci", "recover", "pointing", "--people=20", "--games=1000", "--sbc=100",
        "--lapse=1e-9", "--true-lapse=.02",
    )  # fmt: skip
    assert done.code != 0
    assert "not calibrated" in done.err
