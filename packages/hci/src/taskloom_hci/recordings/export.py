"""Tables of a run with people: games as data sets, and people, answers and rounds as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.recordings.blocks import RecordedBlock, is_kept, read_blocks, session_files
from taskloom_hci.recordings.journal import read_lines
from taskloom_hci.recordings.lines import Event

PEOPLE = ("person", "session", "number", "pilot", "simulated", "order", "reason", "began", "ended")
ANSWERS = ("person", "session", "page", "condition", "question", "value", "t")
GAMES = ("person", "session", "condition", "episode", "game", "rounds", "done", "return", "dropped")
ROUNDS = ("person", "session", "condition", "episode", "game", "round", "action", "rt", "device")


def export(run: Path, out: Path, *, pilots: bool = False, practice: bool = False) -> list[str]:
    """Write the tables of a run into a folder, and return the names of the files.

    `NAME.npz` holds the games of a condition as every other run's (`taskloom_hci.load`), its people one after the other in the
    order of `games.csv`. `rounds.csv` has what each round started from beside the person's action; `rt` is in seconds.

    Args:
        run: The run folder.
        out: The folder; its files are replaced.
        pilots: Write visits from before the study was frozen as well.
        practice: Write practice as well.

    Raises:
        HciError: A file is damaged, or a game played again is another.
    """
    kept = [
        lines
        for lines in (read_lines(path)[0] for path in session_files(run))
        if is_kept(lines, pilots=pilots)
    ]
    blocks = list(read_blocks(run, pilots=pilots, practice=practice))
    groups: dict[str, list[RecordedBlock]] = {}
    for block in blocks:
        groups.setdefault(block.condition + ("-practice" if block.practice else ""), []).append(
            block
        )
    written = []
    for name, group in groups.items():
        join([block.episodes for block in group]).save(out / f"{name}.npz")
        written.append(f"{name}.npz")
    ordered = [block for group in groups.values() for block in group]
    state = _state_columns(ordered)
    for file, head, rows in (
        ("people.csv", PEOPLE, map(_person, kept)),
        ("answers.csv", ANSWERS, (row for lines in kept for row in _answers(lines))),
        ("games.csv", GAMES, (row for block in ordered for row in _games(block))),
        (
            "rounds.csv",
            (*ROUNDS, *state),
            (row for block in ordered for row in _rounds(block, state)),
        ),
    ):
        _write(out / file, head, rows)
        written.append(file)
    return written


def pilots_of(run: Path) -> int:
    """Return how many sessions of a run are pilots that would count otherwise."""
    every = [read_lines(path)[0] for path in session_files(run)]
    return sum(is_kept(lines, pilots=True) and not is_kept(lines, pilots=False) for lines in every)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _person(lines: Sequence[Event]) -> Sequence[Any]:
    opened, last = lines[0].data, lines[-1]
    reasons = [event.data["reason"] for event in lines if event.kind == "done"]
    return (
        opened["person"],
        opened["session"],
        opened["number"],
        int(opened["pilot"]),
        int(opened["simulated"]),
        " ".join(opened["order"]),
        reasons[0] if reasons else "",
        lines[0].t,
        last.t,
    )


def _answers(lines: Sequence[Event]) -> Iterator[Sequence[Any]]:
    opened = lines[0].data
    for event in lines:
        if event.kind in ("answer", "consent"):
            for question, value in event.data["values"].items():
                yield (
                    opened["person"],
                    opened["session"],
                    event.page,
                    event.condition,
                    question,
                    value,
                    event.t,
                )


def _games(block: RecordedBlock) -> Iterator[Sequence[Any]]:
    episodes = block.episodes
    for i in range(len(episodes)):
        yield (
            block.person,
            block.session,
            block.condition,
            int(episodes.episode[i]),
            int(block.games[i]),
            int(episodes.num_rounds[i]),
            int(episodes.is_done[i]),
            float(episodes.returns[i]),
            int(block.dropped[i]),
        )


def _state_columns(blocks: Sequence[RecordedBlock]) -> list[str]:
    """Return the names of what a round started from and of the other agent's action, over all blocks."""
    kept = {
        name: None
        for block in blocks
        for name in (*block.episodes.rounds, *block.episodes.fixed)
        if "/" not in name and name not in (f"{block.seat}_action", "rewards")
    }
    return list(kept)


def _words(value: NDArray[Any]) -> str:
    return " ".join(str(part) for part in value.ravel().tolist())


def _rounds(block: RecordedBlock, state: Sequence[str]) -> Iterator[Sequence[Any]]:
    episodes = block.episodes
    offsets, actions = episodes.offsets, episodes.rounds[f"{block.seat}_action"]
    for i in range(len(episodes)):
        for row in range(int(offsets[i]), int(offsets[i + 1])):
            rt = float(block.rt[row])
            yield (
                block.person,
                block.session,
                block.condition,
                int(episodes.episode[i]),
                int(block.games[i]),
                row - int(offsets[i]),
                _words(actions[row]),
                "" if math.isnan(rt) else f"{rt:.6g}",
                block.devices[row],
                *(_entry(episodes, name, i, row) for name in state),
            )


def _entry(episodes: Episodes, name: str, episode: int, row: int) -> str:
    """Return one value of a round as text; empty where the game has no such thing."""
    if name in episodes.fixed:
        return _words(episodes.fixed[name][episode])
    return _words(episodes.rounds[name][row]) if name in episodes.rounds else ""
