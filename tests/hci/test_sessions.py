"""Recordings of people: what a session's file holds, what a killed process leaves of it, and the games in it played again."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.opening import open_task
from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.batch.loop import play_loop
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.driver import make_bundle, pair
from taskloom_hci.errors import HciError
from taskloom_hci.recordings.blocks import CONDITIONS, SESSIONS, read_blocks
from taskloom_hci.recordings.game import SeatedGame, plain
from taskloom_hci.recordings.journal import Journal, read_lines
from taskloom_hci.recordings.lines import Event, decode, encode
from taskloom_hci.recordings.replay import games_of, play_again

SEEDS = (11, 12, 13)


def write_games(
    journal: Journal, bundle: Bundle, name: str, moves: dict[int, list[Any]], *, leave: int = 0
) -> None:
    """Write what a server does of games with these moves of a person, by seed."""
    seq = 0
    game = SeatedGame(bundle)
    for episode, (seed, values) in enumerate(moves.items()):
        game.begin(seed)
        head = {"game": episode, "seed": seed, "practice": False}
        journal.note("start", data=head, condition=name, episode=episode, round=0)
        for value in values[: leave or None] if episode == len(moves) - 1 else values:
            place = {"condition": name, "episode": episode, "round": game.round}
            moved = game.act("user", value)
            data = {"reward": moved.reward, "by": "agent", "belief": game.beliefs()}
            if moved.assistant is not None:
                data["assistant"] = plain(moved.assistant)
            told = {"seq": seq, "device": "key", "rt": 250.0, "digest": game.digest()}
            journal.note("action", data={"value": value}, **told, **place)
            journal.note("effect", data=data, **place)
            journal.commit()
            seq += 1
        if game.is_over:
            ends = {"done": bundle.is_done, "truncated": bundle.truncated}
            journal.note("end", data=ends, condition=name, episode=episode)
    journal.commit()


def offline(task: str, config: dict[str, Any]) -> list[Episodes]:
    """Return the games of the seeds as the user agent plays them."""
    return [play_loop(make_bundle(task, seed=seed, **config), [0], full=True) for seed in SEEDS]


def moves(task: str, config: dict[str, Any]) -> dict[int, list[Any]]:
    played = offline(task, config)
    return {
        seed: one.rounds["user_action"].tolist() for seed, one in zip(SEEDS, played, strict=True)
    }


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a run folder with one session."""

    def make(task: str, leave: int = 0, **config: Any) -> Path:
        bound = open_task(f"hci/{task}", config)
        (tmp_path / SESSIONS).mkdir(parents=True)
        entry = {"task": task, "config": bound.config.model_dump(mode="json"), "seats": ["user"]}
        (tmp_path / CONDITIONS).write_text(json.dumps({"conditions": {"one": entry}}))
        journal = Journal(tmp_path / SESSIONS / "s1.jsonl")
        journal.note("open", data={"session": "s1", "person": "p1", "pilot": False})
        write_games(
            journal, pair(bound.task, bound.config), "one", moves(task, config), leave=leave
        )
        journal.close()
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("task", "config"),
    [
        ("pointing", {"assistant": "big"}),
        ("pointing_2d", {"assistant": "map", "width": 5, "height": 4, "targets": 4}),
        ("gaze", {}),
        ("teaching", {"sessions": 2, "trials": 6, "items": 4}),
        ("coordinated", {"assistant": "random"}),
    ],
)
def test_a_session_played_again_is_the_game_of_its_seeds_to_the_bit(
    run: Callable[..., Path], task: str, config: dict[str, Any]
) -> None:
    (block,) = read_blocks(run(task, **config))
    told = offline(task, config)
    assert block.episodes.num_rounds.tolist() == [int(one.num_rounds[0]) for one in told]
    # The mind of a person is not that of the agent: noisy eyes draw from a stream that a person leaves alone.
    mind = ("user_state", "observation/user") if task == "gaze" else ()
    for name, values in block.episodes.rounds.items():
        if name.startswith(mind) and mind:
            continue
        np.testing.assert_array_equal(values, np.concatenate([one.rounds[name] for one in told]))
    assert block.rt[0] == 0.25
    assert block.games.tolist() == [0, 1, 2]
    assert not block.dropped.any()


