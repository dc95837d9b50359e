"""`tasks anomaly cleanse RUN|DETECTOR [DATA]`: a training set without the samples that are unlike trusted ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from taskloom.arrays import save_npz
from taskloom.errors import ConfigError
from taskloom.opening import task_of

from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.arrays import ArrayDataset, concatenate
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.data.streams import RowReading
from taskloom_anomaly.detection.answers import Judge, Rule
from taskloom_anomaly.detection.cleansing import (
    Cleansed,
    attack_of,
    cleanse_by_activations,
    cleanse_by_input,
    compared,
    retrained,
    trusted_of,
)
from taskloom_anomaly.detection.features import extractor_for
from taskloom_anomaly.detection.scoring import answer
from taskloom_anomaly.models.stored import MODEL_FILE
from taskloom_anomaly.statistics.conformal import require_rate
from taskloom_anomaly.tasks.backdoor import Backdoor
from taskloom_anomaly.verbs.answering import opened
from taskloom_anomaly.verbs.common import (
    Place,
    StoreOption,
    find_place,
    fresh_folder,
    say_json,
)

KEPT, REMOVED = "kept.npz", "removed.jsonl"


def cleanse(
    source: Annotated[
        str,
        typer.Argument(metavar="RUN|DETECTOR", help="Run of a backdoor task, whose own training set is cleansed; or a detector, with DATA."),
    ],
    data: Annotated[
        str | None, typer.Argument(help="Training samples, as score takes them; for a detector.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "--dir", help="New folder for kept.npz and removed.jsonl.")],
    fpr: Annotated[
        float, typer.Option(help="Rate of false removals: a right sample is removed with at most this probability.")
    ] = 0.01,
    num_trusted: Annotated[
        int, typer.Option("--num-trusted", min=4, help="Of a run: clean images that are known to be right, and carry p-values.")
    ] = 200,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Of a run: train the network again on what is kept, and measure the attack before and after.")
    ] = False,
    store: StoreOption = None,
) -> None:  # fmt: skip
    """Remove the samples of a training set that are unlike trusted ones, at a stated rate of false removals.

    Of a run samples are compared with trusted ones of the same label in the activations of the network that was trained on the set, and beside it stands
    what the best score of the input alone would remove. A detector removes by its own p-values.
    """
    rule = Rule(require_rate(fpr))
    place = find_place(source, store)
    with fresh_folder(out, KEPT, REMOVED) as folder:
        if data is not None:
            found = _by_detector(place, data, rule)
            figures: dict[str, Any] = found.figures()
        else:
            found, figures = _of_run(place, rule, num_trusted, retrain=retrain)
        _keep(folder, found)
    say_json(figures)
    if "after" in figures:
        typer.echo(f"Retrained without {figures['removed']:,} samples: {compared(figures['before'], figures['after'])}.", err=True)  # fmt: skip


def _of_run(
    place: Place, rule: Rule, num_trusted: int, *, retrain: bool
) -> tuple[Cleansed, dict[str, Any]]:
    task = task_of(place.run).task if place.run is not None else None
    if not isinstance(task, Backdoor):
        raise ConfigError(
            f"DATA is missing: '{place.folder}' is no run of the task backdoor, whose training set is known.",
            hint="tasks anomaly cleanse DETECTOR DATA --out DIR removes by the p-values of a detector",
        )
    network = place.files / "model"
    if (network / MODEL_FILE).is_file():
        task.adopt(network)
    data = task.build_train_data()
    handle = as_handle(task.build_model(), task.build_params(), data.inputs[:5])
    trusted = trusted_of(task, num_trusted)
    extractor = extractor_for(handle, task.config.layers, task.config.reduction, task.config.batch_size)  # fmt: skip
    found = cleanse_by_activations(extractor, data, trusted, rule)
    name, plain = cleanse_by_input(data, trusted, rule)
    baseline: dict[str, Any] = {"score": name, **plain.figures()}
    figures = {**found.figures(), "fpr": rule.fpr, "trusted": num_trusted, "input_baseline": baseline}  # fmt: skip
    if retrain:
        figures["before"] = attack_of(task, handle)
        figures["after"] = attack_of(task, retrained(task, found.kept))
        baseline["after"] = attack_of(task, retrained(task, plain.kept))
    return found, figures


def _by_detector(place: Place, data: str, rule: Rule) -> Cleansed:
    """Return the rows of a file with the p-values of a detector.

    Raises:
        ConfigError: A row cannot be read: a training set is not silently made smaller.
    """
    parts: list[ArrayDataset] = []
    p: list[np.ndarray] = []
    removed: list[np.ndarray] = []
    with opened(place, data, RowReading(), batch_size=256) as ready:
        judge = Judge(ready.known, rule)
        for found in answer(ready.parts, ready.score, judge):
            if found.part.errors:
                row, why = found.part.errors[0]
                raise ConfigError(f"Row {row} of the training set cannot be read: {why}.")
            if not isinstance(found.part.data, ArrayDataset) or found.judged is None:
                raise ConfigError("Texts are not cleansed: give arrays, a table or images.")
            parts.append(found.part.data)
            p.append(found.judged.p[rule.layer])
            removed.append(found.judged.flag)
    return Cleansed(concatenate(parts), np.concatenate(p), np.concatenate(removed))


def _keep(folder: Path, found: Cleansed) -> None:
    kept = found.kept
    inputs = kept.inputs.arrays if isinstance(kept.inputs, NamedArrays) else {"inputs": kept.inputs}
    rows = np.flatnonzero(~found.removed)
    labels = {} if kept.labels is None else {"labels": kept.labels}
    save_npz(folder / KEPT, {**inputs, **labels, "row": rows})
    with (folder / REMOVED).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_lines(found, np.flatnonzero(found.removed).tolist()))


def _lines(found: Cleansed, rows: Sequence[int]) -> Iterator[str]:
    for row in sorted(rows, key=lambda row: (found.p[row], row)):
        line: dict[str, Any] = {"row": row, "p": float(found.p[row])}
        if found.data.labels is not None:
            line["label"] = int(found.data.labels[row])
        yield f"{json.dumps(line)}\n"
