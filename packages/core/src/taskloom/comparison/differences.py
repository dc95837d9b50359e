"""Differences of variants against a reference, and the variants that are not shown to differ from the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskloom.comparison.kept_units import unit_difference
from taskloom.comparison.variants import Variant, seed_of
from taskloom.errors import UnknownNameError
from taskloom.headline import Better
from taskloom.registry.suggest import did_you_mean
from taskloom.report.naming import ABSENT, chosen_values
from taskloom.statistics.differences import paired_difference
from taskloom.statistics.intervals import Interval

_LEVEL = 0.95
_PLAIN = ("none", ABSENT, "false")


@dataclass(frozen=True, slots=True)
class VariantDifference:
    """The difference of a variant and the reference.

    Attributes:
        interval: Variant less reference; None where there is none.
        how: What it rests on: "paired over 1,000 episodes, within one run".
        reason: The reason why there is none, as a clause; or empty.
    """

    interval: Interval | None
    how: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        """Basis of the difference, or the reason why there is none."""
        return self.how or self.reason


def reference_of(found: Sequence[Variant], name: str = "") -> Variant:
    """Return the variant that the others are held against: the one asked for, else the plainest, else the first.

    The plainest is the one variant whose differing values are all `none`.

    Args:
        found: The variants.
        name: Name of a variant, or one of its values: `none` for `assistant=none`.

    Raises:
        UnknownNameError: There is no such variant, or more than one.
    """
    if name:
        meant = [item for item in found if name == item.name]
        meant = meant or [item for item in found if name in _values(item)]
        if len(meant) == 1:
            return meant[0]
        names = [item.name for item in found]
        raise UnknownNameError(
            f"{'No variant' if not meant else 'More than one variant'} is called '{name}'; there are: {'; '.join(names)}.",
            hint=did_you_mean(name, names),
        )
    values = chosen_values([item.runs[0] for item in found])
    values.pop("seed", None)
    plain = [
        item
        for number, item in enumerate(found)
        if values and all(column[number] in _PLAIN for column in values.values())
    ]
    return plain[0] if len(plain) == 1 else found[0]


def problems_of(found: Sequence[Variant]) -> list[list[Variant]]:
    """Return the variants in groups that drew the same, each in the order given: differences across groups mean nothing.

    Args:
        found: The variants; those whose runs do not tell what they drew are one group.
    """
    groups: dict[str, list[Variant]] = {}
    for item in found:
        first = min(item.runs, key=seed_of)
        drawn = first.record.units
        groups.setdefault("" if drawn is None else f"{seed_of(first)} {drawn['id']}", []).append(
            item
        )
    return [*groups.values()]


def difference(variant: Variant, reference: Variant) -> VariantDifference:
    """Return a variant less the reference, paired by seed or by unit where the same was drawn, else Welch's.

    Args:
        variant: The variant.
        reference: What it is held against.
    """
    ours, theirs = variant.values, reference.values
    are_other_tasks = {run.task for run in variant.runs} != {run.task for run in reference.runs}
    if are_other_tasks or not ours or not theirs:
        reason = "the tasks differ" if are_other_tasks else "a run has no such metric"
        return VariantDifference(None, reason=reason)
    if len(variant.runs) == 1 and len(reference.runs) == 1:
        return _of_units(variant, reference)
    common = [seed for seed in ours if seed in theirs]
    drew = _drew_others(variant, reference) if common else ""
    if drew:
        return VariantDifference(None, reason=drew)
    if len(common) >= 3 and _have_units(variant, reference):
        told = paired_difference({s: ours[s] for s in common}, {s: theirs[s] for s in common})
        return VariantDifference(told.interval, f"paired over {len(common)} seeds")
    if min(len(ours), len(theirs)) < 3:
        return VariantDifference(None, reason="three seeds or more are needed for an interval")
    # Other names for the seeds of one side, so that none are common: Welch's.
    told = paired_difference(
        {("first", seed): value for seed, value in ours.items()},
        {("second", seed): value for seed, value in theirs.items()},
    )
    return VariantDifference(told.interval, "not paired")


def best_of(
    found: Sequence[Variant], better: Better | None
) -> tuple[Variant | None, list[Variant], str]:
    """Return the leader by the mean, every variant not told apart from it, and the reason if no best can be named.

    A variant is told apart if the lower bound of the leader's advantage at level 1 - 0.05 / (k - 1), of t over paired seeds, is
    above 0. The set holds the true best in at least 95 % of cases.

    Args:
        found: The variants.
        better: Direction that is better.

    Source:
        Hsu, "Constrained simultaneous confidence intervals for multiple comparisons with the best", Ann. Statist. 12, 1984,
        with Bonferroni's level in place of his.
    """
    if better is None:
        return None, [], "no run says which direction is better"
    if len(found) < 2:
        return None, [], "there is one variant"
    if not all(item.has_seeds for item in found):
        return None, [], "three seeds or more are needed to name a best"
    sign = 1 if better == "higher" else -1
    leader = max(found, key=lambda item: sign * item.interval.estimate)
    alpha = (1 - _LEVEL) / (len(found) - 1)
    tied = []
    for item in found:
        if item is leader:
            continue
        reason = _drew_others(leader, item)
        if reason:
            return None, [], reason
        turned = [{s: sign * v for s, v in side.values.items()} for side in (leader, item)]
        # One-sided at alpha is two-sided at 2 alpha.
        bound = paired_difference(turned[0], turned[1], level=1 - 2 * alpha).interval.low
        if bound is None or bound <= 0:
            tied.append(item)
    return leader, tied, ""


def _values(variant: Variant) -> list[str]:
    return [part.partition("=")[2] for part in variant.name.split(", ")]


def _of_units(variant: Variant, reference: Variant) -> VariantDifference:
    told = unit_difference(variant.runs[0], reference.runs[0])
    if isinstance(told, str):
        return VariantDifference(None, reason=told)
    of = str((variant.runs[0].record.units or {}).get("of", "unit"))
    s = "s" * (told.n != 1)
    if told.low is None:
        return VariantDifference(told, f"{told.n:,} {of}{s}, without an interval")
    return VariantDifference(told, f"paired over {told.n:,} {of}{s}, within one run")


def _have_units(variant: Variant, reference: Variant) -> bool:
    """Return true if every run tells what it drew: an equal seed alone pairs nothing."""
    return all(run.record.units is not None for run in (*variant.runs, *reference.runs))


def _drew_others(variant: Variant, reference: Variant) -> str:
    """Return the reason why runs of one seed cannot be paired: they drew other units."""
    drawn = {seed_of(run): run.record.units for run in reference.runs}
    for run in variant.runs:
        mine, theirs = run.record.units, drawn.get(seed_of(run))
        if mine is not None and theirs is not None and mine["id"] != theirs["id"]:
            return "within a seed the runs drew other units: their problems or data differ"
    return ""
