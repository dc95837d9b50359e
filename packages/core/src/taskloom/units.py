"""Units of a run: the value of its headline for each episode, sequence or sample, so that runs can be compared in pairs.

A task returns `UnitValues` beside its headline; core keeps them in `artifacts/units.npz` (float64 `value`, uint64 `key`, and where
they are needed float64 `weight` and uint8 `side`) and tells in `run.json` what was drawn: `{"id": hash, "of": "episode",
"n": 1000}`. Two runs pair where `id` and `key` agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.arrays import save_npz
from taskloom.identity.canonical import canonical, counted_fields, digest_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from taskloom.arrays import Array
    from taskloom.identity.records import Input

NAME = "units"
FILE = "units.npz"


@dataclass(frozen=True, slots=True, eq=False)
class UnitValues:
    """Values of a run's headline unit by unit.

    The headline is the mean of `value`; with `weight` the ratio of the sums of both; with `side` it is the mean on either side,
    as the area under a ROC curve is the mean of the placements of the anomalous samples and also of the normal ones.

    Attributes:
        of: One unit in words: "episode".
        value: Value of each unit (n,), float.
        key: Key of each unit (n,), an integer of at least 0; the same unit of another run has the same.
        solver: Fields of the config that choose how the problem is solved, and not which; the others decide what was drawn.
        weight: Weight of each unit (n,), or None.
        side: 0 or 1 for each unit (n,), or None.
        drawn: Anything further that decides what was drawn: a fingerprint of the data.
    """

    of: str
    value: Array
    key: Array
    solver: Collection[str] = ()
    weight: Array | None = None
    side: Array | None = None
    drawn: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the arrays.

        Raises:
            ValueError: They have different lengths, or there are none.
            StoreError: The file cannot be written.
        """
        found: dict[str, Any] = {
            "value": self.value.astype("float64"),
            "key": self.key.astype("uint64"),
        }
        if self.weight is not None:
            found["weight"] = self.weight.astype("float64")
        if self.side is not None:
            found["side"] = self.side.astype("uint8")
        shapes = {array.shape for array in found.values()}
        if len(shapes) != 1 or len(shape := shapes.pop()) != 1 or not shape[0]:
            raise ValueError("The arrays of units have one length, and at least one unit.")
        save_npz(path, found)

    def record(
        self, task: str, version: int, config: BaseModel, inputs: Collection[Input]
    ) -> dict[str, Any]:
        """Return what `run.json` tells: the digest of what was drawn, one unit in words, and their number.

        Args:
            task: Domain and name of the task.
            version: Its version.
            config: The run's config.
            inputs: Everything outside of the config that the run read.
        """
        problem = {
            name: canonical(value)
            for name, value in counted_fields(config)
            if name not in self.solver
        }
        read = sorted(
            [item.field, item.sha256]
            for item in inputs
            if item.field.partition(".")[0] not in self.solver
        )
        drawn = [task, version, problem, read, dict(self.drawn)]
        return {"id": digest_of(drawn)[:32], "of": self.of, "n": len(self.value)}
