"""Checks of tasks that can resume: disturbed anywhere, they reach the end that they reach undisturbed, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

from taskloom.testing.run_checks import differing
from taskloom.testing.trial import Outcome, Trial


def _asks(trial: Trial) -> str | None:
    if not trial.is_resumable or trial.uninterrupted.asked:
        return None
    return "the task can resume, but it never reads ctx.should_stop"


def _stopped(trial: Trial) -> str | None:
    asked = trial.uninterrupted.asked
    if not trial.is_resumable or not asked:
        return None
    for after in sorted({0, asked // 2, asked - 1}):
        complaint = _compare(trial, trial.stop_and_resume(after))
        if complaint:
            return f"stopped at question {after + 1} of {asked} and resumed: {complaint}"
    return None


def _killed(trial: Trial) -> str | None:
    logged = trial.uninterrupted.logged
    if not trial.is_resumable or not logged:
        return None
    for after in sorted({logged // 2, logged - 1}):
        complaint = _compare(trial, trial.kill_and_resume(after))
        if complaint:
            return f"killed at line {after + 1} of {logged} and resumed: {complaint}"
    return None


def _compare(trial: Trial, resumed: Outcome) -> str | None:
    whole = trial.uninterrupted
    difference = differing(trial.steady(whole.result.metrics), trial.steady(resumed.result.metrics))
    if difference:
        return difference
    if resumed.lines == whole.lines:
        return None
    odd = sorted(set(resumed.lines) ^ set(whole.lines))
    if not odd:
        return f"{len(resumed.lines)} metric lines instead of {len(whole.lines)}"
    return f"the metric lines differ first at step {odd[0][0]}: {dict(odd[0][1])}"


CHECKS: dict[str, Callable[[Trial], str | None]] = {
    "a task that can resume asks whether to stop": _asks,
    "stopped and resumed equals undisturbed": _stopped,
    "killed and resumed equals undisturbed": _killed,
}
