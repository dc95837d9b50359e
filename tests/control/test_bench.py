"""Measurements on sealed seeds: seeds, the ledger of looks, charged episodes, paired figures, budgets and tuning."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from taskloom.bound import BoundTask
from taskloom.cli import main
from taskloom.errors import RunCorruptError, UsageError
from taskloom.opening import open_run, open_task
from taskloom.params.shapes import kind_of
from taskloom_control import driver
from taskloom_control.bench.comparison import Side, compare
from taskloom_control.bench.effort import (
    cpu_of_a_step,
    steps_of_a_candidate,
    with_budget,
    within_budget,
)
from taskloom_control.bench.episodes import Episode, EpisodeFile, idle_cost, play
from taskloom_control.bench.space import KNOWN, default_values, dimensions, read_search
from taskloom_control.bench.tuning import search
from taskloom_control.bench.variants import deciding_files, for_seed, settings_digest, with_values
from taskloom_control.closed_loop.ledger import Ledger
from taskloom_control.closed_loop.seeds import (
    DEVELOPMENT,
    TUNING,
    named_seeds,
    sealed_count,
    sealed_seeds,
)
from taskloom_control.tasks.double_integrator import DoubleIntegrator, DoubleIntegratorConfig

SHORT = {"seconds": 1.0, "record": {"animation": False, "fan_every": 0}}


def mass(**values: object) -> BoundTask[Any, Any]:
    return open_task("control/double_integrator", {**SHORT, **values})


def side(name: str, costs: list[float], solved: list[bool] | None = None) -> Side:
    wins = solved or [True] * len(costs)
    rows = [
        Episode("control/x", name, "p", seed, win, cost, None, 0.0, 1.0, 0.1)
        for seed, (cost, win) in enumerate(zip(costs, wins, strict=True))
    ]
    return Side(name, name, tuple(rows))


def test_sealed_seeds_are_those_of_one_release_task_and_look() -> None:
    sets = [
        sealed_seeds(task, release, look, 60).values
        for task in ("control/cartpole", "control/hopper")
        for release in ("0.1.0", "0.2.0")
        for look in (1, 2)
    ]
    every = [seed for values in sets for seed in values]
    assert len(set(every)) == len(every)
    assert not set(every) & {*DEVELOPMENT, *TUNING}
    # More seeds of a look begin with those of fewer.
    assert sealed_seeds("control/cartpole", "0.1.0", 1, 40).values == sets[0][:40]
    assert (sealed_count(1.9), sealed_count(2.0)) == (60, 40)


@pytest.mark.parametrize("text", ["1020-1030", "0-2000", "5-2", "all", "-1-3", "0-99999"])
def test_seeds_that_cannot_be_taken_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"seeds.*\.$"):
        named_seeds(text)


def test_a_look_is_counted_once_for_the_same_settings_and_anew_for_others(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    first = ledger.look("control/cartpole", "0.1.0", ["b", "a"], 60)
    again = ledger.look("control/cartpole", "0.1.0", ["a", "b"], 40)
    other = ledger.look("control/cartpole", "0.1.0", ["a"], 60)
    elsewhere = ledger.look("control/cartpole", "0.2.0", ["a"], 60)
    assert again == first
    assert [row.look for row in (first, other, elsewhere)] == [1, 2, 1]
    assert len(ledger.looks("control/cartpole", "0.1.0")) == 2
    with ledger.path.open("a") as file:
        file.write("{}\n")
    with pytest.raises(RunCorruptError, match="Line 4"):
        ledger.looks("control/cartpole", "0.1.0")


def test_a_look_that_was_broken_off_is_a_look(tmp_path: Path, monkeypatch: Any) -> None:  # noqa: ANN401 -- pytest's own
    def broken(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EpisodeFile, "play", broken)
    main(("control", "bench", "lq_point_mass", "--episodes=2", f"--ledger={tmp_path}"))
    (row,) = Ledger(tmp_path).looks("control/lq_point_mass", "0.1.0")
    assert (row.look, row.seeds) == (1, 2)


def test_the_episode_of_a_seed_is_the_run_of_that_seed(tmp_path: Path) -> None:
    arguments = ("--seed=7", "--seconds=1.0", "--record.animation=false", f"--store={tmp_path}")
    assert main(("run", "control", "double_integrator", *arguments, "-q")) == 0
    run = open_run("@last", tmp_path)
    row = play(mass(), "", 7)
    assert row.cost == pytest.approx(run.metrics["cost"], rel=1e-12)
    assert row.charged == 0


class Quits(DoubleIntegrator):
    """The mass of the double integrator, which gives up after its first plan."""

    def __init__(self, config: DoubleIntegratorConfig) -> None:
        super().__init__(config)

    def terminated(self) -> bool:
        """True from the beginning."""
        return True


def test_an_episode_that_ends_at_once_costs_no_less_than_one_that_does_not() -> None:
    config = mass().config
    quits: BoundTask[Any, Any] = BoundTask(Quits(config), config, Quits, driver, "control/quits")
    for seed in range(3):
        ended, played = play(quits, "", seed), play(mass(), "", seed)
        assert ended.charged > 0.9
        assert not ended.success
        assert ended.cost >= played.cost
        assert ended.cost >= 0.9 * idle_cost(for_seed(quits, seed))


def test_rows_are_kept_and_a_row_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    file = EpisodeFile(path)
    row = file.play(mass(), "a", 3)
    text = path.read_text()
    path.write_text(text + text[: len(text) // 2])
    again = EpisodeFile(path)
    assert again.play(mass(), "a", 3) == row
    again.play(mass(), "b", 3)
    assert [json.loads(line)["settings"] for line in path.read_text().splitlines()] == ["a", "b"]
    path.write_text("{}\n" + text)
    with pytest.raises(RunCorruptError, match="Line 1"):
        EpisodeFile(path)


def test_two_that_note_rows_in_one_file_keep_each_others(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first, second = EpisodeFile(path), EpisodeFile(path)
    rows = [first.play(mass(), "a", 3), second.play(mass(), "b", 3), first.play(mass(), "c", 3)]
    again = EpisodeFile(path)
    assert [again.known(row.task, row.settings, row.planner, row.seed) for row in rows] == rows


def test_settings_are_told_apart_by_all_that_decides_and_nothing_else() -> None:
    digest = settings_digest(mass())
    same = [mass(seed=4), mass(**{"record.fan_every": 3}), mass(engine="serial")]
    assert {settings_digest(task) for task in same} == {digest}
    other = [mass(w_control=0.02), mass(optimizer="mppi"), with_values(mass(), {"hold": 0.5})]
    assert digest not in {settings_digest(task) for task in other}
    quits: BoundTask[Any, Any] = dataclasses.replace(mass(), task=Quits(mass().config))
    assert settings_digest(quits) != digest


def test_the_code_that_decides_an_episode_is_told_from_the_code_that_speaks_of_it() -> None:
    names = {path.name for path in deciding_files()}
    assert {"loop.py", "simulation.py", "controller.py", "cem.py", "threads_mujoco.py"} <= names
    assert not names & {"headline.py", "ledger.py", "labels.py"}


def test_pairs_have_the_reference_values() -> None:
    gaps = [-0.3, -0.1, 0.2, -0.5, -0.4, 0.1, -0.2, -0.6, -0.15, -0.05]
    base = [1.0] * 10
    ours = side("a", [b + g for b, g in zip(base, gaps, strict=True)], [True] * 9 + [False])
    theirs = side("b", base, [False] * 4 + [True] * 6)
    (found,) = compare([(ours, theirs)])
    assert found.p == pytest.approx(46 / 1024)
    assert (found.cost.low, found.cost.high) == pytest.approx((-0.38238, -0.01762), abs=1e-5)
    assert (found.lower, found.gained, found.lost) == (8, 4, 1)
    assert found.p_success == pytest.approx(0.375)  # 2 (1 + 5) / 32
    assert found.verdict == "better"
    # Holm: the smaller of two p-values is doubled, and "better" stands with the interval alone.
    twice = compare([(ours, theirs), (theirs, ours)])
    assert [item.p for item in twice] == pytest.approx([92 / 1024] * 2)
    assert twice[1].verdict == "worse"


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ([0.01, -0.01, 0.02, 0.0, -0.02, 0.01], "no worse"),
        ([0.5, -0.4, 0.3, -0.2, 0.6, -0.5], "undecided"),
        ([0.0] * 6, "no worse"),
    ],
)
def test_no_worse_needs_the_margin_said_beforehand(gaps: list[float], verdict: str) -> None:
    (found,) = compare([(side("a", [1 + gap for gap in gaps]), side("b", [1.0] * 6))])
    assert found.verdict == verdict


def test_effort_is_what_the_engine_is_asked_for() -> None:
    task = mass()
    rate = steps_of_a_candidate(task) * task.config.model_dump()["optimizer"]["num_rollouts"]
    assert play(task, "", 0).physics == pytest.approx(rate)
    half = with_budget(task, rate / 2)
    assert half.config.optimizer.num_rollouts == rate / steps_of_a_candidate(task) / 2
    with pytest.raises(UsageError, match=r"1 rollouts .* 2 cost .* within 2%"):
        with_budget(task, steps_of_a_candidate(task) * 1.5)
    # A trajectory optimizer pays for derivatives: two steps for each direction of the state and the control.
    mine = mass(optimizer="ilqr")
    model = mine.task.model
    least = steps_of_a_candidate(mine) * 2 * (2 * model.nv + model.nu)
    assert least < play(mine, "", 0).physics < 2 * least
    with pytest.raises(UsageError, match="no candidates"):
        with_budget(mine, rate)
    assert 0 < cpu_of_a_step(task) < 1e-3


def test_optimizers_are_ranked_on_common_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("control", "bench", "lq_point_mass", "--optimizer=lqr,ps", "--episodes=3")
    gate = tmp_path / "gate.json"
    gate.write_text('{"lq_point_mass": 1000}')
    given = (*words, f"--ledger={tmp_path}", f"--gate={gate}")
    assert main((*given, "--json", "--regret")) == 0
    (made,) = json.loads(capsys.readouterr().out)
    # The regulator is the optimum of this task.
    assert [row["name"] for row in made["sides"]] == ["lqr", "ps"]
    assert made["pairs"][0]["lower"] == 3
    # The best that is known has no regret, and every other has one.
    worst, best = sorted((row["regret"][0] for row in made["regrets"]), reverse=True)
    assert 0 <= best < worst
    assert (made["look"], made["seeds"]) == (1, {"purpose": "test", "count": 3})
    assert main(given) == 0
    shown = capsys.readouterr()
    assert "3 test seeds of 0.1.0, look 1" in shown.out
    assert "lqr less ps: -" in shown.out
    # Nothing was played again, and a bound that the whole interval lies above ends with an error.
    assert len((tmp_path / "episodes.jsonl").read_text().splitlines()) == 9
    gate.write_text('{"lq_point_mass": -1000}')
    assert main(given) == 3
    assert "above its gate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lq_point_mas",), "did you mean 'lq_point_mass'?"),
        (("lq_point_mass", "--optimizer=pss"), "did you mean --optimizer=ps?"),
        (("lq_point_mass", "--seeds=1000-1001"), "write --seeds=tuning"),
        (("lq_point_mass", "--against=no-such-run"), "no-such-run"),
        (("lq_point_mass", "--gate=no-such-file"), "no largest costs"),
        (("lq_point_mass", "--steps-per-second=9"), "no candidates"),
    ],
)
def test_bench_refuses_before_it_plays(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("control", "bench", *words, f"--ledger={tmp_path / 'new'}")) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_tuning_mends_a_spoiled_start_and_gives_the_same_answer_again(tmp_path: Path) -> None:
    spoiled = mass(**{"optimizer.sigma": 2e-3})

    def found(folder: str) -> dict[str, object]:
        file = EpisodeFile(tmp_path / folder)
        made = search(
            spoiled,
            file,
            lambda text: None,
            names=("optimizer", "sigma"),
            trials=5,
            budget=None,
            rungs=(1, 2),
        )
        assert made.chosen.cost <= made.start.cost
        assert {row.seed for item in made.finalists for row in item.episodes} == set(TUNING[:2])
        return made.chosen.values

    first = found("a")
    assert first
    assert found("b") == first


@pytest.mark.parametrize("name", ["double_integrator", "cartpole", "pendulum", "double_cartpole"])
def test_the_first_setting_that_is_tried_is_the_default_of_the_task(name: str) -> None:
    """Whatever a search begins with: as far as its dimensions reach, and in those alone."""
    own: BoundTask[Any, Any] = open_task(f"control/{name}", SHORT)
    kind = "mppi" if own.config.optimizer.kind != "mppi" else "cem"
    changed = {"controller.horizon": 0.33, "controller.iterations": 2, "controller.spline": "zero"}
    start = with_values(own, {"optimizer": {"kind": kind}, **changed})
    assert settings_digest(with_values(start, default_values(start, KNOWN))) == settings_digest(own)
    assert default_values(own, KNOWN) == {}
    assert default_values(start, ("horizon",)) == {
        "controller.horizon": own.config.controller.horizon
    }
    assert not {"optimizer", "controller.iterations"} & set(default_values(start, ("sigma",)))


def test_tuning_finds_the_solver_of_a_task_from_another_one(tmp_path: Path) -> None:
    """Two poles are balanced by no sampler; iLQR is tried because it is the task's own, at no more physics than is given."""
    own: BoundTask[Any, Any] = open_task("control/double_cartpole", {**SHORT, "seconds": 0.4})
    budget = play(own, "", TUNING[0]).physics
    start = with_values(own, {"optimizer": {"kind": "ps"}, "controller.horizon": 0.75})
    file = EpisodeFile(tmp_path / "episodes.jsonl")
    found = search(
        start,
        file,
        lambda text: None,
        names=("optimizer", "horizon", "num_nodes", "spline"),
        trials=12,
        budget=budget,
        rungs=(1,),
    )
    # Settings that cannot be planned with take no one's place.
    assert found.tried + found.unusable > found.tried >= 11
    kinds = {kind_of(type(item.task.config.optimizer)): item for item in found.finalists}
    assert set(kinds) == {"ps", "cem", "mppi", "ilqr"}
    assert "controller.spline" not in kinds["ilqr"].values
    spent = {item.episodes[0].physics for item in found.finalists}
    assert max(spent) <= 1.02 * budget


def test_dimensions_stay_in_their_ranges_and_names_are_held() -> None:
    for item in dimensions(mass(), KNOWN).values():
        ends = [item.at(0.0), item.at(1 - 2**-40)]
        if item.choices:
            assert ends == [item.choices[0], item.choices[-1]]
        else:
            assert ends == pytest.approx([item.low, item.high])
    with pytest.raises(UsageError, match="did you mean 'sigma'"):
        read_search("sigmaa")
    with pytest.raises(UsageError, match="names nothing"):
        read_search(" ,")


def test_a_regulator_that_is_solved_once_fits_the_budget_that_it_spends() -> None:
    """LQR takes a rollout a plan; with derivatives of each plan counted it would be refused at its own physics."""
    own: BoundTask[Any, Any] = open_task("control/lq_point_mass", SHORT)
    physics = play(own, "", TUNING[0]).physics
    assert within_budget(own, physics) is own
    other = with_values(own, {"optimizer": {"kind": "ilqr"}})
    with pytest.raises(UsageError, match="one iteration alone"):
        within_budget(other, physics)
