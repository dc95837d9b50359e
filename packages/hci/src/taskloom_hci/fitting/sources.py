"""Decisions from what was recorded: runs, saved episodes, and tables of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from taskloom.errors import RunNotFoundError
from taskloom.registry.components import component_refs, load_component
from taskloom.registry.isolate import load_target
from taskloom.runs.run import Run, open_run

from taskloom_hci.batch.episodes import Episodes, load
from taskloom_hci.errors import HciError, with_nearest
from taskloom_hci.fitting.decisions import Rows
from taskloom_hci.fitting.tables import Mapped, read_table
from taskloom_hci.models.model import UserModel
from taskloom_hci.recordings.blocks import SESSIONS, Conditions, read_blocks
from taskloom_hci.users.base import User

TABLES = {".csv", ".tsv"}
EPISODES = {".npz", ".jsonl"}
# Kept by users that are drawn anew: the number of the person who plays.
PERSON = "user_state__person"


def model_class_of(kind: str) -> type[UserModel]:
    """Return the model of a kind of user whose parameters data can tell.

    Raises:
        HciError: If there is no such user, or it has none.
    """
    known = [ref.name for ref in component_refs("taskloom_hci.users")]
    if kind not in known:
        raise HciError(
            with_nearest(f"There is no user '{kind}'; there are {', '.join(known)}", kind, known)
        )
    component = cast("type[User]", load_component("taskloom_hci.users", kind))
    if not component.fitted_by:
        able = [
            name
            for name in known
            if cast("type[User]", load_component("taskloom_hci.users", name)).fitted_by
        ]
        raise HciError(
            f"The user '{kind}' declares no parameters that data could tell; {', '.join(able)} do."
        )
    found = load_target(component.fitted_by)
    if not (isinstance(found, type) and issubclass(found, UserModel) and found.parameters):
        raise HciError(f"{component.fitted_by} of the user '{kind}' is no model with parameters.")
    return found


def read_rows(
    data: Sequence[str],
    model_class: type[UserModel],
    *,
    sources: Mapping[str, Mapped] | None = None,
    conditions: Sequence[str] = (),
    store: Path | None = None,
) -> Rows:
    """Return the rows of recordings and tables, one after the other.

    Args:
        data: Runs by id, prefix, `@last` or folder; or files: `.csv`, `.tsv`, `.npz`, `.jsonl`.
        model_class: The model whose columns are read.
        sources: Where the columns of tables come from.
        conditions: Rows of tables that count.
        store: The folder of the runs.

    Raises:
        HciError: If one cannot be read, or lacks a column.
    """
    parts = []
    for reference in data:
        path = Path(reference)
        if path.suffix.lower() in TABLES:
            parts.append(read_table(_existing(path), model_class, sources or {}, conditions))
            continue
        if sources or conditions:
            raise HciError(f"--map and --where are for tables, and '{reference}' is none.")
        if path.suffix.lower() in EPISODES:
            parts.append(rows_of(load(_existing(path)), model_class, path.stem))
        else:
            parts += rows_of_run(_run(reference, store), model_class)
    return joined(parts)


def recorded_kind(reference: str, store: Path | None) -> str:
    """Return the kind of the user of a recorded run, or of the first condition of a study; empty where none is said.

    Files do not say it, and fitted users are of another kind than their name.
    """
    if Path(reference).suffix.lower() in TABLES | EPISODES:
        return ""
    run = _run(reference, store)
    config: Mapping[str, Any] = run.config
    if (run.dir / SESSIONS).is_dir():
        conditions = Conditions(run.dir)
        config = conditions.config(next(iter(conditions.table)))
    user = config.get("user")
    kind = str(user.get("kind", "")) if isinstance(user, Mapping) else ""
    return "" if kind == "fitted" else kind


def rows_of(episodes: Episodes, model_class: type[UserModel], name: str) -> Rows:
    """Return the rounds of recorded episodes as rows.

    Args:
        episodes: The episodes.
        model_class: The model whose columns are read.
        name: The person's name where the recording names none.

    Raises:
        HciError: If the recording lacks what the model reads.
    """
    lengths = episodes.num_rounds
    which = np.repeat(np.arange(len(episodes)), lengths)
    place = np.arange(len(which)) - np.repeat(episodes.offsets[:-1], lengths)

    def column(key: str) -> Any:  # noqa: ANN401 -- an array, or None
        if key in episodes.fixed:
            return episodes.fixed[key][which]
        return episodes.rounds.get(key)

    columns = {item.name: column(item.recorded) for item in model_class.columns}
    missing = [item.recorded for item in model_class.columns if columns[item.name] is None]
    action = column("user_action")
    if missing or action is None:
        raise HciError(
            f"{name} holds no {', '.join(missing) or 'user_action'}, which {model_class.__name__} reads."
        )
    person = column(PERSON)
    people = [name] * len(which) if person is None else [str(int(one)) for one in person]
    plain = action.tolist()
    return Rows(
        people,
        [str(int(one)) for one in episodes.episode[which]],
        place.astype(float).tolist(),
        [tuple(one) if isinstance(one, list) else one for one in plain],
        columns,
        [
            f"Episode {episodes.episode[e]}, round {r} of {name}"
            for e, r in zip(which, place, strict=True)
        ],
        len(which),
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts; a game belongs to its part."""
    if len(parts) == 1:
        return parts[0]
    whole = Rows([], [], [], [], {}, [])
    for number, part in enumerate(parts):
        whole.person += part.person
        whole.game += [f"{number}/{game}" for game in part.game]
        whole.round += part.round
        whole.action += part.action
        whole.places += part.places
        whole.read += part.read
        whole.left_out.update(part.left_out)
    shapes = {tuple(v.shape[1:] for v in part.columns.values()) for part in parts}
    if len(shapes) > 1:
        raise HciError("These recordings hold games of different dimensions: fit each alone.")
    whole.columns = {
        name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns
    }
    return whole


