"""check_task: good tasks pass every check, and each mistake is caught by the check that is about it."""

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from taskloom import Config, Finding, Result, RunContext
from taskloom.testing import ConformanceError, MemoryContext, check_task
from taskloom_probe.tasks import Fail, Wait, Walk, WalkConfig


class SmallConfig(Config):
    """Small."""

    size: int = 3
    """How many."""


class Small:
    """A task that does everything right; the mistakes below override one part of it."""

    def __init__(self, config: SmallConfig) -> None:
        self._config = config

    @property
    def config(self) -> SmallConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        generator = random.Random(ctx.seed("small"))
        for step in range(self._config.size):
            ctx.log(step, value=generator.random())
        return self.end(ctx, generator.random())

    def end(self, ctx: RunContext, value: float) -> Result:
        return Result({"value": value}, {}, "done")


def _complaint(factory: Callable[[Any], Any], **overrides: object) -> str:
    with pytest.raises(ConformanceError) as caught:
        check_task(factory, **overrides)
    return str(caught.value)


def test_good_tasks_pass_at_least_twelve_checks() -> None:
    assert len(check_task(Walk, steps=13)) >= 12
    assert len(check_task(Wait)) == len(check_task(Small))


def test_task_that_raises_is_told_once() -> None:
    text = _complaint(Fail)
    assert "a tiny run finishes: " in text
    assert "ValueError: the value is wrong" in text
    assert len(text.splitlines()) == 2


def test_missing_sentence_is_named() -> None:
    class Bare(SmallConfig):
        bare: int = 1

    class Task(Small):
        def __init__(self, config: Bare) -> None:
            super().__init__(config)

    assert "every parameter has a sentence: no sentence under the field of bare" in _complaint(Task)


def test_missing_default_is_named() -> None:
    class Needy(SmallConfig):
        needed: int
        """Needed."""

    class Task(Small):
        def __init__(self, config: Needy) -> None:
            super().__init__(config)

    assert "every parameter has a default: " in _complaint(Task, needed=3)


def test_lost_config_is_caught() -> None:
    class Task(Small):
        def __init__(self, config: SmallConfig) -> None:
            super().__init__(SmallConfig(size=config.size + 1))

    assert "the task keeps its config" in _complaint(Task)


def test_unseeded_randomness_is_caught() -> None:
    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            return Result({"value": random.SystemRandom().random()}, {}, "done")

    assert "the same seed gives the same metrics: the metric 'value' is" in _complaint(Task)


def test_unseeded_lines_are_caught() -> None:
    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            ctx.log(99, noise=random.SystemRandom().random())
            return Result({"value": value}, {}, "done")

    assert "logged different lines" in _complaint(Task)


def test_times_may_vary_when_declared() -> None:
    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            ctx.log(99, took_ms=time.perf_counter())
            return Result({"value": value, "took_ms": time.perf_counter()}, {}, "done")

    assert "took_ms" in _complaint(Task)
    check_task(Task, varying=("*_ms",))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result({}, {}, "done"), "the result has no metrics"),
        (Result({"v": float("nan")}, {}, "done"), "v is not finite"),
        (
            Result({"v": 1.0}, {"plot": Path("/nonexistent.svg")}, "done"),
            "the artifact 'plot' does not exist",
        ),
        (
            Result({"v": 1.0}, {"plot": Path("/etc/hostname")}, "done"),
            "lies outside the run folder",
        ),
        (Result({"v": 1.0}, {}, ""), "the result has no summary"),
        (Result({"v": 1.0}, {}, "a\nb"), "the summary is longer than one line"),
    ],
)
def test_poor_results_are_caught(result: Result, said: str) -> None:
    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            return result

    assert said in _complaint(Task)


def test_writing_into_the_working_folder_is_caught() -> None:
    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            Path("dummy.ckpt").write_text("x")
            return super().end(ctx, value)

    assert "the run wrote dummy.ckpt into the working folder" in _complaint(Task)


def test_writing_anywhere_else_is_caught(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The checkout may itself lie in the folder for temporary files, where a task may write.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stray = request.path.parent / "stray.tmp"

    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            stray.write_text("x")
            return super().end(ctx, value)

    try:
        assert f"the run wrote {stray}" in _complaint(Task)
    finally:
        stray.unlink()


def test_repeated_lines_are_caught() -> None:
    class Task(Small):
        def end(self, ctx: RunContext, value: float) -> Result:
            ctx.log(7, value=1.0)
            ctx.log(7, value=1.0)
            return super().end(ctx, value)

    assert "no metric line is logged twice" in _complaint(Task)


def test_failing_check_and_description_are_caught() -> None:
    class Task(Small):
        def check(self) -> Iterable[Finding]:
            return [Finding("error", "Wrong shape.")]

        def describe(self) -> dict[str, Any]:
            return {"size": object()}

    text = _complaint(Task)
    assert "the check finds no error: Wrong shape." in text
    assert "the description is JSON: " in text


class _Forgetful(Walk):
    """Resumes with a fresh generator, which is the usual mistake."""

    def __init__(self, config: WalkConfig) -> None:
        super().__init__(config)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        state = json.loads((checkpoint / "state.json").read_text())
        return self._walk(ctx, state["step"], state["place"], random.Random(ctx.seed("walk")))


def test_resume_that_forgets_its_generator_is_caught() -> None:
    text = _complaint(_Forgetful, steps=13)
    assert "stopped and resumed equals undisturbed: stopped at question" in text
    assert "killed and resumed equals undisturbed: killed at line" in text


def test_resumable_task_that_never_asks_is_caught() -> None:
    class Task(Small):
        def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
            return self.run(ctx)

    assert "it never reads ctx.should_stop" in _complaint(Task)


def test_memory_context_runs_a_task_by_hand(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path / "work", seed=4, stop_after=6)
    result = Walk(WalkConfig(steps=50)).run(ctx)
    assert len(ctx.rows) == result.metrics["steps"] == 6
    assert ctx.latest_checkpoint is not None
    again = MemoryContext(tmp_path / "work", seed=4)
    end = Walk(WalkConfig(steps=50)).resume(again, ctx.latest_checkpoint)
    whole = Walk(WalkConfig(steps=50)).run(MemoryContext(tmp_path / "other", seed=4))
    assert end.metrics == whole.metrics


def test_memory_context_is_a_run_context(tmp_path: Path) -> None:
    assert isinstance(MemoryContext(tmp_path), RunContext)
