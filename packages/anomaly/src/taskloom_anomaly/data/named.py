"""Several arrays that are one input: token ids with their mask, an image with its text."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from taskloom.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Bool, Shaped

MASKS = ("attention_mask", "mask")
"""Names under which an array says which positions are real."""

SCORED = "_scored"
"""Name under which an array says which real positions a detector reads, such as those of an answer; the network never sees it."""


@dataclass(frozen=True, eq=False)
class NamedArrays:
    """Arrays by name that share their first axis; it can be indexed and counted as one array can.

    Attributes:
        arrays: The arrays; a name that is a number, or empty, is passed to the network by position, others by keyword.
    """

    arrays: Mapping[str, Shaped[np.ndarray, "n ..."]]

    def __post_init__(self) -> None:
        counts = {name: len(array) for name, array in self.arrays.items()}
        if len(set(counts.values())) != 1:
            listed = ", ".join(f"'{name}' {count}" for name, count in counts.items())
            raise ConfigError(
                f"The arrays of an input must share their first axis; they have {listed or 'no array'}."
            )

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, rows: Any) -> NamedArrays:  # noqa: ANN401 -- whatever numpy takes
        return NamedArrays({name: array[rows] for name, array in self.arrays.items()})

    @property
    def first(self) -> np.ndarray:
        """The first array: what a network without names would be given."""
        return next(iter(self.arrays.values()))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first array."""
        return self.first.shape

    @property
    def dtype(self) -> np.dtype:
        """The kind of the first array's numbers."""
        return self.first.dtype

    @property
    def mask(self) -> Bool[np.ndarray, "n t"] | None:
        """The positions that are real and, where some are to be left out, to be read; None where nothing says."""
        real, read = self.real, self.arrays.get(SCORED)
        if read is None:
            return real
        return read.astype(bool) if real is None else real & read.astype(bool)

    @property
    def real(self) -> Bool[np.ndarray, "n t"] | None:
        """The positions that are no padding; None where nothing says."""
        found = next((self.arrays[name] for name in MASKS if name in self.arrays), None)
        return None if found is None else found.astype(bool)


Inputs: TypeAlias = Any
"""The inputs of a batch, one row a sample: an array, as nearly all code takes, or `NamedArrays`."""


_Array = TypeVar("_Array")


def arguments_of(
    arrays: Mapping[str, _Array], takes: Container[str] | None
) -> tuple[list[_Array], dict[str, _Array]]:
    """Return the arrays that a network is given by position, and those by keyword.

    An underscore keeps what belongs to a sample from the network; a mask that it does not ask for is one for the positions of its
    activations.

    Args:
        arrays: The arrays of an input by name.
        takes: Names that the network's call takes; None if it takes any.
    """
    places, named = [], {}
    for name, array in arrays.items():
        if name.startswith("_"):
            continue
        if not name or name.isdigit():
            places.append(array)
        elif name not in MASKS or takes is None or name in takes:
            named[name] = array
    return places, named


def mask_of(inputs: object) -> Bool[np.ndarray, "n t"] | None:
    """Return the positions of inputs that are real; None where nothing says."""
    return inputs.mask if isinstance(inputs, NamedArrays) else None


def require_rows_of_masks(inputs: NamedArrays) -> None:
    """Refuse a mask of the inputs of a data set that is not (n, t).

    Raises:
        ConfigError: With the shape that it has.
    """
    for name in MASKS:
        shape = inputs.arrays[name].shape if name in inputs.arrays else (0, 0)
        if len(shape) != 2:
            listed = ", ".join(["n", *map(str, shape[1:])])
            raise ConfigError(
                f"The mask '{name}' is ({listed}): it says of each position of a sample whether it is real, (n, t)."
            )


def flat_rows(inputs: Inputs) -> np.ndarray:
    """Return inputs as one row of numbers a sample, (n, d)."""
    if isinstance(inputs, NamedArrays):
        return np.concatenate([flat_rows(array) for array in inputs.arrays.values()], axis=1)
    return inputs.reshape(len(inputs), -1)


def join_rows(parts: Sequence[Inputs]) -> Inputs:
    """Return batches as one.

    Raises:
        ConfigError: Some are named and some are not, or the names differ.
    """
    named = [part for part in parts if isinstance(part, NamedArrays)]
    if not named:
        return np.concatenate([np.asarray(part) for part in parts])
    if len(named) < len(parts) or len({tuple(sorted(part.arrays)) for part in named}) > 1:
        raise ConfigError("Data sets whose inputs have different names cannot be joined.")
    return NamedArrays(
        {name: np.concatenate([part.arrays[name] for part in named]) for name in named[0].arrays}
    )


def padded_rows(rows: Sequence[np.ndarray], pad: float = 0) -> NamedArrays:
    """Return rows of different length, padded on the right, with the mask of what is real.

    Args:
        rows: Arrays (t, ...) that differ in t only.
        pad: The value of padding.

    >>> padded_rows([np.array([1, 2]), np.array([3])]).arrays["attention_mask"].tolist()
    [[1, 1], [1, 0]]
    """
    longest = max(map(len, rows))
    shape = (len(rows), longest, *rows[0].shape[1:])
    filled = np.full(shape, pad, np.result_type(*rows))
    mask = np.zeros((len(rows), longest), np.int64)
    for index, row in enumerate(rows):
        filled[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return NamedArrays({"": filled, "attention_mask": mask})


def right_padded(inputs: Inputs) -> Inputs:
    """Return inputs whose real positions come first in every row; rows padded on the left are shifted, their mask with them.

    Networks that count padding as positions give other answers for rows that are padded on the left.
    """
    mask = inputs.real if isinstance(inputs, NamedArrays) else None
    if not isinstance(inputs, NamedArrays) or mask is None or mask[:, 0].all():
        return inputs
    first = np.where(mask.any(axis=1), mask.argmax(axis=1), 0)
    order = (np.arange(mask.shape[1]) + first[:, None]) % mask.shape[1]
    rows = np.arange(len(mask))[:, None]
    return NamedArrays(
        {
            name: array[rows, order] if array.shape[:2] == mask.shape else array
            for name, array in inputs.arrays.items()
        }
    )