def rows_of_run(run: Run, model_class: type[UserModel]) -> list[Rows]:
    """Return the rows of a run: of its people if they played, else of its episodes.

    Raises:
        HciError: If it has neither, or no person sat in the user's seat.
    """
    if (run.dir / SESSIONS).is_dir():
        return _rows_of_people(run, model_class)
    return [rows_of(episodes_of(run), model_class, run.id)]


def episodes_of(run: Run) -> Episodes:
    """Return the episodes of a run.

    Raises:
        HciError: If it has none.
    """
    kept = run.artifacts.get("episodes")
    if kept is None or not kept.exists():
        raise HciError(f"The run {run.id} has no episodes.")
    return load(kept)


def _rows_of_people(run: Run, model_class: type[UserModel]) -> list[Rows]:
    parts = []
    for block in read_blocks(run.dir):
        if block.seat != "user":
            continue
        rows = rows_of(block.episodes, model_class, block.person)
        rows.person = [block.person] * len(rows.person)
        left = np.repeat(block.dropped, block.episodes.num_rounds)
        if left.any():
            rows = _without(rows, left, "of games that were left before their end")
        parts.append(rows)
    if not parts:
        raise HciError(f"The run {run.id} has no games in which a person was the user.")
    return parts


def _without(rows: Rows, left: Any, why: str) -> Rows:  # noqa: ANN401 -- an array of booleans
    kept = [int(i) for i in np.flatnonzero(~left)]
    return Rows(
        [rows.person[i] for i in kept],
        [rows.game[i] for i in kept],
        [rows.round[i] for i in kept],
        [rows.action[i] for i in kept],
        {name: values[kept] for name, values in rows.columns.items()},
        [rows.places[i] for i in kept],
        rows.read,
        Counter({why: int(np.sum(left))}),
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise HciError(f"There is no file '{path}'.")
    return path


def _run(reference: str, store: Path | None) -> Run:
    try:
        return open_run(reference, store)
    except RunNotFoundError as error:
        raise HciError(
            f"'{reference}' is no run and no file that ends with {', '.join(sorted(TABLES | EPISODES))}: "
            f"{error.message}"
        ) from None
