"""The form of the inputs that a detector was fitted on: shape, kind of number, names; inputs of another form are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_anomaly.data.named import SCORED, NamedArrays

if TYPE_CHECKING:
    from taskloom_anomaly.data.arrays import Samples
    from taskloom_anomaly.data.named import Inputs

_KINDS = {"f": "floating numbers", "i": "whole numbers", "b": "truth values"}


@dataclass(frozen=True)
class InputForm:
    """The form of one input.

    Attributes:
        shape: Its shape, that of the first array where it has several; the first axis is open where inputs differ in length.
        kind: `f` for floating numbers, `i` for whole ones, `b` for truth values.
        names: The names of its arrays, where it has several.
        is_ragged: Whether inputs may differ in their first axis, with a mask of what is real.
    """

    shape: tuple[int, ...]
    kind: str
    names: tuple[str, ...] = ()
    is_ragged: bool = False

    @classmethod
    def of(cls, samples: Samples) -> InputForm:
        """Return the form of samples, of which the first is looked at."""
        return cls.of_inputs(samples.take(slice(1)).arrays().inputs)

    @classmethod
    def of_inputs(cls, inputs: Inputs) -> InputForm:
        """Return the form of inputs."""
        kind = _kind(inputs.dtype)
        shape = tuple(map(int, inputs.shape[1:]))
        if not isinstance(inputs, NamedArrays):
            return cls(shape, kind)
        names = tuple(sorted(name for name in inputs.arrays if name != SCORED))
        return cls(shape, kind, names, inputs.real is not None)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> InputForm | None:
        """Return the form that a record holds; None where an earlier version kept none."""
        if not stored:
            return None
        return cls(
            tuple(map(int, stored["shape"])),
            str(stored["kind"]),
            tuple(map(str, stored["names"])),
            bool(stored["is_ragged"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the form as a record holds it."""
        return {
            "shape": list(self.shape),
            "kind": self.kind,
            "names": list(self.names),
            "is_ragged": self.is_ragged,
        }

    def refusal(self, inputs: Inputs) -> str:
        """Return why inputs are not of this form, or an empty string."""
        found = InputForm.of_inputs(inputs)
        if found.kind not in _KINDS:
            return f"it holds {inputs.dtype}, which is no number"
        if self.kind == "i" and found.kind == "f":
            return f"it holds {_KINDS['f']}, where the detector was fitted to {_KINDS['i']}"
        if found.names != self.names and not self.is_ragged:
            return f"it has the arrays {_listed(found.names)}, where the detector was fitted to {_listed(self.names)}"
        own, other = self.shape, found.shape
        if self.is_ragged:
            own, other = own[1:], other[1:]
        if own != other:
            return f"its shape is {found.shape}, where the detector was fitted to {self.shape}"
        return ""


def _kind(dtype: np.dtype) -> str:
    return {"u": "i"}.get(dtype.kind, dtype.kind)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "of no name"
