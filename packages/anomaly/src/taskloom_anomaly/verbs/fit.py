"""`tasks anomaly fit MODEL [TRUSTED]`: a detector on a run's network, on one's own, or on a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.opening import reference_of
from taskloom_anomaly.detection.own_network import save
from taskloom_anomaly.models.stored import MODEL_FILE, model_folder
from taskloom_anomaly.verbs.answering import LayoutOption, ResizeOption, fit_on_files
from taskloom_anomaly.verbs.common import (
    DETECTOR_FILES,
    ParamOption,
    StoreOption,
    TextKeyOption,
    arguments_of,
    find_place,
    fresh_folder,
    make_task,
    say_json,
    store_detector,
)
from taskloom_anomaly.verbs.layers import ModelArgument


def fit(
    model: ModelArgument,
    trusted: Annotated[
        Path | None,
        typer.Argument(
            help="File of normal samples: npy, npz, safetensors, jsonl (of texts, too), csv, or a folder of images; those of a run unless given."
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "--dir", help="Folder to write into; a new one.")],
    detector: Annotated[str | None, typer.Option(help="Detector, by name.")] = None,
    layers: Annotated[
        str | None,
        typer.Option(help="Layers to watch, with commas between; patterns such as h.* count."),
    ] = None,
    reduction: Annotated[str | None, typer.Option(help="What becomes of positions.")] = None,
    fusion: Annotated[str | None, typer.Option(help="What becomes of layers.")] = None,
    axes: Annotated[
        list[str] | None, typer.Option(help="Axes of a layer, encoder=tnd; repeatable.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="File of further normal samples for p-values; a share of TRUSTED unless given."
        ),
    ] = None,
    layout: LayoutOption = None,
    resize: ResizeOption = None,
    text_key: TextKeyOption = "text",
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, help="Longer texts are cut.")
    ] = 128,
    param: ParamOption = None,
    store: StoreOption = None,
) -> None:
    """Fit a detector on the activations of a network, and store it with the way to the network.

    With a run and no TRUSTED, the samples are those of the run, and its record counts but for what is given here.
    """
    given = {"detector": detector, "layers": layers, "reduction": reduction, "fusion": fusion}
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments |= {"axes": ",".join(axes)} if axes else {}
    arguments |= arguments_of(param)
    if trusted is None:
        _fit_run(model, arguments, out, store)
        return
    with fresh_folder(out, *DETECTOR_FILES) as folder:
        fitted, config, reference, number = fit_on_files(
            model,
            trusted,
            arguments,
            calibration=calibration,
            text_key=text_key,
            max_tokens=max_tokens,
            layout=layout,
            resize=resize,
            store=store,
        )
        path = save(fitted, config, folder, reference)
    say_json(
        {
            "detector": str(path),
            "layers": list(fitted.extractor.layers),
            "trusted": number,
            "calibration": len(next(iter(fitted.calibration.values()))),
        }
    )


def _fit_run(model: str, arguments: dict[str, str], out: Path, store: Path | None) -> None:
    found = reference_of(model)
    if found is not None and found.kind != "stored":
        raise ConfigError(
            "TRUSTED is missing: a file of samples on which the network works as it should."
        )
    place = find_place(model, store)
    if not place.task or place.task == "classifier" or place.settings is None:
        raise ConfigError(
            f"TRUSTED is missing: '{model}' is of no task with trusted samples of its own."
        )
    bound = make_task(place.task, arguments, [place.settings], {})
    network = place.folder / "artifacts" / "model"
    network = network if (network / MODEL_FILE).is_file() else place.folder / "model"
    # A task over a stored network finds it by its own `run_path`.
    if hasattr(bound.task, "adopt") and (network / MODEL_FILE).is_file():
        bound.task.adopt(model_folder(network))
    store_detector(bound, out)
