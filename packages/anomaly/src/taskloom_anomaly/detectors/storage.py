"""A fitted detector on disk: `detector.safetensors` for the arrays, `detector.json` for the parameters. Nothing is pickled."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from taskloom.registry.components import load_components

from taskloom_anomaly.detectors.base import GROUP, Detector, Tensors

ARRAYS = "detector.safetensors"
PARAMETERS = "detector.json"
FORMAT = 1


def save(folder: Path, detector: Detector, fitted: Tensors) -> dict[str, Path]:
    """Write a fitted detector into a folder, each file by rename.

    Args:
        folder: The folder; it exists.
        detector: The detector.
        fitted: The tensors that it learned.

    Returns:
        The two files by artifact name.
    """
    document = {"format": FORMAT, "detector": detector.model_dump(mode="json")}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        partial = Path(scratch)
        save_arrays(partial / ARRAYS, fitted)
        (partial / PARAMETERS).write_text(
            json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        for name in (ARRAYS, PARAMETERS):
            os.replace(partial / name, folder / name)
    return {"detector": folder / ARRAYS, "detector_parameters": folder / PARAMETERS}


def save_arrays(path: Path, tensors: Tensors) -> None:
    """Write a state or fitted tensors as one safetensors file; a state so saved can be updated on in another process."""
    save_file({name: np.asarray(array, order="C") for name, array in tensors.items()}, path)


def load_arrays(path: Path) -> Tensors:
    """Read a flat dictionary of arrays; each is a copy of its own, aligned as numpy's own arrays are.

    Raises:
        ValueError: If the file cannot be read.
    """
    try:
        return {name: np.array(array, order="C") for name, array in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"The arrays in '{path}' cannot be read: {error}.") from None


def load(folder: Path) -> tuple[Detector, Tensors]:
    """Read a fitted detector and the tensors that it learned.

    Raises:
        ValueError: If a file is missing or damaged, or names a detector that is not installed.
    """
    path = folder / PARAMETERS
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        parameters = document["detector"]
        kind = parameters["kind"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"There is no readable detector in '{folder}': {error}.") from None
    known = load_components(GROUP)
    if kind not in known:
        raise ValueError(
            f"'{path}' holds a detector '{kind}'; the installed ones are: {', '.join(sorted(known))}."
        )
    detector = known[kind].model_validate(parameters)
    if not isinstance(detector, Detector):
        raise ValueError(f"The component '{kind}' in '{path}' is not a detector.")
    return detector, load_arrays(folder / ARRAYS)
