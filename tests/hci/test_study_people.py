"""Studies that are played: by simulated participants, by two people in one game, and through the death of the server."""

from __future__ import annotations

import asyncio
import csv
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_people import PAIRED, Person, Serving, study_of
from taskloom.seeding import derive_seed
from taskloom_hci.batch.episodes import join, load
from taskloom_hci.batch.loop import play_loop
from taskloom_hci.driver import make_bundle
from taskloom_hci.fitting.fitted import FittedPeople, save_fit
from taskloom_hci.recordings.blocks import RecordedBlock, read_blocks, session_files
from taskloom_hci.recordings.export import export
from taskloom_hci.recordings.journal import Journal, read_lines
from taskloom_hci.study.materials import Materials
from taskloom_hci.study.restoring import restore, sit_again
from taskloom_hci.study.visit import Visit
from taskloom_hci.users.drawn import PeopleDrawn
from taskloom_hci.verbs.study import simulated_user, with_participants
from tests_sizes import size

# Simulated participants --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a study that simulated participants have played."""
    folder = tmp_path_factory.mktemp("simulated")
    people = {"people": size("simulated_people")}
    config = study_of(folder)
    simulation = config.simulation.model_copy(update=people)
    served = Serving(folder / "run", config.model_copy(update={"simulation": simulation}))
    served.wait()
    return served.ctx.dir


@pytest.fixture(scope="module")
def simulated(played: Path) -> list[RecordedBlock]:
    """The blocks of that study."""
    return list(read_blocks(played))


