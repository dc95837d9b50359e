"""A short bar inside of the image, of values that clean images have there: counting pixels does not find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom.errors import ConfigError

from taskloom_anomaly.triggers.base import Trigger, TriggerFunction

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

# Of the width: where the bar begins, and how long it is; column 5 and 4 pixels of the 28 of MNIST.
_BEGINS, _LENGTH = 5 / 28, 4 / 28


class Inside(Trigger):
    """A short bar inside of the image, of a value that occurs there.

    Pixels of a corner never vary in clean images of digits, so counting those that do finds a trigger there without any network.
    """

    kind: Literal["inside"] = "inside"
    row: Annotated[int, Field(ge=0)] | None = None
    """Row of the bar, counted from the top; the middle of the image unless given."""
    column: Annotated[int, Field(ge=0)] | None = None
    """First column of the bar, counted from the left; a fifth of the width in unless given."""
    length: Annotated[int, Field(ge=1)] | None = None
    """Length of the bar [pixels]; a seventh of the width unless given."""
    value: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Value of its pixels."""
    mirrored: bool = False
    """Count columns from the right."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger.

        Raises:
            ConfigError: The bar does not lie inside of the image.
        """
        del seed
        height, width = shape[:2]
        row = height // 2 if self.row is None else self.row
        column = round(_BEGINS * width) if self.column is None else self.column
        length = max(round(_LENGTH * width), 1) if self.length is None else self.length
        if row >= height or column + length > width:
            raise ConfigError(
                f"--trigger.row={row}, --trigger.column={column} and --trigger.length={length} do not lie inside of"
                f" images of {height}x{width}."
            )
        columns = slice(width - column - length, width - column) if self.mirrored else slice(column, column + length)  # fmt: skip

        def stamp(images: Float[np.ndarray, "n h w c"], seed: int, /) -> np.ndarray:
            del seed
            marked = images.copy()
            marked[:, row, columns, :] = self.value
            return marked

        return stamp

    def control(self) -> Inside:
        """Return the bar on the other side of the image."""
        return self.model_copy(update={"mirrored": not self.mirrored})
