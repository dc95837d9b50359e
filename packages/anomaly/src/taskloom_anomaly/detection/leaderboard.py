"""Detectors against one another: a cell for each task, detector and seed, kept under the identity of its computation, and a table of all.

A network is trained once for each task and seed, and its activations are kept while the detectors take turns on it. A cell is a file that appears whole;
what is there is not computed again. A task whose validity card fails is shown and not averaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from taskloom.bound import BoundTask
from taskloom.errors import TaskloomError
from taskloom.identity.canonical import digest
from taskloom.identity.identify import config_id_of
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.opening import open_task
from taskloom.runs.writer import atomic_write

from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection.assembly import DetectionData, assemble
from taskloom_anomaly.detection.baselines import baseline_areas
from taskloom_anomaly.detection.fitting import fit_detector, score_sets
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detectors.short_names import values_of
from taskloom_anomaly.metrics.ranking import auroc
from taskloom_anomaly.task import HasValidity, Prepares

if TYPE_CHECKING:
    from jaxtyping import Float

SCHEMA = 1
DEFAULT = "default"
"""Name under which the detector that each task declares takes part."""
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "jax", "flax")


@dataclass(frozen=True)
class Cell:
    """The result of one detector on one task and seed.

    Attributes:
        task: The task.
        detector: The detector.
        seed: The seed.
        refused: The reason why there are no scores; empty if there are some.
        valid: Whether the validity card holds.
        baseline: Name of the best baseline without the network, and its AUROC.
        layers: AUROC by layer.
        normal: Fused scores of the normal test samples, 32 bits each.
        anomalous: Those of the anomalous ones.
    """

    task: str
    detector: str
    seed: int
    refused: str = ""
    valid: bool = True
    baseline: tuple[str, float] = ("", 0.5)
    layers: Mapping[str, float] | None = None
    normal: Float[np.ndarray, " n"] | None = None
    anomalous: Float[np.ndarray, " k"] | None = None

    @property
    def area(self) -> float:
        """The AUROC of all layers together."""
        assert self.normal is not None
        assert self.anomalous is not None
        return auroc(self.normal, self.anomalous)

    @property
    def regret(self) -> float:
        """The AUROC of the best layer minus that of all together."""
        return max((self.layers or {FUSED: self.area}).values()) - self.area

    def write(self, path: Path) -> None:
        """Write the cell; the file appears whole."""
        found = {name: value for name, value in vars(self).items() if value is not None}
        for name in ("normal", "anomalous"):
            if name in found:
                found[name] = found[name].tolist()
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps({"schema": SCHEMA, **found}, sort_keys=True))

    @classmethod
    def read(cls, path: Path) -> Cell | None:
        """Return the cell of a file; None if it is not there or was damaged, so that it is computed again."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.pop("schema") != SCHEMA:
                return None
            for name in ("normal", "anomalous"):
                if name in found:
                    found[name] = np.asarray(found[name], np.float64)
            found["baseline"] = tuple(found["baseline"])
            return cls(**found)
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Work:
    """The detectors that take turns on the network of one task and seed.

    Attributes:
        task: The task.
        seed: The seed.
        detectors: The detectors.
        folder: Where cells are kept.
        settings: Further parameters of the task.
    """

    task: str
    seed: int
    detectors: tuple[str, ...]
    folder: Path
    settings: Mapping[str, Any]

    def cells(self) -> list[Cell]:
        """Return the cells, in the order of the detectors; those that are not there are computed first."""
        bound: Any = open_task(f"anomaly/{self.task}", {**self.settings, "seed": self.seed})
        configs = {name: with_detector(bound.config, name) for name in self.detectors}
        found: dict[str, Cell] = {}
        missing: dict[str, AnomalyConfig] = {}
        for name, config in configs.items():
            if isinstance(config, str):
                found[name] = Cell(self.task, name, self.seed, config)
            elif (kept := Cell.read(self._path(config))) is not None:
                # The detector of the task may have a name of its own on the same board.
                found[name] = replace(kept, detector=name)
            else:
                missing[name] = config
        for name, cell in self._computed(bound, missing):
            cell.write(self._path(missing[name]))
            # Read back, so that a cell is the same whether it was computed now or before.
            found[name] = replace(Cell.read(self._path(missing[name])) or cell, detector=name)
        return [found[name] for name in self.detectors]

    def _path(self, config: AnomalyConfig) -> Path:
        key = digest({"config": config_id_of(self.task, SCHEMA, config), "program": _program()})
        return self.folder / key[:2] / f"{key[:32]}.json"

    def _computed(
        self, bound: BoundTask[Any, AnomalyConfig], missing: Mapping[str, AnomalyConfig]
    ) -> Iterable[tuple[str, Cell]]:
        if not missing:
            return
        with TemporaryDirectory() as name:
            place = Path(name)
            try:
                prepares: object = bound.task
                if isinstance(prepares, Prepares):
                    prepares.prepare(ScratchContext(place, self.seed))
                data = assemble(bound.task, bound.config)
                task = bound.task
                checks = list(task.validity(data.handle)) if isinstance(task, HasValidity) else []
            except TaskloomError as error:
                for one in missing:
                    yield one, Cell(self.task, one, self.seed, error.message, valid=False)
                return
            valid = all(check.ok for check in checks)
            baseline = baseline_areas(bound.task, data) if bound.config.baselines else {}
            best = max(baseline, key=lambda item: baseline[item], default="")
            for one, config in missing.items():
                own = config.model_copy(update={"activations": place / "activations"})
                yield one, self._cell(one, own, data, valid, (best, baseline.get(best, 0.5)))

    def _cell(
        self,
        name: str,
        config: AnomalyConfig,
        data: DetectionData,
        valid: bool,
        baseline: tuple[str, float],
    ) -> Cell:
        sets = {
            set_name: part
            for set_name, part in data.test_sets.items()
            if not set_name.startswith("control/")
        }
        try:
            scores = score_sets(fit_detector(data, config), sets)
        except TaskloomError as error:
            return Cell(self.task, name, self.seed, error.message, valid)
        odd = [own for set_name, own in scores.items() if set_name != "normal"]
        joined = {layer: np.concatenate([own[layer] for own in odd]) for layer in scores["normal"]}
        layers = {
            layer: auroc(scores["normal"][layer], joined[layer])
            for layer in joined
            if layer != FUSED
        }
        # 32 bits suffice for ranks, and halve the file.
        plain, other = (part[FUSED].astype(np.float32) for part in (scores["normal"], joined))
        return Cell(self.task, name, self.seed, "", valid, baseline, layers, plain, other)


def with_detector(config: AnomalyConfig, name: str) -> AnomalyConfig | str:
    """Return a config with another detector, or the reason why the task cannot have it."""
    if name == DEFAULT:
        return config
    values = {**config.model_dump(), "detector": values_of(name)}
    try:
        return type(config).model_validate(values)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


@cache
def _program() -> str:
    """Return a digest of this package's code and the versions of the libraries that compute."""
    root = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode())
        found.update(path.read_bytes())
    for name in _LIBRARIES:
        found.update(f"{name}=={version(name)}\0".encode())
    return found.hexdigest()


def ordered(cells: Iterable[Cell], tasks: Sequence[str], detectors: Sequence[str]) -> list[Cell]:
    """Return cells by task, detector and seed, whichever was computed first."""
    places = {name: place for place, name in enumerate(tasks)}
    own = {name: place for place, name in enumerate(detectors)}
    return sorted(cells, key=lambda cell: (places[cell.task], own[cell.detector], cell.seed))