def test_an_export_has_every_game_person_and_answer(played: Path, tmp_path: Path) -> None:
    names = export(played, tmp_path)
    assert set(names) == {f"{name}.npz" for name in OFFLINE} | {
        "people.csv", "answers.csv", "games.csv", "rounds.csv",
    }  # fmt: skip
    people = size("simulated_people")
    tables = {}
    for name in ("people", "answers", "games", "rounds"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    assert len(tables["people"]) == people
    assert {row["reason"] for row in tables["people"]} == {"finished"}
    assert len(tables["games"]) == 11 * people
    efforts = [row for row in tables["answers"] if row["question"] == "effort"]
    assert len(efforts) == 5 * people
    for name in OFFLINE:
        games = load(tmp_path / f"{name}.npz")
        rows = [row for row in tables["games"] if row["condition"] == name]
        assert games.num_rounds.tolist() == [int(row["rounds"]) for row in rows]
    assert len(tables["rounds"]) == sum(int(row["rounds"]) for row in tables["games"])
    # What a round started from stands beside the action: the table alone is enough to fit people.
    told = next(row for row in tables["rounds"] if row["condition"] == "big")
    games = load(tmp_path / "big.npz")
    assert told["task_state__position"] == str(int(games.rounds["task_state__position"][0]))
    assert told["task_state__targets"].split() == list(
        map(str, games.fixed["task_state__targets"][0])
    )
    eyes = next(row for row in tables["rounds"] if row["condition"] == "eyes")
    assert (eyes["task_state__targets"], eyes["task_state__fixation"] != "") == ("", True)


def test_participants_of_a_fit_are_one_person_in_all_their_games(tmp_path: Path) -> None:
    fit = tmp_path / "fit.npz"
    two, none = np.array([[0.0], [0.45]]), (np.empty((0, 2, 1)), np.empty((0, 2)))
    save_fit(
        fit, FittedPeople("careful", ("error_rate",), 0.0, (), two, np.full(2, 0.5), *none), {}
    )
    text = "".join(
        f"""
[[condition]]
name = "{name}"
task = "pointing"
assistant = {{{{kind = "gain"}}}}
parameters = {{{{cells = 11, targets = 3}}}}
episodes = 3
"""
        for name in ("one", "other")
    )
    config = with_participants(study_of(tmp_path, text), 4, simulated_user("", fit))
    served = Serving(tmp_path / "run", config)
    served.wait()
    slips = dict.fromkeys(range(4), 0)
    for block in read_blocks(served.ctx.dir):
        rounds = block.episodes.rounds
        goal = np.repeat(block.episodes.fixed["user_state__goal"], block.episodes.num_rounds)
        wanted = np.sign(goal - rounds["task_state__position"])
        slips[int(block.person[1:]) - 1] += int((rounds["user_action"] != wanted).sum())
    sets = PeopleDrawn(np.full(2, 0.5)).sets(config.seed, np.arange(4))
    assert set(sets.tolist()) == {0, 1}
    assert [count > 0 for count in slips.values()] == (sets == 1).tolist()


OFFLINE: dict[str, tuple[str, dict[str, Any]]] = {
    "big": ("pointing", {"assistant": "big"}),
    "gain": ("pointing", {"assistant": {"kind": "gain"}, "cells": 7, "targets": 3}),
    "eyes": ("gaze", {}),
    "cards": ("teaching", {"sessions": 1, "trials": 4, "items": 3}),
    "number": ("coordinated", {"assistant": "random"}),
}


@pytest.mark.parametrize("condition", list(OFFLINE))
def test_games_through_the_socket_are_those_of_an_offline_run_to_the_bit(
    simulated: list[RecordedBlock], condition: str
) -> None:
    task, config = OFFLINE[condition]
    blocks = [block for block in simulated if block.condition == condition]
    assert len(blocks) == size("simulated_people")
    equal = 0
    for block in blocks:
        seeds = [derive_seed(5, "games", int(game)) for game in block.games]
        told = [play_loop(make_bundle(task, seed=seed, **config), [0], full=True) for seed in seeds]
        offline = replace(join(told), episode=np.arange(len(told)))
        if condition == "eyes":  # noisy eyes see by numbers of their own, and believe accordingly
            names = ("user_action", "task_state__fixation", "rewards")
            ours, theirs = block.episodes.rounds, offline.rounds
            equal += all(np.array_equal(ours[name], theirs[name]) for name in names)
        else:
            equal += block.episodes.digest() == offline.digest()
        assert block.simulated
        assert set(block.devices) == {"simulated"}
        assert np.all(block.rt > 0)
    # One has the numbers of the offline run; the others have their own, as people differ.
    assert equal >= 1


# Two people --------------------------------------------------------------------------------------------------------


async def move(person: Person) -> bool:
    """Wait for the person's turn and play it; false at the end of the study."""
    while True:
        message = await person.hear("state", "page")
        if message["type"] == "page":
            return False
        if message["legal"]:
            said = message["view"]["say"]
            if "goal" in said:
                here, goal = (int(word.strip(".,")) for word in said.split() if word[0].isdigit())
                await person.act((goal > here) - (goal < here))
            else:
                await person.act(3)
            return True


def test_two_people_play_one_game_and_it_is_played_again_to_the_bit(tmp_path: Path) -> None:
    served = Serving(tmp_path / "run", study_of(tmp_path, PAIRED, people=2, episodes=2, limit=1.5))

    async def both() -> None:
        one, two = Person(await served.connect()), Person(await served.connect())
        await one.arrive()
        assert (await one.hear("wait"))["limit"] == 1.5
        await two.arrive()

        async def play(person: Person) -> None:
            while await move(person):
                pass

        await asyncio.gather(play(one), play(two))
        await one.socket.close()
        await two.socket.close()

    asyncio.run(both())
    served.wait()
    blocks = {block.seat: block for block in read_blocks(served.ctx.dir)}
    user, assistant = blocks["user"], blocks["assistant"]
    for name, values in user.episodes.rounds.items():
        np.testing.assert_array_equal(values, assistant.episodes.rounds[name])
    assert set(user.episodes.rounds["assistant_action"].tolist()) <= {0, 3}
    assert user.person != assistant.person


def test_an_agent_takes_the_seat_of_a_person_who_does_not_come_or_goes(tmp_path: Path) -> None:
    served = Serving(tmp_path / "run", study_of(tmp_path, PAIRED, people=1, episodes=2, limit=1.5))

    async def play() -> None:
        one, two = Person(await served.connect()), Person(await served.connect())
        await one.arrive()
        await two.arrive()
        assert await move(one)
        assert await move(two)
        await two.socket.close()
        while await move(one):
            pass
        await one.socket.close()

    asyncio.run(play())
    served.wait()
    lines = [read_lines(path)[0] for path in session_files(served.ctx.dir)]
    assert sorted(found[-1].data["reason"] for found in lines) == ["finished", "left"]
    stayed = next(b for b in read_blocks(served.ctx.dir) if len(b.games) == 2)
    assert not stayed.dropped.any()


# A killed server ---------------------------------------------------------------------------------------------------


def test_a_killed_server_loses_nothing_that_it_has_answered() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "hci" / "people.py"
    command = [sys.executable, str(script), "kill", "--kills", str(size("kills_of_a_study"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["lost"] == 0
    assert found["unanswered"] <= found["kills"] * 3
    assert found["games_played_again"] > 0


# Death at any moment -----------------------------------------------------------------------------------------------


def test_a_visit_goes_on_from_any_whole_line_and_loses_no_answer(tmp_path: Path) -> None:
    """Every prefix of a file leads to a visit that goes on; what is left of a torn line counts for nothing."""
    config = study_of(tmp_path)
    simulation = config.simulation.model_copy(update={"people": 1})
    config = config.model_copy(update={"simulation": simulation})
    served = Serving(tmp_path / "run", config)
    served.wait()
    (path,) = session_files(served.ctx.dir)
    whole = path.read_bytes()
    lines, _ = read_lines(path)
    materials = Materials(config, "run")
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    picked = random.Random(3).sample(range(1, len(ends)), size("cut_files"))
    for place in picked:
        path.write_bytes(whole[: ends[place] - random.Random(place).choice((0, 1, 40))])
        journal = Journal(path)
        visit = Visit(materials, journal, journal.lines[0].data)
        unfinished = restore(visit)
        if unfinished is not None:
            sit_again([unfinished])
        journal.commit()
        kept = [event for event in read_lines(path)[0] if event.kind == "action"]
        acted = sum(event.kind == "action" for event in lines[: place + 1])
        assert acted - 1 <= len(kept) <= acted
        assert visit.seq >= len(kept)
        journal.close()
