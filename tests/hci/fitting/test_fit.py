"""Parameters of user models from recorded decisions: closed forms, enumeration, order, people, checks and bad input."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci.batch.play import play
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.fitting.checks import held_out, left_out_games, predictive_checks
from taskloom_hci.fitting.decisions import Decisions, Rows, decisions_of
from taskloom_hci.fitting.fitted import fitted_people, load_fit, save_fit
from taskloom_hci.fitting.grid import make_grid
from taskloom_hci.fitting.likelihood import log_likelihoods
from taskloom_hci.fitting.people import fit_people, require_identified
from taskloom_hci.fitting.sources import rows_of
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.models.model import UserModel, log_likelihood, score
from taskloom_hci.models.parameters import LAPSE, Prior, parse_prior
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel
from taskloom_hci.users.careful import Careful

Act = tuple[str, int, int, int]
ALL_ERRORS = (CarefulModel.parameters[0].believing(Prior("uniform", 0.0, 1.0)),)
# Wrong moves of thirty people in sixty decisions each, and what an independent program makes of them.
WRONG = [
    3,
    6,
    5,
    2,
    13,
    8,
    4,
    8,
    8,
    3,
    11,
    4,
    6,
    3,
    7,
    4,
    6,
    2,
    2,
    0,
    9,
    5,
    9,
    8,
    2,
    13,
    14,
    3,
    1,
    1,
]


def acts(person: str, right: int, wrong: int, stays: int = 0) -> list[Act]:
    """Return decisions: person, position, goal, action."""
    return [(person, 0, 5, 1)] * right + [(person, 0, 5, -1)] * wrong + [(person, 5, 5, 0)] * stays


def table(rows: Sequence[Act], model: type[UserModel] = CarefulModel) -> tuple[Decisions, Any]:
    n = len(rows)
    columns = {"position": np.array([r[1] for r in rows]), "goal": np.array([r[2] for r in rows])}
    games, places = [str(i) for i in range(n)], [f"row {i}" for i in range(n)]
    raw = Rows([r[0] for r in rows], games, [0.0] * n, [r[3] for r in rows], columns, places, n)
    return decisions_of(raw, model)


@pytest.fixture(scope="module")
def thirty() -> tuple[Decisions, Any]:
    rows = [a for i, k in enumerate(WRONG) for a in acts(str(i), 60 - k, k)]
    # Mixed, so that the last third is like the others.
    return table([rows[i] for i in np.random.default_rng(0).permutation(len(rows))])


def test_a_flat_prior_gives_the_beta_distribution() -> None:
    belief = fit_people(*table(acts("a", 190, 10)), ALL_ERRORS).beliefs[0]
    assert belief.mean("error_rate") == pytest.approx(0.0544554, rel=1e-5)
    found = belief.quantile("error_rate", np.array([0.05, 0.5, 0.95]))
    assert found == pytest.approx([0.0309904, 0.0529891, 0.0829279], rel=2e-3)


def test_a_known_lapse_changes_mean_and_evidence() -> None:
    decisions, model = table(acts("a", 190, 10, 20))
    fit = fit_people(decisions, model.lapsing(0.02), ALL_ERRORS)
    assert fit.beliefs[0].mean("error_rate") == pytest.approx(0.0483936, rel=1e-5)
    assert fit.log_evidence == pytest.approx(-44.5461611, abs=2e-4)


@pytest.mark.parametrize(
    ("prior", "mean", "sd"),
    [("uniform(0, 20)", 1.1371326, 0.1085664), ("lognormal(0, 1)", 1.1255202, 0.1081119)],
)
def test_a_boltzmann_user_is_told_as_by_quadrature(prior: str, mean: float, sd: float) -> None:
    rows = [("a", 0, 5, 1)] * 140 + [("a", 0, 5, 0)] * 40 + [("a", 0, 5, -1)] * 20
    rows += [("a", 5, 5, 0)] * 30 + [("a", 5, 5, 1)] * 5 + [("a", 5, 5, -1)] * 5
    item = BoltzmannModel.parameters[0].believing(parse_prior(prior))
    belief = fit_people(*table(rows, BoltzmannModel), (item,)).beliefs[0]
    assert belief.mean("rationality") == pytest.approx(mean, rel=1e-5)
    assert belief.deviation("rationality") == pytest.approx(sd, rel=1e-4)


@pytest.mark.parametrize(("lapse", "wanted"), [(0.0, -3.62877711), (0.02, -3.67768275)])
def test_the_likelihood_of_a_memory_is_the_published_one(lapse: float, wanted: float) -> None:
    seen = np.array([1, 1, 1, 2, 2, 3, 3, 4, 5, 6])
    ago = np.array([3, 30, 90, 6, 60, 12, 120, 45, 200, 33])
    model = MemoryModel(0.01, 0.2).lapsing(lapse)
    answers = np.array([1, 1, 0, 1, 0, 1, 1, 1, 0, 1])
    told = score(model, {}, {"seen": seen, "ago": ago}, answers)
    assert told.sum() == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("lapse", [0.0, 0.02, "inferred"])
@pytest.mark.parametrize("kind", [CarefulModel, BoltzmannModel, MemoryModel])
def test_the_table_likelihood_is_the_sum_over_decisions(kind: Any, lapse: Any) -> None:
    rng = np.random.default_rng(0)
    n, people = 40, [str(i % 3) for i in range(40)]
    if kind is MemoryModel:
        columns = {"item": rng.integers(0, 4, n), "time": np.cumsum(rng.uniform(1, 9, n))}
        action = rng.integers(0, 2, n).tolist()
    else:
        columns = {"position": rng.integers(0, 9, n), "goal": rng.integers(0, 9, n)}
        action = rng.integers(-1, 2, n).tolist()
    raw = Rows(people, ["0"] * n, [float(i) for i in range(n)], action, columns, [""] * n, n)
    decisions, model = decisions_of(raw, kind)
    model = model if lapse == "inferred" else model.lapsing(lapse)
    names = [item.name for item in (*kind.parameters, *((LAPSE,) if lapse == "inferred" else ()))]
    points = {name: rng.uniform(0.05, 0.4, 5) for name in names}
    counts = decisions.counts(len(model.actions))
    told = log_likelihoods(model, decisions.situations, counts, points)
    for person, k in product(range(3), range(5)):
        total = 0.0
        for row in np.flatnonzero(decisions.person == person):
            seen = {name: v[decisions.situation[row]] for name, v in decisions.situations.items()}
            theta = {**seen, **{name: values[k] for name, values in points.items()}}
            with np.errstate(divide="ignore"):
                total += float(log_likelihood(model, seen, theta)[decisions.action[row]])
        if math.isinf(total):
            assert told[person, k] <= -1e299
        else:
            assert told[person, k] == pytest.approx(total, abs=1e-12)


def test_situations_that_the_model_calls_equal_have_its_probabilities_as_they_are() -> None:
    place, goal = (x.ravel() for x in np.meshgrid(np.arange(6), np.arange(6)))
    raw = {"position": place, "goal": goal}
    for model in (CarefulModel(0.1), BoltzmannModel(1.3)):
        short = model.situations(raw, np.zeros(36, dtype=bool))
        np.testing.assert_array_equal(model.log_prob(raw, raw), model.log_prob(short, short))


def test_neither_order_nor_names_nor_batches_change_a_figure(tmp_path: Path) -> None:
    bundle = make_bundle("pointing", seed=4, user={"kind": "careful", "error_rate": 0.2})
    whole = rows_of(play(bundle, 30, "numpy"), CarefulModel, "a")
    order = np.random.default_rng(1).permutation(len(whole.person))
    mixed = Rows(
        [whole.person[i] for i in order],
        [whole.game[i] for i in order],
        [whole.round[i] for i in order],
        [whole.action[i] for i in order],
        {name: values[order] for name, values in whole.columns.items()},
        [whole.places[i] for i in order],
        whole.read,
    )
    one, two = (decisions_of(rows, CarefulModel) for rows in (whole, mixed))
    first, second = (fit_people(*each, CarefulModel.parameters) for each in (one, two))
    np.testing.assert_array_equal(first.beliefs[0].log_weights, second.beliefs[0].log_weights)
    assert first.log_evidence == second.log_evidence
    assert held_out(first, one[0]) == held_out(second, two[0])
    # Games played by the loop or by the thousand are the same games, so the same figures.
    loop = decisions_of(rows_of(play(bundle, 30, "loop"), CarefulModel, "a"), CarefulModel)
    assert fit_people(*loop, CarefulModel.parameters).log_evidence == first.log_evidence


def test_a_population_is_that_of_an_independent_program(thirty: tuple[Decisions, Any]) -> None:
    begun = time.process_time()
    fit = fit_people(*thirty, CarefulModel.parameters, mode="hierarchical")
    assert time.process_time() - begun < 1.0
    found = fit.population[0]
    assert found.mean == pytest.approx(-2.41786, abs=2e-4)
    assert found.mean_sd == pytest.approx(0.15534, abs=2e-4)
    assert found.deviation == pytest.approx(0.65851, abs=2e-4)
    means = [fit.beliefs[int(fit.people.index(str(i)))].mean("error_rate") for i in range(3)]
    assert means == pytest.approx([0.06417, 0.09553, 0.08463], abs=2e-5)


def test_a_sampled_population_is_that_of_the_grid(
    thirty: tuple[Decisions, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numpyro")
    for name, value in (("CHAINS", 1), ("WARM_UP", 200), ("SAMPLES", 1000)):
        monkeypatch.setattr(f"taskloom_hci.fitting.nuts.{name}", value)
    exact, drawn = (
        fit_people(*thirty, CarefulModel.parameters, mode="hierarchical", method=way)  # type: ignore[arg-type] # of three
        for way in ("grid", "nuts")
    )
    assert drawn.trust is not None
    assert drawn.trust.divergences == 0
    # Four standard errors of a mean: of so many draws as there would be if they were independent, at the least.
    error = 4.0 / np.sqrt(drawn.trust.effective)
    (grid,), (nuts,) = exact.population, drawn.population
    assert nuts.mean == pytest.approx(grid.mean, abs=error * grid.mean_sd)
    assert nuts.deviation == pytest.approx(grid.deviation, abs=error * grid.deviation_sd)
    for one, other in zip(exact.beliefs, drawn.beliefs, strict=True):
        sd = one.deviation("error_rate")
        assert other.mean("error_rate") == pytest.approx(one.mean("error_rate"), abs=error * sd)


def test_a_population_comes_closer_to_the_truth_than_people_alone_or_as_one() -> None:
    rng = np.random.default_rng(5)
    truth = 1.0 / (1.0 + np.exp(-rng.normal(-2.5, 0.8, 40)))
    wrong = rng.binomial(40, truth)
    data = table([a for i, k in enumerate(wrong) for a in acts(str(i), 40 - int(k), int(k))])
    off = {}
    for mode in ("hierarchical", "separate", "pooled"):
        fit = fit_people(*data, CarefulModel.parameters, mode=mode)  # type: ignore[arg-type] # of three
        means = np.array([belief.mean("error_rate") for belief in fit.beliefs])
        off[mode] = float(np.sqrt(np.mean((means - truth) ** 2)))
    assert off["hierarchical"] < off["separate"]
    assert off["hierarchical"] < off["pooled"]


def test_the_evidence_of_few_decisions_is_that_of_enumeration() -> None:
    item = ALL_ERRORS[0]
    # All sequences of four moves: their probabilities under the prior sum to one.
    total = 0.0
    for moves in product((-1, 1), repeat=4):
        decisions, model = table([("a", 0, 5, move) for move in moves])
        evidence = fit_people(decisions, model, (item,)).log_evidence
        assert evidence is not None
        total += math.exp(evidence)
    assert total == pytest.approx(1.0, abs=1e-9)


def test_narrow_mass_is_found_on_a_second_grid() -> None:
    belief = fit_people(*table(acts("a", 190_000, 10_000)), ALL_ERRORS).beliefs[0]
    assert belief.mean("error_rate") == pytest.approx(10_001 / 200_002, rel=1e-5)
    assert belief.deviation("error_rate") == pytest.approx(0.0004873, rel=1e-2)


def test_two_hundred_games_take_a_tenth_of_a_second() -> None:
    bundle = make_bundle("pointing", seed=2)
    data = decisions_of(rows_of(play(bundle, 200, "numpy"), CarefulModel, "a"), CarefulModel)
    fit_people(*data, CarefulModel.parameters)
    begun = time.process_time()
    fit_people(*data, CarefulModel.parameters)
    assert time.process_time() - begun < 0.1


def test_checks_pass_for_the_true_model_and_fail_for_another(thirty: tuple[Decisions, Any]) -> None:
    decisions, model = thirty
    fit = fit_people(decisions, model, CarefulModel.parameters, mode="hierarchical")
    rare = [one for one in predictive_checks(fit, decisions) if one.p < 0.01]
    assert len(rare) <= 4
    pooled = fit_people(decisions, model, CarefulModel.parameters, mode="pooled")
    # People differ, so that one error rate for all repeats too much of the middle.
    assert sum(one.p < 0.05 for one in predictive_checks(pooled, decisions)) > 12
    unseen = held_out(fit, decisions)
    assert unseen is not None
    assert unseen.above_chance > 0.5
    assert unseen.above_pooled is not None
    assert unseen.above_pooled.method == "BCa"


def test_leaving_one_game_out_is_exact() -> None:
    decisions, model = table(acts("a", 9, 3))
    fit = fit_people(decisions, model, ALL_ERRORS)
    told = left_out_games(fit, decisions)
    # By Beta(1 + wrong, 1 + right) without the game: the probability of what it was.
    wanted = 9 / 12 * math.log(9 / 13) + 3 / 12 * math.log(3 / 13)
    assert told == pytest.approx(wanted, abs=1e-4)


def test_a_fit_is_read_back(tmp_path: Path, thirty: tuple[Decisions, Any]) -> None:
    fit = fit_people(*thirty, CarefulModel.parameters, mode="hierarchical")
    file = tmp_path / "fit.npz"
    saved = fitted_people(fit, "careful")
    save_fit(file, saved, {"note": 1})
    read = load_fit(file)
    assert read.people == saved.people
    np.testing.assert_array_equal(read.own_points, saved.own_points)
    assert json.loads(file.with_suffix(".json").read_text())["kind"] == "careful"
    points, weights = read.of("new")
    assert len(weights) <= 64
    assert weights @ points[:, 0] == pytest.approx(fit.new.mean("error_rate"), rel=1e-6)
    with pytest.raises(HciError, match="no person '77'"):
        read.of("77")


def test_what_no_data_identify_is_refused() -> None:
    decisions, model = table(acts("a", 0, 0, 20))
    fit = fit_people(decisions, model.lapsing(0.02), CarefulModel.parameters)
    with pytest.raises(HciError, match="say nothing about 'error_rate'"):
        require_identified(fit)


def test_impossible_data_are_refused_without_a_lapse() -> None:
    decisions, model = table([("a", 0, 5, 0)])
    with pytest.raises(HciError, match="rules out a decision"):
        fit_people(decisions, model, CarefulModel.parameters)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("betta(1,19)", "did you mean 'beta'"),
        ("beta(1)", "two numbers"),
        ("uniform(1,0)", "no distribution"),
        ("beta(1,x)", "cannot be read"),
        ("19", "is no prior"),
    ],
)
def test_a_prior_that_is_none_is_refused(text: str, told: str) -> None:
    with pytest.raises(HciError, match=told):
        parse_prior(text)


@pytest.mark.parametrize("text", ["uniform(0, 0.5)", "beta(2, 7)", "normal(0.3, 0.1)"])
def test_shares_and_quantiles_of_a_prior_agree(text: str) -> None:
    item = CarefulModel.parameters[0].believing(parse_prior(text))
    shares = np.linspace(0.01, 0.99, 17)
    assert item.prior.cdf(item.prior.quantile(shares)) == pytest.approx(shares, abs=1e-9)
    mass = np.exp(make_grid((item,)).log_prior())
    assert mass.sum() == pytest.approx(1.0, abs=1e-9)


def test_every_parameter_of_a_model_is_a_field_of_its_user() -> None:
    assert {item.name for item in CarefulModel.parameters} <= set(Careful.model_fields)
