"""Tables in Parquet files, read a few rows at a time by pyarrow, which is an extra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from jaxtyping import Float

PARQUET = ".parquet"
_NUMBERS = ("bool", "halffloat", "float", "double", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))  # fmt: skip
_ENDING = "pip install 'taskloom-anomaly[parquet]'"


def read_columns(
    path: Path, size: int, beside: Sequence[str]
) -> Iterator[tuple[Float[np.ndarray, "n d"], Mapping[str, Sequence[Any]]]]:
    """Yield the columns of numbers of consecutive rows, in their order, and the values of the columns beside them; an empty cell is NaN.

    Args:
        path: The file.
        size: Rows at a time.
        beside: Columns that are no inputs, such as names and labels; they may be missing.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ConfigError: The file cannot be read, or a column of inputs holds no numbers.
    """
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError("Parquet files are read by pyarrow, which is not installed.", hint=_ENDING) from None  # fmt: skip
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            inputs = [field for field in schema if field.name not in beside]
            for field in inputs:
                kind = field.type
                if str(kind) not in _NUMBERS:
                    raise ConfigError(f"The column '{field.name}' of '{path}' holds {kind}, which is no number; --id names the column of names.")  # fmt: skip
            if not inputs:
                raise ConfigError(f"The file '{path}' has no column of numbers.")
            for batch in file.iter_batches(batch_size=size):
                columns = [batch.column(field.name).cast("float64") for field in inputs]
                values = np.stack([c.to_numpy(zero_copy_only=False) for c in columns], axis=1)
                others = {n: batch.column(n).to_pylist() for n in beside if n in schema.names}
                yield values.astype(np.float32), others
    except (arrow.ArrowException, OSError) as error:
        raise ConfigError(f"The file '{path}' cannot be read: {str(error).splitlines()[0]}") from None  # fmt: skip
