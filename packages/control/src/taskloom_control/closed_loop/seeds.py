"""Seeds by their purpose: development, tuning, and test seeds that are derived anew for every release, task and look.

A figure on the seeds that chose a setting is no evidence for it. So a published figure comes from test seeds, which depend on
the version: those of a new version were seen by no setting of the old one. Within a version every set of settings that is
looked at gets seeds of its own, and the ledger counts the looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from taskloom import derive_seed
from taskloom.errors import UsageError

DEVELOPMENT = range(100)
"""Seeds for anything."""
TUNING = range(1000, 1040)
"""Seeds that settings are chosen on; no result comes from them."""
MANY, FEW = 60, 40
"""Test seeds of a task whose episode takes below `QUICK` CPU-seconds, and of any other."""
QUICK = 2.0
"""CPU time of a quick task's episode [s]."""

Purpose = Literal["test", "tuning", "development"]


@dataclass(frozen=True)
class SeedSet:
    """The seeds of one measurement, in the order in which they are played.

    Attributes:
        purpose: Their purpose; only `test` gives results.
        values: The seeds; that of an episode is the seed of `tasks run`, which gives its beginning and the noise of its plans.
        label: Words that stand beside a figure.
    """

    purpose: Purpose
    values: tuple[int, ...]
    label: str


def sealed_seeds(task: str, release: str, look: int, count: int) -> SeedSet:
    """Return the test seeds of a task in a release at a look.

    Args:
        task: The task's name, `control/cartpole`.
        release: The version of the system.
        look: Number of the look in the ledger, from 1.
        count: How many.

    Example:
        >>> first, second = (sealed_seeds("control/cartpole", "0.1.0", look, 9).values for look in (1, 2))
        >>> set(first) & set(second)
        set()
    """
    # The bare name, as the rule is written down: the domain is in the first word.
    name = f"control-test/{release}/{look}/{task.removeprefix('control/')}"
    values = tuple(derive_seed(i, name) for i in range(count))
    return SeedSet("test", values, f"test seeds of {release}, look {look}")


def sealed_count(cpu_seconds: float) -> int:
    """Return the number of test seeds for a task by the CPU time of one of its episodes [s]."""
    return MANY if cpu_seconds < QUICK else FEW


def named_seeds(text: str) -> SeedSet:
    """Return the seeds that `tuning` or `A-B` names.

    Raises:
        UsageError: The text names none, or a range that reaches into the tuning seeds.

    Example:
        >>> named_seeds("3-5").values
        (3, 4, 5)
    """
    if text == "tuning":
        return SeedSet("tuning", tuple(TUNING), "tuning seeds, no result")
    found = re.fullmatch(r"(\d{1,18})-(\d{1,18})", text)
    if found is None or int(found[1]) > int(found[2]) or int(found[2]) - int(found[1]) > 9999:
        raise UsageError(
            f"--seeds takes test, tuning, or a range like 0-19 of at most 10,000 seeds, not '{text}'."
        )
    chosen = range(int(found[1]), int(found[2]) + 1)
    if chosen.start < TUNING.stop and TUNING.start < chosen.stop:
        raise UsageError(
            f"The seeds {text} reach into {TUNING.start}-{TUNING.stop - 1}, on which settings are chosen; write --seeds=tuning "
            "for those."
        )
    return SeedSet("development", tuple(chosen), f"seeds {text}, no result")
