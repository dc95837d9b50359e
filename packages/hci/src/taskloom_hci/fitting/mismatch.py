"""The price of a wrong assumption: an assistant that assumes one value of a parameter, for users who have another."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from taskloom.bound import BoundTask
from taskloom.statistics.differences import paired_difference
from taskloom.statistics.intervals import Interval

from taskloom_hci.assistants.base import JumpingAssistant
from taskloom_hci.batch.play import play
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import pair
from taskloom_hci.errors import HciError
from taskloom_hci.fitting.fitted import FittedPeople, load_fit, save_fit
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.fitted import Fitted

MOST_VALUES = 50


@dataclass(frozen=True, slots=True)
class LossMap:
    """Mean rounds for every true and assumed value, on the same games.

    Attributes:
        parameter: The parameter.
        true: True values (N), rows; None stands for the people of a fit.
        assumed: Assumed values (M), columns; None likewise.
        rounds: Mean rounds, (N, M).
        losses: Rounds of each cell less those of an assistant that knows, game by game, with intervals, (N, M).
    """

    parameter: str
    true: tuple[float | None, ...]
    assumed: tuple[float | None, ...]
    rounds: NDArray[np.float64]
    losses: tuple[tuple[Interval, ...], ...]


def parse_range(text: str) -> tuple[str, tuple[float, ...]]:
    """Return the name and the values of a range such as `error_rate=.02:.3:8`, both ends included.

    Raises:
        HciError: If it is none.

    Example:
        >>> parse_range("error_rate=.1:.3:3")
        ('error_rate', (0.1, 0.2, 0.3))
    """
    name, _, rest = text.partition("=")
    try:
        low, high, number = rest.split(":")
        values = np.linspace(float(low), float(high), int(number))
    except ValueError:
        values = np.array([np.nan])
    if not name or not np.isfinite(values).all() or not 1 <= len(values) <= MOST_VALUES:
        raise HciError(
            f"'{text}' is no range: write one like error_rate=.02:.3:8, with up to {MOST_VALUES} values."
        )
    return name, tuple(float(f"{value:.12g}") for value in values)


def loss_map(
    task: BoundTask[InteractionTask, HciConfig],
    parameter: str,
    true: Sequence[float],
    assumed: Sequence[float],
    fit: Path | None = None,
) -> LossMap:
    """Return the loss of every assumption, in as many games a cell as the task has episodes; all cells play the same games.

    With a fit there is one more row, of new people who are like those of the fit, and one more column, of the assistant that
    assumes the fit.

    Args:
        task: A pointing task with an assistant that assumes a user model.
        parameter: A parameter of its user.
        true: Values that the user has.
        assumed: Values that the assistant assumes.
        fit: A fit of such users, by what `tasks hci fit --out` wrote.

    Raises:
        HciError: If the assistant assumes nothing, the user has no such parameter, or the fit is of others.
    """
    config = task.config
    user, assistant = config.user, config.assistant
    if not isinstance(assistant, JumpingAssistant) or not user.fitted_by:
        raise HciError(
            "A map needs a user whose parameters data can tell, and an assistant that assumes them, such as 'big' or 'map'."
        )
    if parameter not in type(user).model_fields or parameter in {"kind", "lapse"}:
        known = [name for name in type(user).model_fields if name not in {"kind", "lapse"}]
        kind = getattr(user, "kind", "")
        raise HciError(
            f"The user '{kind}' has no parameter '{parameter}', only {', '.join(known)}."
        )
    also: tuple[None, ...] = ()
    if fit is not None:
        _require_same(fit, str(getattr(user, "kind", "")), parameter)
        also = (None,)
    rows, columns = (*true, *also), (*assumed, *also)
    rounds = np.empty((len(rows), len(columns)))
    losses = []
    with tempfile.TemporaryDirectory() as folder:

        def assuming(value: float | None) -> JumpingAssistant:
            lapse = assistant.assumed_lapse
            file = fit
            if value is not None:
                file = _fit_of_one(user, parameter, value, lapse, Path(folder))
            known = {"assumes": file, "assumed_person": "new", "assumed_error_rate": None}
            return assistant.model_copy(update=known)

        for i, value in enumerate(rows):
            given = {"kind": "fitted", "file": fit} if value is None else user.model_dump()
            changed = {} if value is None else {parameter: value}
            person = (Fitted if value is None else type(user)).model_validate({**given, **changed})
            knowing = _rounds(task, person, assuming(value))
            row = []
            for j, guess in enumerate(columns):
                told = _rounds(task, person, assuming(guess))
                rounds[i, j] = told.mean()
                both = (dict(enumerate(one.tolist())) for one in (told, knowing))
                row.append(paired_difference(*both, of="episode").interval)
            losses.append(tuple(row))
    return LossMap(parameter, rows, columns, rounds, tuple(losses))


def _require_same(fit: Path, kind: str, parameter: str) -> None:
    """Raise `HciError` unless a fit is of users of a kind, with a parameter."""
    fitted = load_fit(fit)
    if fitted.kind != kind:
        raise HciError(
            f"The fit '{fit}' is of '{fitted.kind}' users, and this task's is '{kind}': add --user={fitted.kind}."
        )
    if parameter not in fitted.names:
        raise HciError(f"The fit '{fit}' has no '{parameter}', only {', '.join(fitted.names)}.")


def _fit_of_one(user: object, parameter: str, value: float, lapse: float, folder: Path) -> Path:
    """Return the file of a fit whose one person has a value of a parameter."""
    file = folder / f"{value!r}.npz"
    if not file.exists():
        one = FittedPeople(
            str(getattr(user, "kind", "")),
            (parameter,),
            lapse,
            (),
            np.array([[value]]),
            np.ones(1),
            np.empty((0, 1, 1)),
            np.empty((0, 1)),
        )
        save_fit(file, one, {})
    return file


def _rounds(
    task: BoundTask[InteractionTask, HciConfig], user: object, assistant: JumpingAssistant
) -> NDArray[np.int64]:
    config = task.config.model_copy(update={"user": user, "assistant": assistant})
    bundle = pair(task.copy(), config, config.seed)
    try:
        return play(bundle, config.episodes, config.backend).num_rounds
    finally:
        bundle.close()
