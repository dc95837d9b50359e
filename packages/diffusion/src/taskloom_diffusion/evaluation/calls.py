"""Quality against calls: what each sampler makes of as many network calls as positions, of half, a quarter, an eighth of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from taskloom import derive_seed
from taskloom.errors import ConfigError
from taskloom.registry.components import load_component

from taskloom_diffusion.evaluation.kept_corpus import compared
from taskloom_diffusion.evaluation.sampling import (
    Generated,
    check_sampler,
    draw_lengths,
    sample_lengths,
)
from taskloom_diffusion.evaluation.trained import model_of_run
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.report.tables import share_error
from taskloom_diffusion.samplers.base import Sampler

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus

SHARES = (1.0, 0.5, 0.25, 0.125)
"""Calls over positions that are aimed at."""
GROUP = "taskloom_diffusion.samplers"
SAMPLERS = (
    *("first_hitting", "speculative", "random", "left_to_right", "ancestral", "ancestral_cached"),
    *("confidence", "margin", "entropy", "entropy_bound", "threshold", "semi_autoregressive"),
    *("remdm", "forward_backward", "greedy_tail"),
)
# Sequences that a setting is looked for with, and how far from what is aimed at it may end.
_TRIED, _NEAR, _HALVINGS = 64, 1.35, 7
_K = (1, 2, 3, 4, 6, 8)
_HEURISTIC = (
    *("confidence", "entropy_bound", "threshold", "semi_autoregressive", "greedy_tail"),
    *("remdm", "forward_backward", "polydiff"),
)
_ORDERED = ("random", "left_to_right", "margin", "entropy")

Judge = Callable[[Sequence[str]], Mapping[str, float]]


@dataclass(frozen=True)
class CallsRow:
    """A sampler at a number of calls.

    Attributes:
        sampler: Its name.
        setting: The setting that was found, as on the command line.
        law: `kept` for that of one token a call, `own` for another that is known, `heuristic`.
        calls: Network calls over positions, measured.
        work: Positions that the network was asked about, over those of one token a call.
        cpu_seconds: Processor time for 1,000 sequences [s].
        figures: Figures of the samples, such as valid, unique, novel; `valid_error` is the standard error of the first.
    """

    sampler: str
    setting: str
    law: str
    calls: float
    work: float
    cpu_seconds: float
    figures: Mapping[str, float]

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def law_of(sampler: Sampler) -> str:
    """Return whether a sampler keeps the law of one token a call, has one of its own, or follows a heuristic."""
    kind = str(getattr(sampler, "kind", ""))
    if kind in _HEURISTIC or sampler.temperature != 1 or sampler.top_p != 1:
        return "heuristic"
    one = kind in ("first_hitting", "speculative")
    alone = kind in _ORDERED and getattr(sampler, "num_calls", 1) == 0
    return "kept" if one or alone else "own"


def quality_against_calls(
    model: DiffusionModel,
    lengths: Sequence[int],
    judge: Judge,
    *,
    names: Sequence[str] = SAMPLERS,
    seed: int = 0,
) -> Iterator[CallsRow]:
    """Yield every sampler at every number of calls that it can be brought to.

    Args:
        model: The model, in evaluation mode.
        lengths: Of the sequences that are drawn [tokens].
        judge: Figures of samples.
        names: Samplers.
        seed: Of the noise; settings are looked for with another one.
    """
    mean = sum(lengths) / len(lengths)
    # One token a call asks about every position once for each token.
    one_a_call = sum(n * n for n in lengths)
    for name in names:
        kind: Any = load_component(GROUP, name)
        met = set[str]()
        for share in SHARES:
            sampler = _brought_to(kind(), share, model, lengths, seed)
            if sampler is None:
                continue
            setting = _setting(sampler)
            # A sampler that has reached its least calls would only be drawn from again.
            if setting in met:
                continue
            met.add(setting)
            made = sample_lengths(model, sampler, lengths, seed=seed, batch_size=250)
            figures = dict(judge(made.texts))
            if "valid" in figures:
                figures["valid_error"] = share_error(figures["valid"], len(lengths))
            yield CallsRow(
                name,
                setting,
                law_of(sampler),
                made.mean_calls / mean,
                sum(made.positions) / one_a_call,
                1000 * made.cpu_seconds / len(lengths),
                figures,
            )


def _setting(sampler: Sampler) -> str:
    usual = type(sampler)()
    changed = [
        f"{name}={getattr(sampler, name):.4g}"
        for name in type(sampler).model_fields
        if getattr(sampler, name) != getattr(usual, name)
    ]
    return " ".join(changed)


def _brought_to(
    sampler: Sampler, share: float, model: DiffusionModel, lengths: Sequence[int], seed: int
) -> Sampler | None:
    """Return a sampler at a share of one call a position; None where it cannot be brought near."""
    fields = type(sampler).model_fields
    wanted = max(round(share * sum(lengths) / len(lengths)), 1)
    for name in ("num_calls", "num_steps"):
        if name in fields:
            # None said is one call for each position.
            exact = name == "num_calls" and share == 1
            return sampler.model_copy(update={name: 0 if exact else wanted})
    if "calls_per_block" in fields:
        size = int(getattr(sampler, "block_size", 1))
        return sampler.model_copy(update={"calls_per_block": max(round(size * share), 1)})
    # On few sequences and by another seed: what is measured must not have chosen its own setting.
    tried = lengths[:_TRIED]

    def measured(update: Mapping[str, object]) -> float:
        other = sampler.model_copy(update=dict(update))
        at = derive_seed(seed, "settings")
        made: Generated = sample_lengths(model, other, tried, seed=at, batch_size=250)
        return sum(made.calls) / sum(tried)

    if "k" in fields:
        found = {k: measured({"k": k}) for k in _K} if share < 1 else {}
        if not found:
            return None
        # Ratios count: twice as many calls are as far away as half as many.
        best = min(found, key=lambda k: abs(math.log(found[k] / share)))
        return sampler.model_copy(update={"k": best}) if _is_near(found[best], share) else None
    for name, low, high in (("threshold", 0.0, 1.0), ("bound", 20.0, 0.0)):
        if name in fields:
            return _halved(sampler, name, (low, high), share, measured)
    return sampler if _is_near(measured({}), share) else None


def _halved(
    sampler: Sampler,
    name: str,
    ends: tuple[float, float],
    share: float,
    measured: Callable[[Mapping[str, object]], float],
) -> Sampler | None:
    """Return a sampler whose number of calls is near a share, a setting of it found by halving; calls rise from the first end on."""
    few, many = ends
    # Calls fall and rise in steps, so that the end of the halving may still be far from what is aimed at.
    for _ in range(_HALVINGS):
        middle = (few + many) / 2
        few, many = (middle, many) if measured({name: middle}) < share else (few, middle)
    found = (few + many) / 2
    near = _is_near(measured({name: found}), share)
    return sampler.model_copy(update={name: found}) if near else None


def _is_near(calls: float, share: float) -> bool:
    return share / _NEAR <= calls <= share * _NEAR


def calls_of_run(
    run: Run, task: BoundCorpus, names: Sequence[str], num: int, seed: int, *, accept: bool
) -> Iterator[CallsRow]:
    """Yield every sampler at every number of calls, by the model of a run; samplers that do not fit its noise are left out.

    Args:
        run: The run.
        task: Its task.
        names: Samplers.
        num: Sequences of each.
        seed: Of lengths and noise.
        accept: Go on where the corpus has changed.

    Raises:
        ConfigError: The corpus has changed, and that is not accepted.
    """
    model = model_of_run(run)
    prepared = compared(run, task, model.tokenizer, accept=accept).prepared
    lengths = draw_lengths(model.length_histogram, num, seed)
    metrics = task.config.metrics

    def judge(texts: Sequence[str]) -> Mapping[str, float]:
        return metrics.compute(texts, prepared.corpus)

    return quality_against_calls(model, lengths, judge, names=fitting(model, names), seed=seed)


def fitting(model: DiffusionModel, names: Sequence[str]) -> list[str]:
    """Return the samplers that a model can take."""
    found = []
    for name in names:
        kind: Any = load_component(GROUP, name)
        try:
            # The model's noise and network decide, not the config that it was made with.
            check_sampler(model, kind())
        except ConfigError:
            continue
        found.append(name)
    return found
