"""A fit with all its checks, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from taskloom.statistics.intervals import Interval

from taskloom_hci.fitting.checks import (
    HeldOut,
    Replicated,
    held_out,
    held_out_scores,
    left_out_games,
    model_probabilities,
    over_people,
    predictive_checks,
)
from taskloom_hci.fitting.decisions import Decisions
from taskloom_hci.fitting.fitted import digest_of
from taskloom_hci.fitting.people import PeopleFit, Way

# A statistic is told in the text where repeated data are as rarely like it.
RARE = 0.05
_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class CheckedFit:
    """A fit of one kind of user, and its checks.

    Attributes:
        kind: The kind.
        fit: The fit.
        decisions: The table.
        replicated: Statistics beside those of repeated data.
        unseen: The score of games left out; None with fewer than three games of a person.
        games: Mean log-probability of a game by all others; None where it is not exact.
        seed: Root of the random numbers.
        method: The method that was asked for.
    """

    kind: str
    fit: PeopleFit
    decisions: Decisions
    replicated: tuple[Replicated, ...]
    unseen: HeldOut | None
    games: float | None
    seed: int = 0
    method: Way = "auto"


def checked(
    kind: str, fit: PeopleFit, decisions: Decisions, *, method: Way = "auto", seed: int = 0
) -> CheckedFit:
    """Return a fit with all its checks."""
    return CheckedFit(
        kind,
        fit,
        decisions,
        tuple(predictive_checks(fit, decisions, seed)),
        held_out(fit, decisions, method, seed),
        left_out_games(fit, decisions),
        seed,
        method,
    )


def facts_of(done: CheckedFit) -> dict[str, Any]:
    """Return everything about a fit as JSON."""
    fit, decisions = done.fit, done.decisions
    return {
        "user": done.kind,
        "mode": fit.mode,
        "method": fit.method,
        "seed": done.seed,
        "data": {
            "digest": digest_of(decisions),
            "read": decisions.read,
            "used": len(decisions),
            "left_out": dict(decisions.left_out),
            "people": len(decisions.people),
        },
        "lapse": None if any(p.name == "lapse" for p in fit.parameters) else fit.model.lapse,
        "priors": {p.name: str(p.prior) for p in fit.parameters},
        "lines": {p.name: p.line for p in fit.parameters},
        "persons": {name: _person(fit, i) for i, name in enumerate(fit.people)},
        "new_person": {p.name: _moments(fit.new, p.name) for p in fit.parameters},
        "population": [asdict(one) for one in fit.population],
        "log_evidence": fit.log_evidence,
        "held_out": None if done.unseen is None else asdict(done.unseen),
        "left_out_games": done.games,
        "predictive": [asdict(one) for one in done.replicated],
        "untrusted": [] if fit.trust is None else fit.trust.problems(),
        "sampler": None if fit.trust is None else asdict(fit.trust),
        "notes": list(fit.notes),
    }


def _person(fit: PeopleFit, number: int) -> dict[str, Any]:
    return {p.name: _moments(fit.beliefs[number], p.name) for p in fit.parameters}


def _moments(belief: Any, name: str) -> dict[str, float]:  # noqa: ANN401 -- a belief
    low, high = belief.interval(name)
    return {"mean": belief.mean(name), "sd": belief.deviation(name), "low": low, "high": high}


def words_of(done: CheckedFit) -> Iterator[str]:
    """Yield the lines that tell of a fit."""
    fit, decisions = done.fit, done.decisions
    left = "".join(f", {n} left out ({why})" for why, n in decisions.left_out.items())
    yield (
        f"{done.kind}: {len(decisions)} of {decisions.read} decisions used{left}; "
        f"{_count(len(fit.people), 'person', 'people')}, {fit.mode}, by {_by(fit)}"
    )
    for one in fit.population:
        yield (
            f"population of {one.name}, on its line: mean {one.mean:.4f} (sd {one.mean_sd:.4f}), "
            f"deviation {one.deviation:.4f} (sd {one.deviation_sd:.4f})"
        )
    for number, name in enumerate(fit.people[:_MOST_LINES]):
        yield f"{name}: " + "; ".join(
            _estimate(p.name, _moments(fit.beliefs[number], p.name)) for p in fit.parameters
        )
        if fit.mode == "pooled":
            break
    if len(fit.people) > _MOST_LINES and fit.mode != "pooled":
        yield f"... and {len(fit.people) - _MOST_LINES} more people: --json tells all"
    yield from _checks(done)


def _by(fit: PeopleFit) -> str:
    return "NUTS" if fit.method == "nuts" else "an exact grid"


def _estimate(name: str, told: Mapping[str, float]) -> str:
    return f"{name} {told['mean']:.4f} (90 % {told['low']:.4f} to {told['high']:.4f})"


def _checks(done: CheckedFit) -> Iterator[str]:
    fit = done.fit
    if fit.log_evidence is not None:
        yield f"log evidence {fit.log_evidence:.4f}"
    if done.games is not None:
        yield f"a game by all others of its person: {done.games:.4f} nats (exact leave-one-out)"
    if done.unseen is None:
        yield "no score of unseen games: no person has three"
    else:
        unseen = done.unseen
        yield (
            f"last third of the games, by the others: {unseen.score:.4f} nats a decision, "
            f"{unseen.above_chance:+.4f} against chance ({unseen.decisions} decisions)"
        )
        if unseen.above_pooled is not None:
            yield f"  against one fit of all people: {_interval(unseen.above_pooled)}"
    odd = [one for one in done.replicated if one.p < RARE]
    yield (
        f"repeated data: {len(done.replicated) - len(odd)} of {len(done.replicated)} statistics like the data's"
        + "".join(
            f"\n  {one.person}, {one.name}: {one.observed:.4g}, repeated {one.low:.4g} to {one.high:.4g} (p {one.p:.3f})"
            for one in odd[:5]
        )
    )
    yield from (f"note: {note}" for note in fit.notes)
    if fit.trust is not None:
        problems = fit.trust.problems()
        yield (
            f"sampler: R-hat {fit.trust.r_hat:.4f}, effective sample {fit.trust.effective:.0f}, "
            f"{fit.trust.divergences} divergences: {'untrusted, ' + '; '.join(problems) if problems else 'trusted'}"
        )


def _interval(found: Interval) -> str:
    if found.low is None or found.high is None:
        return f"{found.estimate:+.4f} (no interval: {found.no_interval})"
    level = f"{found.level:.0%}".replace("%", " %")
    return f"{found.estimate:+.4f} ({level} {found.low:+.4f} to {found.high:+.4f}, {found.method})"


def compared(fits: list[CheckedFit]) -> Iterator[str]:
    """Yield the lines that compare models of the same decisions: by evidence, and by games that they had not seen."""
    evidences = [done.fit.log_evidence for done in fits]
    known = [value for value in evidences if value is not None]
    if len(known) == len(fits):
        for done, p in zip(fits, model_probabilities(known), strict=True):
            yield f"{done.kind}: probability {p:.4f} by the evidence, each equally likely before"
    else:
        yield "no comparison by evidence: NUTS does not compute it"
    best = fits[0]
    if any(done.unseen is None for done in fits):
        return
    has = best.decisions.late()
    people = sorted(set(best.decisions.person[has].tolist()))
    first = held_out_scores(best.fit, best.decisions, best.method, best.seed)
    for done in fits[1:]:
        other = held_out_scores(done.fit, done.decisions, done.method, done.seed)
        told = over_people((other - first)[people], done.seed)
        yield f"{done.kind} less {best.kind}, unseen games, nats a decision: {_interval(told)}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
