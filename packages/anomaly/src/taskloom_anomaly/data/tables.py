"""Tables that come inside packages; nothing is downloaded."""

from __future__ import annotations

import csv
import gzip
import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from taskloom.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Table: TypeAlias = "tuple[Float[np.ndarray, 'n d'], Bool[np.ndarray, ' n']]"


def load_table(source: str) -> Table:
    """Return rows, and whether each is abnormal.

    Args:
        source: `breast_cancer`, `wine`, `digits8` or `shuttle`.

    Raises:
        MissingExtraError: Shuttle's package is not installed.
        ConfigError: There is no such table.
    """
    if source == "shuttle":
        return _shuttle()
    from sklearn import datasets  # scikit-learn is heavy

    match source:
        case "breast_cancer":
            rows, labels = datasets.load_breast_cancer(return_X_y=True)
            abnormal = labels == 0  # 0 is malignant
        case "wine":
            rows, labels = datasets.load_wine(return_X_y=True)
            abnormal = labels == 2
        case "digits8":
            rows, labels = datasets.load_digits(return_X_y=True)
            abnormal = labels == 1
        case _:
            raise ConfigError(
                f"There is no table '{source}'; known are breast_cancer, wine, digits8, shuttle."
            )
    return np.asarray(rows, np.float64), np.asarray(abnormal, bool)


def _shuttle() -> Table:
    """Statlog (Shuttle) as the package `river` ships it: 49,097 rows of 9 numbers, 3,511 abnormal."""
    # The package is found, not imported: only its data file is wanted.
    spec = find_spec("river")
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = [Path(folder) / "datasets" / "shuttle.csv.gz" for folder in folders]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise MissingExtraError(
            "The Shuttle table comes with the package 'river', which is not installed.",
            hint="pip install 'taskloom-anomaly[shuttle]'",
        )
    text = gzip.decompress(found.read_bytes()).decode()
    header, *lines = list(csv.reader(io.StringIO(text)))
    flag = header.index("anomaly")
    table = np.asarray(lines, np.float64)
    return np.delete(table, flag, axis=1), table[:, flag] != 0
