"""The file of a fit: what users and assistants draw from, as arrays, with everything else as text beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from taskloom.arrays import load_npz, save_npz
from taskloom.errors import StoreError

from taskloom_hci.errors import HciError, with_nearest
from taskloom_hci.fitting.decisions import Decisions
from taskloom_hci.fitting.grid import Belief
from taskloom_hci.fitting.people import PeopleFit

Float: TypeAlias = NDArray[np.float64]

FORMAT = 1
MOST_POINTS = 64
"""Points of a support: a play of an assistant costs as many times that of one that knows."""
NEW, MEAN = "new", "mean"


@dataclass(frozen=True, slots=True)
class FittedPeople:
    """The parameters of people, as a file keeps them.

    Attributes:
        kind: The kind of user.
        names: Names of the parameters (D).
        lapse: Lapse of the model, where it is none of them.
        people: Names of the people.
        points: Values of a person who is not among them, (K, D).
        weights: Their weights, (K,).
        own_points: Those of each person, (P, K, D).
        own_weights: See `own_points`, (P, K).
    """

    kind: str
    names: tuple[str, ...]
    lapse: float
    people: tuple[str, ...]
    points: Float
    weights: Float
    own_points: Float
    own_weights: Float

    def of(self, person: str) -> tuple[Float, Float]:
        """Return the points (K, D) and weights (K,) of a person: a name, `new`, or `mean`, which is one point.

        Raises:
            HciError: If there is no such person.
        """
        if person == NEW:
            return self.points, self.weights
        if person == MEAN:
            return (self.weights @ self.points)[None], np.ones(1)
        if person not in self.people:
            known = [NEW, MEAN, *self.people]
            raise HciError(
                with_nearest(
                    f"The fit knows no person '{person}'; there are {', '.join(known[:12])}"
                    f"{', ...' if len(known) > 12 else ''}",
                    person,
                    known,
                )
            )
        number = self.people.index(person)
        return self.own_points[number], self.own_weights[number]


def support(belief: Belief, seed: int = 0) -> tuple[Float, Float]:
    """Return at most 64 points (K, D) that stand for a belief, and their weights (K,).

    Of one parameter the mass is cut into equal parts, each of which its mean stands for, so that the mean is kept exactly;
    of several, draws are thinned by systematic resampling in the order of the first.
    """
    names = [item.name for item in belief.parameters]
    values = np.stack([belief.points[name] for name in names], axis=1)
    order = np.lexsort(values.T[::-1])
    values, weights = values[order], belief.weights[order]
    upto = np.cumsum(weights)
    upto /= upto[-1]
    if len(values) <= MOST_POINTS:
        return values, weights / weights.sum()
    if len(names) == 1:
        # The mean of a part is the difference of the running first moment at its ends.
        edges = np.linspace(0.0, 1.0, MOST_POINTS + 1)
        moment = np.concatenate([[0.0], np.cumsum(weights / weights.sum() * values[:, 0])])
        at = np.interp(edges, np.concatenate([[0.0], upto]), moment)
        return (np.diff(at) * MOST_POINTS)[:, None], np.full(MOST_POINTS, 1.0 / MOST_POINTS)
    start = np.random.default_rng([seed, 3]).random()
    index = np.searchsorted(upto, (np.arange(MOST_POINTS) + start) / MOST_POINTS)
    chosen = np.minimum(index, len(values) - 1)
    return values[chosen], np.full(MOST_POINTS, 1.0 / MOST_POINTS)


def fitted_people(fit: PeopleFit, kind: str, seed: int = 0) -> FittedPeople:
    """Return a fit of a kind of user as a file keeps it."""
    points, weights = support(fit.new, seed)
    own = [support(belief, seed) for belief in fit.beliefs]
    most = max(len(w) for _, w in own)
    size = (len(own), most, points.shape[1])
    own_points, own_weights = np.zeros(size), np.zeros(size[:2])
    for i, (places, shares) in enumerate(own):
        # A point of weight 0 fills what is short; it is a copy of the first, so that every value is allowed.
        own_points[i] = places[0]
        own_points[i, : len(shares)], own_weights[i, : len(shares)] = places, shares
    names = tuple(item.name for item in fit.parameters)
    return FittedPeople(
        kind, names, fit.model.lapse, fit.people, points, weights, own_points, own_weights
    )


def save_fit(path: Path, fitted: FittedPeople, facts: Mapping[str, Any]) -> None:
    """Write a fit, and the same facts as text beside it: `fit.npz` and `fit.json`.

    Raises:
        HciError: If the name ends with something else than `.npz`.
        StoreError: If a file cannot be written.
    """
    require_name(path)
    head = {
        "format": FORMAT,
        "kind": fitted.kind,
        "parameters": list(fitted.names),
        "lapse": fitted.lapse,
        "people": list(fitted.people),
    }
    text = json.dumps({**head, **facts}, indent=2)
    arrays: dict[str, NDArray[Any]] = {
        "head": np.array(json.dumps(head)),
        "points": fitted.points,
        "weights": fitted.weights,
        "own/points": fitted.own_points,
        "own/weights": fitted.own_weights,
    }
    save_npz(path, arrays)
    try:
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError(
            f"'{path.with_suffix('.json')}' cannot be written: {error.strerror}."
        ) from None


def require_name(path: Path) -> None:
    """Raise `HciError` unless a file of a fit may have this name."""
    if path.suffix != ".npz":
        raise HciError(f"A fit is a new file that ends with .npz, not '{path.name}'.")
    if not path.parent.is_dir():
        raise HciError(f"The folder '{path.parent}' of the fit does not exist.")


def load_fit(path: Path) -> FittedPeople:
    """Read what `save_fit` wrote; nothing is unpickled.

    Raises:
        HciError: If there is no such file, or it is no fit.
    """
    if not path.exists():
        raise HciError(f"There is no file '{path}': a fit is what 'tasks hci fit --out' wrote.")
    try:
        arrays = load_npz(path, limit=2**28)
        head = json.loads(str(arrays["head"]))
        if head["format"] > FORMAT:
            raise HciError(
                f"{path.name} is of format {head['format']}; this version reads up to {FORMAT}."
            )
        found = FittedPeople(
            str(head["kind"]),
            tuple(str(name) for name in head["parameters"]),
            float(head["lapse"]),
            tuple(str(name) for name in head["people"]),
            arrays["points"],
            arrays["weights"],
            arrays["own/points"],
            arrays["own/weights"],
        )
    except (StoreError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, HciError):
            raise
        raise HciError(f"'{path}' is no fit of 'tasks hci fit'.") from None
    sizes = (found.points.shape, found.own_points.shape)
    wanted = ((len(found.weights), len(found.names)), (*found.own_weights.shape, len(found.names)))
    if sizes != wanted or found.own_points.shape[0] != len(found.people):
        raise HciError(f"'{path}' is no fit of 'tasks hci fit': its arrays do not fit together.")
    return found


def digest_of(decisions: Decisions) -> str:
    """Return the SHA-256 of a table of decisions, whatever their order in the files was."""
    hasher = hashlib.sha256("\n".join(decisions.people).encode())
    for values in (decisions.person, decisions.game, decisions.action, decisions.situation):
        hasher.update(np.ascontiguousarray(values, dtype=np.int64).tobytes())
    for name in sorted(decisions.situations):
        hasher.update(name.encode())
        hasher.update(np.asarray(decisions.situations[name], dtype=np.float64).tobytes())
    return hasher.hexdigest()
