"""Many games at once: the same trajectories as one by one, and the published statistics."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci.accelerated import teaching
from taskloom_hci.accelerated.pointing_kernel import pointing_rules
from taskloom_hci.batch.episodes import load
from taskloom_hci.batch.kernels import kernel_of
from taskloom_hci.batch.play import Player, choose_backend, has_numba, play
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.games.pointing import draw_cells
from taskloom_hci.games.teaching import MASTERED
from taskloom_hci.inference.optimum import fewest_rounds, optimum_of
from taskloom_hci.metrics import interval_words, mean_interval, summarise
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel, Indifferent
from taskloom_hci.policies.myopic import MyopicPolicy, weakest_or_new
from taskloom_hci.state.streams import Stream, stream_key, stream_keys

GAMES: list[tuple[dict[str, Any], str]] = [
    ({"assistant": "big"}, "big"),
    ({"assistant": "big", "tie": "highest", "threshold": 0.5}, "big-highest"),
    ({"assistant": "big", "cost": 0.02}, "big-cost"),
    ({"assistant": "big", "model": BoltzmannModel(1.0)}, "big-boltzmann"),
    ({"assistant": "big", "shape": (6, 5), "targets": 5}, "big-2d"),
    ({"assistant": "map"}, "map"),
    ({"assistant": "map", "shape": (5, 7), "targets": 3}, "map-2d"),
    ({"assistant": "gain"}, "gain"),
    ({"assistant": "gain", "gain": 3, "model": Indifferent()}, "gain-3"),
    ({"assistant": "none", "shape": (4, 6)}, "none-2d"),
    ({"assistant": "none"}, "none"),
]


@pytest.mark.parametrize("options", [game for game, _ in GAMES], ids=[name for _, name in GAMES])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_kernels_play_what_the_bundle_plays(make_pointing: Any, options: Any, backend: Any) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    one, many = (
        play(make_pointing(seed=7, **options), 60, "loop"),
        play(make_pointing(seed=7, **options), 60, backend),
    )
    for name, column in one.rounds.items():
        np.testing.assert_array_equal(many.rounds[name], column, err_msg=name)
    assert one.digest() == many.digest()


COURSE = {"items": 6, "trials": 15, "inter_trial": 2.7, "pause": 11.3}
EYES = {"kind": "gaze", "noise_law": "sd", "oculomotor_noise": 0.0}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("example", {}),
        ("example", {"assistant": None}),
        ("coordinated", {}),
        ("coordinated", {"assistant": {"kind": "predict"}}),
        ("coordinated", {"assistant": {"kind": "predict", "p0": 5}}),
        ("coordinated", {"user": {"kind": "random"}}),
        ("coordinated", {"user": {"kind": "polynomial", "p2": 3}, "assistant": None}),
        *(
            ("teaching", {**COURSE, "assistant": {"kind": kind}})
            for kind in ("leitner", "myopic", "conservative", "random")
        ),
        ("teaching", {**COURSE, "user": {"kind": "memory", "lapse": 0.1, "repetition": 0.9}}),
        ("gaze", {}),
        ("gaze", {"max_rounds": 3, "distance": 2.0, "width": 0.001}),
        ("gaze", {"user": EYES}),
        ("gaze", {"dimension": 1, "user": EYES}),
    ],
    ids=str,
)
def test_games_are_played_together_as_alone(name: str, config: dict[str, Any]) -> None:
    bundle = make_bundle(name, seed=5, **config)
    compiled = bool(getattr(kernel_of(bundle), "compiled", False)) and has_numba()
    count = {"example": 40, "gaze": 15}.get(name, 5)
    one = play(make_bundle(name, seed=5, **config), count, "loop")
    for way in ("numpy", "numba") if compiled else ("numpy",):
        many = play(make_bundle(name, seed=5, **config), count, way)  # type: ignore[arg-type] # both are ways
        assert set(one.rounds) == set(many.rounds)
        for column, values in one.rounds.items():
            np.testing.assert_array_equal(many.rounds[column], values, err_msg=f"{way} {column}")
        np.testing.assert_array_equal(many.rewards, one.rewards)
        assert one.digest() == many.digest()
    assert choose_backend(bundle, 10**6) == ("numba" if compiled else "numpy")
    if not compiled:
        with pytest.raises(HciError, match="numba"):
            choose_backend(bundle, 10, "numba")


def test_answers_near_their_draw_are_given_one_by_one(monkeypatch: Any) -> None:
    """Every answer is a close one here, so that all are asked alone, and a course that is cut off is looped."""
    config = {**COURSE, "assistant": {"kind": "leitner"}}
    one = play(make_bundle("teaching", seed=2, **config), 3, "numpy")
    monkeypatch.setattr(teaching, "CLOSE", 2.0)
    assert play(make_bundle("teaching", seed=2, **config), 3, "numpy").digest() == one.digest()
    bundle = make_bundle("teaching", **config)
    bundle.max_rounds = 15
    assert choose_backend(bundle, 10) == "loop"


def test_courses_in_plain_numbers_are_those_of_arrays() -> None:
    """Conservative teaching looks ahead in plain numbers; written with arrays it decides alike, from any state."""
    rng = np.random.default_rng(0)
    task: Any = make_bundle("teaching", items=6, trials=15).task
    policy = MyopicPolicy(task, "conservative", 0.02, 0.3)

    def masters(seen: Any, last: Any, now: float, trial: int, allowed: int) -> bool:
        seen, last = seen.copy(), last.copy()
        while trial < task.num_trials:
            item = weakest_or_new(policy._recall(seen, last, now), seen, allowed)
            seen[item], last[item], trial = seen[item] + 1, now, trial + 1
            now = policy._time_of(now, trial) if trial < task.num_trials else now
        return bool(
            (policy._recall(seen, last, now + task.exam)[:allowed] > np.log(MASTERED)).all()
        )

    found = []
    for _ in range(60):
        trial = int(rng.integers(30))
        seen = rng.integers(0, 4, size=6)
        last = np.where(seen > 0, rng.random(6) * 3.0 * trial, 0.0)
        for allowed in range(1, 7):
            asked = (seen, last, 3.1 * trial, trial, allowed)
            found.append(policy._masters_all(*asked))
            assert found[-1] == masters(*asked)
    assert set(found) == {True, False}


def test_number_games_with_other_agents_are_looped() -> None:
    assert choose_backend(make_bundle("coordinated", assistant={"kind": "rollout"}), 10) == "loop"


def test_the_way_of_cutting_into_chunks_does_not_matter(make_pointing: Any) -> None:
    from taskloom_hci.batch.episodes import join

    whole = play(make_pointing(), 300, "numpy")
    player = Player(make_pointing(), 300, "numpy")
    parts = join([player.play(range(first, min(first + 37, 300))) for first in range(0, 300, 37)])
    assert whole.digest() == parts.digest()
    assert play(make_pointing(seed=1), 300, "numpy").digest() != whole.digest()


@pytest.mark.parametrize(
    ("error_rate", "assistant", "expected"),
    [(0.0, "gain", 35 / 3), (0.05, "gain", 12.857)],
)
def test_mean_rounds_are_the_published_ones(
    make_pointing: Any, error_rate: float, assistant: str, expected: float
) -> None:
    bundle = make_pointing(assistant=assistant, model=CarefulModel(error_rate), seed=20)
    rounds = play(bundle, 40_000, "numpy").num_rounds
    # Four standard errors: one false alarm in 16,000 runs.
    margin = 4 * rounds.std() / np.sqrt(len(rounds)) + 0.001
    assert abs(rounds.mean() - expected) < margin


@pytest.mark.parametrize(
    ("error_rate", "optimum"), [(0.0, 3.2222), (0.05, 3.3807), (0.1, 3.5567), (0.2, 3.9614)]
)
def test_no_assistant_is_better_than_the_optimum_and_big_is_near_it(
    make_pointing: Any, error_rate: float, optimum: float
) -> None:
    assert fewest_rounds(8, error_rate) == pytest.approx(optimum, abs=1e-4)
    bundle = make_pointing(assistant="big", model=CarefulModel(error_rate), seed=20)
    rounds = play(bundle, 20_000, "numpy").num_rounds
    margin = 4 * rounds.std() / np.sqrt(len(rounds))
    assert optimum - margin <= rounds.mean() <= 1.02 * optimum + margin
    assert optimum_of(bundle) == fewest_rounds(8, error_rate)


def test_the_optimum_has_its_closed_forms() -> None:
    # Three targets: 5/2 + e; four: 27/10 + 7e/5 + 3e^2/5 - 2e^3/5; none wrong: sums of the best search trees.
    for e in (0.0, 0.05, 0.2, 0.3):
        assert fewest_rounds(2, e) == pytest.approx((7 + e) / 3)
        assert fewest_rounds(3, e) == pytest.approx(2.5 + e)
        assert fewest_rounds(4, e) == pytest.approx(
            2.7 + 1.4 * e + 0.6 * e**2 - 0.4 * e**3, abs=1e-6
        )
    assert fewest_rounds(5, 0.05) == pytest.approx(2.960050, abs=1e-6)
    assert fewest_rounds(6, 0.3) == pytest.approx(3.828080, abs=1e-6)
    with pytest.raises(HciError, match="1 to 10 targets"):
        fewest_rounds(11, 0.05)


def test_the_optimum_of_a_number_game_is_that_of_every_policy_tried() -> None:
    """A second solver for the example: all 243 assistants that go by the number, their rounds from a linear system each."""
    numbers, best = range(-1, 4), np.inf
    for policy in product((-1, 0, 1), repeat=5):
        moves = np.zeros((5, 5))
        for x in numbers:
            for a in (-1, 0, 1):
                after = max(x + a, -1)
                then = max(after + policy[after + 1], -1) if after < 4 else 4
                if then < 4:
                    moves[x + 1, then + 1] += 1 / 3
        if np.abs(np.linalg.eigvals(moves)).max() < 1 - 1e-9:  # it comes to an end
            best = min(best, float(np.linalg.solve(np.eye(5) - moves, np.ones(5))[1]))
    found = optimum_of(make_bundle("example"))
    assert found == pytest.approx(best, abs=1e-9)
    assert found == pytest.approx(69 / 16)
    # The assistant sees the user's choice and does the same: nine rounds, and the half in which the end is noticed.
    for user in ({"kind": "polynomial"}, {"kind": "random"}):
        assert optimum_of(make_bundle("coordinated", user=user)) == pytest.approx(10)
    played = play(make_bundle("coordinated", assistant={"kind": "predict"}), 3).num_rounds
    assert played.mean() == 10
    for name, config in (("gaze", {}), ("teaching", {}), ("coordinated", {"assistant": None})):
        assert optimum_of(make_bundle(name, **config)) is None
    lapsing = {"user": {"kind": "polynomial", "lapse": 0.1}}
    assert optimum_of(make_bundle("coordinated", **lapsing)) is None


def test_an_unaided_perfect_user_needs_the_mean_distance_and_one_more() -> None:
    # Goal and start are two different cells of 31, all pairs alike: E|i - j| = (31 + 1) / 3.
    cells = np.arange(31)
    distance = np.abs(cells[:, None] - cells[None]).sum() / (31 * 30)
    assert distance + 1 == pytest.approx(35 / 3)


def test_cells_are_drawn_alike_alone_and_together() -> None:
    from taskloom_hci.accelerated.pointing_numpy import draw_cells as draw_many

    chosen, start = draw_many(stream_keys(3, "task", np.arange(2000)), 4, 9)
    for i in range(0, 2000, 97):
        alone = draw_cells(Stream(stream_key(3, "task", i)), 4, 9)
        assert (alone[0], alone[1]) == (chosen[i].tolist(), start[i])
    assert (np.diff(chosen, axis=1) > 0).all()
    assert not (chosen == start[:, None]).any()
    # 2000 draws of 4 of 9 cells: each cell has 888.9 +- 22.2 hits; five standard deviations.
    hits = np.bincount(chosen.ravel(), minlength=9)
    assert np.abs(hits - 2000 * 4 / 9).max() < 111


def test_a_game_without_kernel_is_played_by_looping(make_example: Any, make_pointing: Any) -> None:
    bundle = make_example()
    bundle.user.policy = type("Mine", (type(bundle.user.policy),), {})()
    assert choose_backend(bundle, 10) == "loop"
    with pytest.raises(HciError, match="no batch kernel"):
        choose_backend(bundle, 10, "numpy")
    assert choose_backend(make_pointing(), 10) == "numpy"


def test_episodes_survive_files(make_pointing: Any, tmp_path: Path) -> None:
    episodes = play(make_pointing(shape=(5, 6)), 20, "numpy")
    episodes.save(tmp_path / "e.npz")
    assert load(tmp_path / "e.npz").digest() == episodes.digest()
    episodes.save_jsonl(tmp_path / "e.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert len(rows) == episodes.total_rounds
    assert sum(row["is_done"] for row in rows) == int(episodes.is_done.sum())
    assert rows[0]["user_state__goal"] == episodes.fixed["user_state__goal"][0].tolist()
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(HciError, match="holds no episodes"):
        load(tmp_path / "other.npz")


def test_recorded_rounds_are_real_trajectories(make_pointing: Any) -> None:
    # B6: recorded states were all the last one.
    episodes = play(make_pointing(assistant="gain"), 50, "loop")
    offsets, rounds = episodes.offsets, episodes.rounds
    for i in range(len(episodes)):
        position = rounds["task_state__position"][offsets[i] : offsets[i + 1]]
        action = rounds["user_action"][offsets[i] : offsets[i + 1]]
        np.testing.assert_array_equal(
            np.diff(position), np.clip(position + action, 0, 30)[:-1] - position[:-1]
        )
        if episodes.is_done[i]:
            assert position[-1] == episodes.fixed["user_state__goal"][i]


def test_intervals_are_the_textbook_ones() -> None:
    mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert mean == 2.5
    assert high - mean == pytest.approx(mean - low)
    # Student's t with 3 degrees of freedom.
    assert high - mean == pytest.approx(3.182446 * np.std([1, 2, 3, 4], ddof=1) / 2)


def test_one_episode_has_no_interval_and_says_so(make_pointing: Any) -> None:
    assert mean_interval(np.array([7.0])) == (7.0, None, None)
    assert interval_words(None, None) == "no interval: one episode"
    metrics = summarise(play(make_pointing(assistant="none"), 1, "numpy"))
    assert not {"rounds/low", "rounds/high", "return/low", "rounds/sd"} & metrics.keys()
    assert {"rounds/mean", "success/low"} <= metrics.keys()


def test_metrics_count_what_was_played(make_pointing: Any) -> None:
    episodes = play(make_pointing(assistant="none"), 200, "numpy")
    metrics = summarise(episodes)
    assert metrics["rounds/mean"] == -metrics["return/mean"] == episodes.num_rounds.mean()
    assert metrics["rewards/first_task_reward"] == metrics["return/mean"]
    assert metrics["success/mean"] == episodes.is_done.mean()


@pytest.mark.slow
def test_a_million_rounds_are_the_same_everywhere(make_pointing: Any) -> None:
    pytest.importorskip("numba")
    import subprocess
    import sys

    count = 300_000
    compiled = play(make_pointing(), count, "numba")
    assert compiled.total_rounds > 1_000_000
    # The scalar game and NumPy play parts of them, a second process all of them.
    for part in (range(2000), range(count - 50, count)):
        rows = slice(int(compiled.offsets[part[0]]), int(compiled.offsets[part[-1] + 1]))
        for backend in ("numpy", "loop"):
            some = play(make_pointing(), part if backend == "numpy" else part[:50], backend)
            for name, column in some.rounds.items():
                np.testing.assert_array_equal(compiled.rounds[name][rows][: len(column)], column)
    # A game of a task believes in lapses by default; these players are made without.
    code = (
        "from taskloom_hci.driver import make_bundle\n"
        "from taskloom_hci.batch.play import play\n"
        f"print(play(make_bundle('pointing', assistant={{'kind': 'big', 'assumed_lapse': 0.0}}), {count}, 'numba').digest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == compiled.digest()


def test_the_table_and_the_sums_choose_alike(make_pointing: Any) -> None:
    pytest.importorskip("numba")
    from taskloom_hci.accelerated.pointing_numba import play_compiled

    for tie in ("nearest", "highest"):
        rules = pointing_rules(make_pointing(tie=tie))
        (one, a), (two, b) = (
            play_compiled(rules, 3, np.arange(2000), generic=generic) for generic in (False, True)
        )
        np.testing.assert_array_equal(one.num_rounds, two.num_rounds)
        np.testing.assert_array_equal(a.jump, b.jump)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_exponentials_are_the_same_everywhere(backend: str) -> None:
    from taskloom_hci.accelerated.exact_math import exact_exp, exact_exps

    rng = np.random.default_rng(0)
    x = np.concatenate(
        [-rng.random(4000) * 708, -rng.random(4000), -(10.0 ** -np.arange(1, 18)), [0.0, -708.0]]
    )
    scalar = np.array([exact_exp(float(one)) for one in x])
    never = [-np.inf, -708.1, np.nan]
    assert [exact_exp(one) for one in never] == [0.0, 0.0, 0.0]
    if backend == "numpy":
        np.testing.assert_array_equal(exact_exps(x), scalar)
        np.testing.assert_array_equal(exact_exps(np.array(never)), [0.0, 0.0, 0.0])
        np.testing.assert_allclose(scalar, np.exp(x), rtol=4e-16)
        return
    pytest.importorskip("numba")
    from taskloom_hci.accelerated.jit import exact_exp as compiled

    np.testing.assert_array_equal([compiled(float(one)) for one in x], scalar)
    assert [compiled(one) for one in never] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_normal_numbers_are_the_same_everywhere(backend: str) -> None:
    from scipy.stats import norm
    from taskloom_hci.accelerated.exact_normal import normal_quantile, normal_quantiles

    u = np.concatenate(
        [np.linspace(1e-9, 1 - 1e-9, 2001), 10.0 ** -np.arange(1, 16), [0.0, 1 - 2**-53]]
    )
    scalar = np.array([normal_quantile(float(x)) for x in u])
    if backend == "numpy":
        np.testing.assert_array_equal(normal_quantiles(u), scalar)
        np.testing.assert_allclose(scalar[:-2], norm.ppf(u[:-2]), rtol=1e-13, atol=1e-15)
        return
    pytest.importorskip("numba")
    from taskloom_hci.accelerated.jit import normal_quantile as compiled, uniform

    np.testing.assert_array_equal([compiled(float(x)) for x in u], scalar)
    key = stream_key(1, "user", 2)
    assert [uniform(np.uint64(key), i) for i in range(5)] == Stream(key).uniforms(5).tolist()
