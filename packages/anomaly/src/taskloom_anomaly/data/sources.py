"""Inputs that are scored: a file, a folder of images, or JSON lines from the standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskloom.errors import ConfigError

from taskloom_anomaly.data import slices
from taskloom_anomaly.data.parquet import PARQUET
from taskloom_anomaly.data.pictures import (
    ImageFolder,
    Layout,
    image_files,
    is_image_folder,
    layout_of,
)
from taskloom_anomaly.data.streams import (
    Part,
    RowReading,
    array_parts,
    csv_parts,
    image_parts,
    line_parts,
    parquet_parts,
)

STDIN = "-"
ENDINGS = (*slices.ENDINGS, ".jsonl", ".csv", PARQUET)


@contextmanager
def open_parts(
    source: str,
    size: int,
    how: RowReading,
    *,
    layout: Layout | None = None,
    resize: tuple[int, int] | None = None,
) -> Iterator[Iterator[Part]]:
    """Open inputs to be read part by part.

    Args:
        source: A file, a folder of images, or `-` for JSON lines from the standard input.
        size: Rows a part.
        how: The user's word about the source.
        layout: The order of the axes of images; None goes by the form.
        resize: Height and width to which images are resized.

    Raises:
        ConfigError: The source does not exist, or is of no kind that can be read.
    """
    path = Path(source)
    if source == STDIN:
        yield line_parts(sys.stdin, size, how)
    elif is_image_folder(path):
        order = layout or layout_of(how.form.shape if how.form else ())
        yield image_parts(ImageFolder(image_files(path), order, resize), size, how)
    elif path.is_dir():
        raise ConfigError(f"The folder '{source}' has no image in it, and is no file.")
    elif not path.is_file():
        raise ConfigError(f"The file '{source}' does not exist.")
    elif path.suffix in slices.ENDINGS:
        yield array_parts(path, size, how)
    elif path.suffix == PARQUET:
        yield parquet_parts(path, size, how)
    elif path.suffix in (".jsonl", ".csv"):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            read = line_parts if path.suffix == ".jsonl" else csv_parts
            yield read(file, size, how)
    else:
        raise ConfigError(
            f"The file '{source}' ends in none of {', '.join(ENDINGS)}, and is no folder of images."
        )
