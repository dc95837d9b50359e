"""People who were recorded: their decisions are fitted, and assistants are compared over them."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.runs.run import open_run
from taskloom.statistics.sequential import anytime_half_width
from taskloom_hci.batch.loop import play_loop
from taskloom_hci.driver import make_bundle
from taskloom_hci.fitting.comparison import variants_of
from taskloom_hci.fitting.decisions import decisions_of
from taskloom_hci.fitting.people import fit_people
from taskloom_hci.fitting.sources import read_rows
from taskloom_hci.models.pointing import CarefulModel
from taskloom_hci.recordings.blocks import CONDITIONS, SESSIONS
from taskloom_hci.recordings.game import SeatedGame
from taskloom_hci.recordings.journal import Journal

RATES = {"p1": 0.0, "p2": 0.1, "p3": 0.3, "p4": 0.45}
GAMES = 4


def _record(folder: Path, person: str, rate: float, *, leave: bool) -> None:
    """Write the session of a person who errs at a rate, in two conditions of the same games."""
    journal = Journal(folder / SESSIONS / f"{person}.jsonl")
    journal.note("open", data={"session": person, "person": person, "pilot": False})
    seq = 0
    for name in ("big", "map"):
        agents = make_config(name)
        game = SeatedGame(bundle := make_bundle("pointing", **agents))
        errs = {**agents, "user": {"kind": "careful", "error_rate": rate}}
        for episode in range(GAMES):
            seed = 100 + 10 * int(person[1]) + episode
            moves = play_loop(make_bundle("pointing", seed=seed, **errs), [0]).rounds["user_action"]
            game.begin(seed)
            head = {"game": episode, "seed": seed, "practice": False}
            journal.note("start", data=head, condition=name, episode=episode, round=0)
            is_left = leave and name == "map" and episode == GAMES - 1
            for value in moves.tolist()[: 1 if is_left else None]:
                place = {"condition": name, "episode": episode, "round": game.round}
                game.act("user", value)
                told = {"seq": seq, "device": "key", "rt": 250.0, "digest": game.digest()}
                journal.note("action", data={"value": value}, **told, **place)
                seq += 1
            if game.is_over:
                ends = {"done": bundle.is_done, "truncated": bundle.truncated}
                journal.note("end", data=ends, condition=name, episode=episode)
    journal.commit()
    journal.close()


@pytest.fixture
def study(tasks: Any) -> Any:
    """Return a run in which four people played two conditions; the last of them left her last game."""
    assert tasks("run", "hci", "pointing", "--episodes=1", "--baseline=false").code == 0
    run = open_run("@last", None)
    (run.dir / SESSIONS).mkdir(parents=True)
    table = {
        name: {
            "task": "pointing",
            "config": make_config(name),
            "seats": ["user"],
        }
        for name in ("big", "map")
    }
    (run.dir / CONDITIONS).write_text(json.dumps({"conditions": table}))
    for person, rate in RATES.items():
        _record(run.dir, person, rate, leave=person == "p4")
    return tasks


def make_config(name: str) -> dict[str, Any]:
    # What the assistant assumes does not hang on the user who sits in the config.
    return {"assistant": {"kind": name, "assumed_error_rate": 0.1}, "user": {"kind": "careful"}}


def test_recorded_people_are_fitted_each_under_their_name(study: Any) -> None:
    rows = read_rows(["@last"], CarefulModel)
    assert set(rows.person) == set(RATES)
    assert rows.left_out["of games that were left before their end"] == 1
    decisions, model = decisions_of(rows, CarefulModel)
    assert decisions.games().tolist() == [2 * GAMES] * 3 + [2 * GAMES - 1]
    fit = fit_people(decisions, model.lapsing(0.02), CarefulModel.parameters)
    told = [belief.mean("error_rate") for belief in fit.beliefs]
    assert told[0] < told[2]
    assert told[1] < told[3]
    done = study("hci", "fit", "@last", "--people=hierarchical", "--out=fit.npz")
    assert done.code == 0, done.err
    assert "4 people, hierarchical" in done.out
    assert "1 left out (of games that were left before their end)" in done.out
    played = study("run", "hci", "pointing", "--user=fitted", "--user.file=fit.npz",
                   "--user.person=p3", "--episodes=5", "--baseline=false")  # fmt: skip
    assert played.code == 0, played.err


def test_conditions_are_compared_over_people_and_not_over_games(study: Any) -> None:
    big, map_ = variants_of([open_run("@last", None)], "rounds")
    assert big.of == map_.of == "person"
    assert set(big.values) == set(map_.values) == set(RATES)
    done = study("hci", "compare", "@last", "--detect=1")
    assert done.code == 0, done.err
    difference = np.mean([map_.values[who] - big.values[who] for who in RATES])
    assert f"difference {difference:+.4f} (95 %" in done.out
    assert "n = 4" in done.out
    assert "persons, " in done.out


def test_runs_are_compared_game_by_game_and_pairing_narrows_as_it_says(tasks: Any) -> None:
    for kind in ("big", "map"):
        tasks("run", "hci", "pointing", f"--assistant={kind}", "--episodes=120", "--baseline=false")
    big, map_ = variants_of([open_run("@-2", None), open_run("@last", None)], "rounds")
    assert list(big.values) == list(map_.values)
    a, b = (np.array(list(one.values.values())) for one in (big, map_))
    r = np.corrcoef(a, b)[0, 1]
    s1, s2 = a.std(ddof=1), b.std(ddof=1)
    s = np.sqrt(s1**2 + s2**2 - 2 * r * s1 * s2)
    done = tasks("hci", "compare", "@-2", "@last", "--sequential", "--detect=.5")
    assert done.code == 0, done.err
    assert f"paired {s:.4f}, unpaired {np.hypot(s1, s2):.4f} (r {r:.3f}" in done.out
    assert "BCa" in done.out
    assert "decided after" in done.out
    tasks("run", "hci", "pointing", "--user.error_rate=.2", "--episodes=20", "--baseline=false")
    refused = tasks("hci", "compare", "@-2", "@last")
    assert refused.code != 0
    assert "they differ in user" in refused.err
    assert tasks("hci", "compare", "@-2", "@last", "--unpaired").code == 0
    alone = tasks("hci", "compare", "@last")
    assert alone.code != 0
    assert "no study with people" in alone.err


def test_stopping_when_it_is_clear_is_wrong_as_rarely_as_it_says() -> None:
    # Ten thousand studies of nothing, looked at after each of 200 pairs; differences as skewed as those of rounds.
    rng = np.random.default_rng(0)
    n = np.arange(1, 201)
    half = np.array([anytime_half_width(int(i)) for i in n])
    wrong = 0
    for _ in range(10):
        x = rng.geometric(0.3, (1000, 200)) - rng.geometric(0.3, (1000, 200)).astype(float)
        mean = np.cumsum(x, axis=1) / n
        square = np.maximum(np.cumsum(x**2, axis=1) - n * mean**2, 0.0)
        with np.errstate(invalid="ignore"):
            sd = np.sqrt(square / np.maximum(n - 1, 1))
            wrong += int(
                (np.abs(mean) > half * sd).any(axis=1, where=np.isfinite(half) & (sd > 0)).sum()
            )
    assert wrong / 10_000 <= 0.05 + 2 * (0.05 * 0.95 / 10_000) ** 0.5
