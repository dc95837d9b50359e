"""The recordings of a run, as blocks of games: one person in one condition.

    for block in read_blocks(run.dir):
        block.person, block.condition, block.episodes.rounds["user_action"], block.rt

A run of `tasks hci study` or `tasks hci play --browser` keeps a file for each session in `artifacts/sessions`, and in
`artifacts/conditions.json` what was played: by the name of a condition the task, its whole config, and who sat where.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from taskloom.opening import open_task
from taskloom.records.files import read_bytes

from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.driver import BoundInteraction, pair
from taskloom_hci.errors import HciError
from taskloom_hci.recordings.journal import SUFFIX, read_lines
from taskloom_hci.recordings.lines import Event
from taskloom_hci.recordings.replay import RecordedGame, episode_of, games_of, play_again
from taskloom_hci.task import Role

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle

SESSIONS = "artifacts/sessions"
CONDITIONS = "artifacts/conditions.json"
MS = 1000.0  # in a second; pages tell milliseconds


@dataclass(frozen=True, slots=True)
class RecordedBlock:
    """The games of one person in one condition, in their order, played again.

    Attributes:
        person: Name of the person: a recruiting platform's, else one by the number of the session.
        session: Name of the session.
        condition: The condition.
        task: Name of the task.
        config: The task's whole config.
        seat: The seat of the person.
        practice: Whether it was practice.
        pilot: Whether the visit was before the study was frozen.
        simulated: Whether a simulated participant played.
        games: Number of each game among those of the study, (E,).
        episodes: The games, with observations and beliefs; a game that was left is cut off behind its last whole round.
        dropped: Which games were left before their end, (E,).
        rt: Reaction time of every round [s], (R,); NaN where it is not known, as in rounds that an agent played.
        devices: Device of every round, (R,).
    """

    person: str
    session: str
    condition: str
    task: str
    config: Mapping[str, Any]
    seat: Role
    practice: bool
    pilot: bool
    simulated: bool
    games: NDArray[np.int64]
    episodes: Episodes
    dropped: NDArray[np.bool_]
    rt: NDArray[np.float64]
    devices: tuple[str, ...]


class Conditions:
    """The conditions of a run, whose games can be made.

    Args:
        folder: The run folder.

    Raises:
        RunCorruptError: The run has no conditions.
        HciError: They cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        text = read_bytes(folder, CONDITIONS)
        try:
            self.table: dict[str, Any] = json.loads(text)["conditions"]
        except (ValueError, TypeError, KeyError):
            raise HciError(f"{CONDITIONS} of {folder.name} holds no conditions.") from None
        self._bundles: dict[str, Bundle] = {}

    def bundle(self, name: str) -> Bundle:
        """Return the game of a condition; one for all that ask."""
        if name not in self._bundles:
            self._bundles[name] = make_game(self._entry(name))
        return self._bundles[name]

    def task(self, name: str) -> str:
        """Return the name of the task of a condition."""
        return str(self._entry(name)["task"])

    def config(self, name: str) -> Mapping[str, Any]:
        """Return the config of the task of a condition."""
        return dict(self._entry(name)["config"])

    def _entry(self, name: str) -> Mapping[str, Any]:
        if name not in self.table:
            raise HciError(f"The run has no condition '{name}', which a session names.")
        return dict(self.table[name])


def make_game(entry: Mapping[str, Any]) -> Bundle:
    """Return the game of an entry of the conditions: its task with its config."""
    bound = cast("BoundInteraction", open_task(f"hci/{entry['task']}", entry["config"]))
    return pair(bound.task, bound.config)


def session_files(folder: Path) -> list[Path]:
    """Return the files of the sessions of a run, by their names."""
    return sorted((folder / SESSIONS).glob(f"*{SUFFIX}"))


def read_blocks(
    folder: Path, *, practice: bool = False, pilots: bool = False
) -> Iterator[RecordedBlock]:
    """Yield the games of every person in every condition, played again and compared with the recording.

    Args:
        folder: The run folder.
        practice: Yield practice as well, as blocks of its own.
        pilots: Yield visits from before the study was frozen as well.

    Raises:
        HciError: A file is damaged, or a game played again is another; the sentence names the session and the place.
    """
    files = session_files(folder)
    if not files:
        raise HciError(f"{folder.name} holds no recordings of people: it has no {SESSIONS}.")
    conditions = Conditions(folder)
    for path in files:
        lines, _ = read_lines(path)
        if is_kept(lines, pilots=pilots):
            yield from _blocks(lines, conditions, practice=practice)


def is_kept(lines: list[Event], *, pilots: bool) -> bool:
    """Return whether a session counts: it has begun, was not withdrawn, and is no pilot unless those count."""
    if not lines or any(line.kind == "withdraw" for line in lines):
        return False
    return pilots or not lines[0].data.get("pilot", False)


def _blocks(
    lines: list[Event], conditions: Conditions, *, practice: bool
) -> Iterator[RecordedBlock]:
    groups: dict[tuple[str, bool], list[RecordedGame]] = {}
    for game in games_of(lines):
        if practice or not game.practice:
            groups.setdefault((game.condition, game.practice), []).append(game)
    opened = lines[0].data
    for (name, is_practice), games in groups.items():
        kept = []
        for game in games:
            bundle = conditions.bundle(name)
            play_again(game, bundle, str(opened["session"]))
            played = episode_of(game, bundle)
            if played is not None:
                kept.append((game, played))
        if kept:
            told = [_told(game, int(played.num_rounds[0])) for game, played in kept]
            yield RecordedBlock(
                person=str(opened["person"]),
                session=str(opened["session"]),
                condition=name,
                task=conditions.task(name),
                config=conditions.config(name),
                seat=kept[0][0].seat,
                practice=is_practice,
                pilot=bool(opened.get("pilot", False)),
                simulated=bool(opened.get("simulated", False)),
                games=np.array([game.game for game, _ in kept], dtype=np.int64),
                episodes=join([played for _, played in kept]),
                dropped=np.array([not game.is_over for game, _ in kept]),
                rt=np.concatenate([times for times, _ in told]),
                devices=tuple(device for _, devices in told for device in devices),
            )


def _told(game: RecordedGame, rounds: int) -> tuple[NDArray[np.float64], list[str]]:
    """Return reaction time and device of every round of a game."""
    own = [act for act in game.acts if act.role == game.seat and act.value is not None][:rounds]
    rest = rounds - len(own)
    return np.array([act.rt for act in own] + [np.nan] * rest) / MS, [a.device for a in own] + [
        ""
    ] * rest
