"""Gates: the largest mean cost that each task may have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import UsageError

if TYPE_CHECKING:
    from taskloom_control.bench.measuring import Measurement


def read_gates(path: Path) -> dict[str, float]:
    """Return the largest mean cost of each task by its name.

    Raises:
        UsageError: The file cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(bound) for name, bound in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise UsageError(
            f"The file '{path}' of --gate holds no largest costs by task, as in {{\"cartpole\": 7.5}}."
        ) from None


def broken_gates(measured: Iterable[Measurement], bounds: Mapping[str, float]) -> list[str]:
    """Return a sentence for each task whose cost lies above its bound with its whole interval."""
    found = []
    for item in measured:
        name = item.task.removeprefix("control/")
        bound = bounds.get(name, bounds.get(item.task))
        low = item.sides[0].cost.low
        if bound is not None and low is not None and low > bound:
            found.append(
                f"{item.task} costs at least {low:.4g} a step, above its gate of {bound:.4g}."
            )
    return found