def test_a_game_that_was_left_counts_up_to_its_last_whole_round(run: Callable[..., Path]) -> None:
    (block,) = read_blocks(run("pointing", leave=2, assistant="gain"))
    assert block.dropped.tolist() == [False, False, True]
    assert block.episodes.num_rounds[-1] == 2


@pytest.mark.parametrize("part", ["digest", "belief", "reward", "assistant"])
def test_a_game_that_is_another_is_refused_by_session_episode_and_round(
    run: Callable[..., Path], part: str
) -> None:
    folder = run("pointing", assistant="big")
    path = folder / SESSIONS / "s1.jsonl"
    lines, _ = read_lines(path)
    kind = "action" if part == "digest" else "effect"
    place = next(i for i, line in enumerate(lines) if line.kind == kind and line.episode == 1)
    changed = {
        "digest": lambda line: Event(**{**fields(line), "digest": "0" * 32}),
        "belief": lambda line: with_data(line, belief=[0.5, *line.data["belief"][1:]]),
        "reward": lambda line: with_data(line, reward=-2.0),
        "assistant": lambda line: with_data(line, assistant=line.data["assistant"] + 1),
    }[part](lines[place])
    lines[place] = changed
    path.write_bytes(b"".join(map(encode, lines)))
    with pytest.raises(HciError, match=r"Session s1, condition 'one', episode 1, round 0"):
        list(read_blocks(folder))


def fields(line: Event) -> dict[str, Any]:
    return {name: getattr(line, name) for name in Event.__slots__}


def with_data(line: Event, **data: Any) -> Event:
    return Event(**{**fields(line), "data": {**line.data, **data}})


def test_a_file_cut_anywhere_keeps_every_whole_line_and_goes_on(
    run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = run("pointing", assistant="gain", cells=5, targets=2)
    whole = (folder / SESSIONS / "s1.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    path = tmp_path / "cut.jsonl"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        journal = Journal(path)
        journal.note("focus")
        journal.commit()
        journal.close()
        lines, _ = read_lines(path)
        kept = sum(end <= size for end in ends)
        assert [line.kind for line in lines[kept:]] == ["repaired", "focus"][size in (0, *ends) :]
        assert [line.n for line in lines] == list(range(len(lines)))


def test_a_damaged_line_before_the_last_is_named(run: Callable[..., Path]) -> None:
    path = run("example") / SESSIONS / "s1.jsonl"
    text = path.read_bytes().replace(b'"value":', b'"valve":', 1)
    path.write_bytes(text)
    with pytest.raises(HciError, match=r"Line 3 of s1.jsonl cannot be read: the checksum"):
        Journal(path)


def test_a_line_reads_back_as_it_was_and_nothing_else_does() -> None:
    line = Event(
        3, "2026-11-29T23:50:00.000000Z", 5, "action", data={"value": [0.1, -2e-300]}, seq=1
    )
    assert decode(encode(line)) == line
    for text in (b"", b"{}\n", b"[1]\n", encode(line)[:-3], encode(line).replace(b"0.1", b"0.2")):
        with pytest.raises(HciError):
            decode(text)
    with pytest.raises(ValueError, match="JSON"):
        encode(Event(0, "", 0, "action", data={"value": float("nan")}))


def test_two_people_in_one_game_and_an_agent_that_takes_a_seat_over() -> None:
    bundle = make_bundle("pointing", assistant={"kind": "big"})
    game = SeatedGame(bundle, ("user", "assistant"))
    game.begin(5)
    assert game.to_move == "user"
    game.act("user", 1)
    assert game.to_move == "assistant"
    with pytest.raises(HciError, match="not the turn"):
        game.act("user", 1)
    game.act("assistant", 3)
    game.act("user", 1)
    moved = game.leave("assistant")
    assert moved is not None
    assert moved.assistant is not None
    lines = [
        Event(0, "", 0, "start", condition="c", episode=0, data={
            "game": 0, "seed": 5, "practice": False, "seats": ["user", "assistant"], "pair": "x"}),
        Event(1, "", 0, "action", data={"value": 1}, seq=0),
        Event(2, "", 0, "effect", data={"assistant": 3, "by": "person"}),
        Event(3, "", 0, "action", data={"value": 1}, seq=1),
        Event(4, "", 0, "effect", data={"left": "assistant"}),
    ]  # fmt: skip
    again = play_again(games_of(lines)[0], make_bundle("pointing", assistant={"kind": "big"}))
    assert again.digest() == game.digest()
