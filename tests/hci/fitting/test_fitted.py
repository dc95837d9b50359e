"""Users and assistants that go by a fit: who plays, and what an assistant believes of goal and person."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.errors import TaskloomError
from taskloom_hci.accelerated.pointing import model_tables
from taskloom_hci.batch.play import choose_backend, play
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.fitting.fitted import FittedPeople, save_fit
from taskloom_hci.fitting.sources import rows_of
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.information import information_gain
from taskloom_hci.inference.mixture import Mixture
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel


def fitted(
    points: Any, weights: Any, kind: str = "careful", name: str = "error_rate"
) -> FittedPeople:
    places, shares = np.array(points, dtype=float)[:, None], np.array(weights, dtype=float)
    return FittedPeople(
        kind, (name,), 0.02, ("ann", "7"), places, shares,
        np.stack([places[:1], places[-1:]]), np.ones((2, 1)),
    )  # fmt: skip


@pytest.fixture
def fit(tmp_path: Path) -> Any:
    """Return a function that writes a fit and returns its file."""

    def write(points: Any, weights: Any, **options: Any) -> Path:
        file = tmp_path / f"{len(points)}.npz"
        save_fit(file, fitted(points, weights, **options), {})
        return file

    return write


def test_people_who_are_drawn_differ_and_stay_for_their_games(fit: Any) -> None:
    file = fit([0.01, 0.2, 0.45], [0.25, 0.5, 0.25])
    bundle = make_bundle("pointing", user={"kind": "fitted", "file": file, "games_per_person": 4})
    played = play(bundle, 80, "numpy")
    people = played.rounds["user_state__person"][played.offsets[:-1]]
    np.testing.assert_array_equal(people, np.arange(80) // 4)
    _, which = bundle.user.people.in_episodes(bundle.seed, np.arange(4000))  # type: ignore[union-attr] # drawn
    shares = np.bincount(which[::4], minlength=3) / 1000
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.05)
    rows = rows_of(played, CarefulModel, "run")
    assert len(set(rows.person)) == 20


@pytest.mark.parametrize("points", [[0.1], [0.02, 0.3], [0.05, 0.2, 0.4]])
@pytest.mark.parametrize("assistant", ["big", "map"])
def test_the_kernel_plays_what_the_loop_plays(fit: Any, points: Any, assistant: str) -> None:
    file = fit(points, [1 / len(points)] * len(points))

    def games(backend: Any) -> Any:
        bundle = make_bundle(
            "pointing",
            cells=12,
            targets=4,
            user={"kind": "fitted", "file": file, "games_per_person": 2},
            assistant={"kind": assistant, "assumes": file},
        )
        assert choose_backend(bundle, 10, "numpy") == "numpy"
        return play(bundle, 25, backend)

    assert games("loop").digest() == games("numpy").digest()


def test_learners_who_are_drawn_play_alike_too(fit: Any) -> None:
    file = fit([0.001, 0.2], [0.5, 0.5], kind="memory", name="forgetting")
    bundle = make_bundle("teaching", trials=10, items=4, user={"kind": "fitted", "file": file})
    played = play(bundle, 12)
    assert len(set(played.rounds["user_state__person"].tolist())) == 12
    again = play(bundle, [7])
    np.testing.assert_array_equal(
        again.rounds["user_action"],
        played.rounds["user_action"][played.offsets[7] : played.offsets[8]],
    )


def test_one_set_of_parameters_is_the_assistant_that_knows(fit: Any) -> None:
    file = fit([0.1], [1.0])
    user = {"kind": "careful", "error_rate": 0.1}
    knows = play(make_bundle("pointing", user=user, assistant={"kind": "big"}), 200)
    told = make_bundle("pointing", user=user, assistant={"kind": "big", "assumes": file})
    assert play(told, 200).digest() == knows.digest()


def test_equal_sets_are_one_set(fit: Any) -> None:
    user = {"kind": "careful", "error_rate": 0.1}
    four = fit([0.1] * 4, [0.1, 0.2, 0.3, 0.4])
    bundle = make_bundle(
        "pointing", user=user, assistant={"kind": "big", "assumes": four}, cells=9, targets=3
    )
    plain = make_bundle("pointing", user=user, assistant={"kind": "big"}, cells=9, targets=3)
    np.testing.assert_array_equal(play(bundle, 100).num_rounds, play(plain, 100).num_rounds)


@pytest.fixture(scope="module")
def small() -> tuple[Pointing, Mixture, Any]:
    """Return five cells, three targets, and four sets of parameters."""
    task = Pointing((5,), 3, "position")
    models = [CarefulModel(0.1).lapsing(0.02), CarefulModel(0.4).lapsing(0.02)]
    models += [BoltzmannModel(0.7).lapsing(0.05), BoltzmannModel(3.0).lapsing(0.05)]  # type: ignore[list-item]
    tables = np.stack([model_tables(task, model)[0] for model in models])
    log_weights = np.log([0.4, 0.3, 0.2, 0.1])
    with np.errstate(divide="ignore"):
        return task, Mixture(tables, np.log(tables), log_weights), tables


def test_belief_and_gain_are_those_of_enumeration(small: tuple[Pointing, Mixture, Any]) -> None:
    _, mixture, tables = small
    targets = np.array([[0, 2, 4]])
    joint = mixture.first(1, 3)
    b = np.repeat(np.exp(mixture.log_weights)[:, None] / 3, 3, axis=1)  # (K, T)
    for cell, action in ((1, 2), (3, 0), (3, 2)):
        joint = mixture.learn(joint, np.array([cell]), targets, np.array([action]), "raise")
        for k, t in product(range(4), range(3)):
            b[k, t] *= tables[k, cell, targets[0, t], action]
        b /= b.sum()
    assert np.exp(joint[0]) == pytest.approx(b.ravel(), abs=1e-12)
    assert mixture.goals(joint)[0] == pytest.approx(b.sum(axis=0), abs=1e-12)
    assert np.exp(mixture.sets(joint)[0]) == pytest.approx(b.sum(axis=1), abs=1e-12)
    wanted = {"goal": np.zeros(5), "both": np.zeros(5)}
    for x in range(5):
        p = np.array([[[b[k, t] * tables[k, x, targets[0, t], y] for y in range(3)]
                       for t in range(3)] for k in range(4)])  # fmt: skip

        def entropy(q: Any) -> float:
            q = np.asarray(q)[np.asarray(q) > 0]
            return float(-(q * np.log2(q)).sum())

        answers = entropy(p.sum(axis=(0, 1)))
        wanted["both"][x] = answers - sum(
            b[k, t] * entropy(p[k, t] / b[k, t]) for k in range(4) for t in range(3)
        )
        goal = b.sum(axis=0)
        wanted["goal"][x] = answers - sum(
            goal[t] * entropy(p[:, t].sum(axis=0) / goal[t]) for t in range(3)
        )
    assert mixture.gain(joint, targets)[0] == pytest.approx(wanted["goal"], abs=1e-12)
    both = Mixture(mixture.tables, mixture.log_tables, mixture.log_weights, "both")
    assert both.gain(joint, targets)[0] == pytest.approx(wanted["both"], abs=1e-12)


def test_a_question_tells_of_the_goal_at_most_what_it_tells_of_both(
    small: tuple[Pointing, Mixture, Any],
) -> None:
    _, mixture, tables = small
    both = Mixture(mixture.tables, mixture.log_tables, mixture.log_weights, "both")
    rng = np.random.default_rng(0)
    joint = np.log(rng.dirichlet(np.ones(12), size=40))
    targets = np.tile([0, 2, 4], (40, 1))
    goal, all_ = mixture.gain(joint, targets), both.gain(joint, targets)
    assert (goal >= -1e-12).all()
    assert (goal <= all_ + 1e-12).all()
    # With one set both are the gain of an assistant that knows it.
    one = Mixture(tables[:1], mixture.log_tables[:1], np.zeros(1))
    b = rng.dirichlet(np.ones(3), size=5)
    known = information_gain(b, tables[0][:, [0, 2, 4]])
    assert one.gain(np.log(b), targets[:5]) == pytest.approx(known, abs=1e-12)


def test_what_is_learnt_of_a_person_is_kept_for_their_games(fit: Any) -> None:
    file = fit([0.02, 0.45], [0.5, 0.5])

    def bundle() -> Any:
        return make_bundle(
            "pointing",
            cells=12,
            targets=5,
            user={"kind": "careful", "error_rate": 0.45},
            assistant={"kind": "big", "assumes": file, "games_per_person": 10},
        )

    game = bundle()
    played = play(game, 10, full=True)
    mixture = game.assistant.rule().mixture
    game.reset(go_to=0, episode=10)
    # The next person is not known yet; the last one was known to err.
    assert np.exp(mixture.sets(game.assistant.state["log_joint"][None])[0]) == pytest.approx(
        [0.5, 0.5]
    )
    other = bundle()
    other.reset(go_to=0, episode=9)
    assert np.exp(mixture.sets(other.assistant.state["log_joint"][None])[0])[1] > 0.9
    # A game that is played alone is the game that was played behind the others.
    assert play(bundle(), [9]).num_rounds[0] == played.num_rounds[9]
    np.testing.assert_array_equal(
        play(bundle(), [9]).rounds["user_action"], played.rounds["user_action"][played.offsets[9] :]
    )


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "rollout", "assumes": "fit.npz"},
        {"kind": "gain", "assumes": "fit.npz"},
        {"kind": "map", "gain_about": "both"},
        {"kind": "big", "games_per_person": 3},
        {"kind": "map", "assumed_person": "mean"},
    ],
    ids=str,
)
def test_an_assumption_that_would_not_count_is_refused(values: Any) -> None:
    with pytest.raises(TaskloomError):
        make_bundle("pointing", assistant=values)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"user": {"kind": "fitted", "file": "FIT", "person": "bob"}}, "no person 'bob'"),
        ({"assistant": {"kind": "big", "assumes": "FIT", "assumed_person": "8"}}, "no person '8'"),
        ({"assistant": {"kind": "big", "assumes": "FIT", "assumed_error_rate": 0.1}}, "not both"),
        ({"assistant": {"kind": "map", "assumes": "OTHER"}}, "is no fit of"),
    ],
)
def test_a_fit_that_does_not_fit_is_refused(
    fit: Any, tmp_path: Path, options: Any, told: str
) -> None:
    file, other = fit([0.1], [1.0]), tmp_path / "other.npz"
    np.savez(other, x=np.arange(3))
    named = {
        role: {k: {"FIT": file, "OTHER": other}.get(v, v) for k, v in values.items()}
        for role, values in options.items()
    }
    with pytest.raises(BundleConstraintError, match=told):
        make_bundle("pointing", **named)
