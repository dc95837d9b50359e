"""`tasks anomaly layers MODEL`: what can be watched in a network, and how that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.axes import MORE
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.opening import Reference, open_network, reference_of
from taskloom_anomaly.data.files import read_samples
from taskloom_anomaly.data.named import Inputs
from taskloom_anomaly.models.stored import StoredModel, model_folder
from taskloom_anomaly.verbs.common import StoreOption, find_place

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Run (id, @last, path), folder with a network or of Hugging Face, package.module:factory, or none for a table.",
    ),
]


def layers(
    model: ModelArgument,
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="File with a few samples: npy, npz, safetensors, jsonl or csv."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    store: StoreOption = None,
) -> None:
    """List the layers of a network: name, shape (n samples, d features), how the axis of features was found, watched or not."""
    reference = network_of(model, store)
    handle = open_network(reference, samples_for(reference, data))
    rows = described(handle)
    if as_json:
        typer.echo(json.dumps({"schema": 1, "layers": rows}, indent=2))
        return
    width = max((len(str(row["name"])) for row in rows), default=0)
    shapes = max((len(str(row["shape"])) for row in rows), default=0)
    for row in rows:
        mark = "watched" if row["default"] else row["why_not"]
        typer.echo(
            f"{row['name']:{width}}  {row['shape']:{shapes}}  {row['evidence'] or '-'}  {mark}".rstrip()
        )


def described(handle: ModelHandle) -> list[dict[str, str | bool]]:
    """Return one row a layer: name, shape, evidence, whether it is watched by default, and if it cannot be, the reason."""
    names = list(getattr(handle, "listed_layers", None) or handle.layers)
    chosen = set(handle.default_layers)
    rows: list[dict[str, str | bool]] = []
    for name in names:
        unusable = getattr(handle, "unusable", None)
        why = str(unusable(name)) if unusable is not None else ""
        info = handle.layers.get(name)
        rows.append(
            {
                "name": name,
                "shape": info.letters if info else "",
                "evidence": info.evidence if info else "",
                "default": name in chosen,
                "why_not": why,
            }
        )
    return rows


def network_of(model: str, store: Path | None) -> Reference:
    """Return the reference that a word of the command line is.

    Raises:
        ConfigError: It is no network.
    """
    found = reference_of(model)
    if found is not None:
        return found
    return Reference("stored", str(model_folder(find_place(model, store).folder).resolve()))


def samples_for(reference: Reference, data: Path | None) -> Inputs:
    """Return a few samples for a network: of the file, or made up where the network's own folder tells their form.

    Raises:
        ConfigError: Nothing tells the form of a sample.
    """
    if data is not None and data.suffix != ".jsonl":
        return read_samples(data).take(slice(MORE)).inputs
    if reference.kind == "stored":
        stored = StoredModel(reference.target)
        rng = np.random.Generator(np.random.PCG64(0))
        shape = (MORE, *stored.input_shape)
        if np.dtype(stored.component().input_dtype).kind == "f":
            return rng.random(shape).astype(stored.component().input_dtype)
        return np.zeros(shape, stored.component().input_dtype)
    if reference.kind == "huggingface":
        from taskloom_anomaly.backends.huggingface import probe_tokens  # transformers is heavy

        return probe_tokens(Path(reference.target))
    if data is not None:
        return read_samples(data).take(slice(MORE)).inputs
    raise ConfigError("--data is missing: a file with a few samples tells what the network takes.")
