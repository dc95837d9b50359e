"""Fixed pieces of work that measure their own CPU time, for `speed.py`; run by the interpreter that is measured.

    python benchmarks/house/workloads.py GROUP

prints the names of the pieces of a group as JSON, and then, for every name that it reads, the CPU seconds of that piece: so
two interpreters can take turns. Pieces go through `tasks`, called in this process, or through the public configs. A piece
through `tasks` is a long run less a short one: what a run costs once (its identity, its baseline, its page) has bars of its
own, in `start_up.py` and `benchmarks/core/from_python.py`. Names that are not public stand in `HOMES`, the old home first.
"""

# ruff: noqa: ANN401 -- names and components are looked up, so that either layout will do

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import numpy as np

HOMES = {
    "Shape": (
        "taskloom_control.optimizers.protocol",
        "taskloom_control.optimizers.knots:KnotShape",
    ),
    "Draw": (
        "taskloom_control.optimizers.protocol",
        "taskloom_control.optimizers.base",
        "taskloom_control.optimizers.knots",
    ),
    "Features": ("taskloom_anomaly.detectors.protocol", "taskloom_anomaly.detectors.base"),
    "FeatureSpec": ("taskloom_anomaly.detectors.protocol", "taskloom_anomaly.detectors.base"),
    "ArrayStream": ("taskloom_anomaly.detectors.stream",),
    "fit": ("taskloom_anomaly.detectors.driver", "taskloom_anomaly.detectors.fit"),
    "score": ("taskloom_anomaly.detectors.driver", "taskloom_anomaly.detectors.fit"),
}


@dataclass(frozen=True)
class Marginal:
    """A piece of work that is measured as a difference.

    Attributes:
        short: Work whose CPU time is taken off.
        long: The same work and more.
    """

    short: Callable[[], object]
    long: Callable[[], object]


Pieces = Iterator[tuple[str, Callable[[], object] | Marginal]]


def named(name: str) -> Any:
    """Return a name from the first of its homes that has it."""
    for home in HOMES[name]:
        module, _, other = home.partition(":")
        with contextlib.suppress(ImportError, AttributeError):
            return getattr(importlib.import_module(module), other or name)
    raise ImportError(
        f"{name} is in none of {', '.join(HOMES[name])}: write its new home into HOMES"
    )


def cpu(action: Callable[[], object] | Marginal, repeats: int) -> float:
    """Return the least CPU seconds of an action: what it takes undisturbed."""
    if isinstance(action, Marginal):
        return cpu(action.long, repeats) - cpu(action.short, repeats)
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        action()
        times.append(time.process_time() - begun)
    return min(times)


def tasks(*words: str) -> str:
    """Run the command `tasks` in this process and return what it printed."""
    (script,) = entry_points(group="console_scripts", name="tasks")
    printed, talk = io.StringIO(), io.StringIO()
    sys.argv = ["tasks", *words]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(talk):
        try:
            code = script.load()()
        except SystemExit as end:
            code = end.code
    if code:
        raise RuntimeError(f"tasks {' '.join(words)}: {talk.getvalue()}")
    return printed.getvalue()


def asked(
    component: Any, knots: int, controls: int
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return `sample` and `update` of an optimizer: built before, arithmetic on a state of its own after."""
    shape = named("Shape")(knots, controls)
    if hasattr(component, "build"):
        built = component.build(shape)
        built.reset(np.zeros((knots, controls)))
        return built.sample, built.update
    state = component.init(shape)
    return lambda draw: component.sample(state, draw), lambda z, r: component.update(state, z, r)


def optimizers() -> Pieces:
    """Yield plans without their physics: sample and update, 200 times, with the cart-pole's sizes."""
    from taskloom_control import ControlConfig

    draw_of, low, high = named("Draw"), np.full(1, -1.0), np.full(1, 1.0)
    for kind in ("ps", "shooting", "mppi", "smooth_mppi", "cem", "icem", "dial", "cma_es"):
        config = ControlConfig.model_validate({"optimizer": {"kind": kind}})
        optimizer = config.optimizer
        # A later version gives each of ps's candidates a scale of its own: the same work is compared, all at one scale.
        if getattr(optimizer, "finest", 1.0) != 1:
            optimizer = type(optimizer).model_validate({**optimizer.model_dump(), "finest": 1.0})
        sample, update = asked(optimizer, 4, 1)
        rng = np.random.default_rng(0)

        def plans(sample: Any = sample, update: Any = update, rng: Any = rng) -> None:
            for _ in range(200):
                knots = np.clip(sample(draw_of(rng, 0, 1, low, high)), low, high)
                update(knots, -(knots**2).sum((1, 2)))

        yield f"optimizer {kind}", plans


def more(words: tuple[str, ...], option: str, short: int, long: int) -> Marginal:
    """Return the piece of work that a long run of `tasks` does beyond a short one."""
    return Marginal(
        partial(tasks, *words, f"{option}={short}"), partial(tasks, *words, f"{option}={long}")
    )


def control() -> Pieces:
    """Yield fifteen seconds of closed loops."""
    from taskloom_control import ControlConfig

    # A later version plays the episode again with its controls at rest, as the baseline.
    alone = ("--baseline=false",) if "baseline" in ControlConfig.model_fields else ()
    for kind in ("cem", "mppi", "ilqr", "lqr"):
        words = (*_CONTROL, *alone, f"--optimizer={kind}")
        yield f"control {kind}", more(words, "--seconds", 3, 18)


def hci() -> Pieces:
    """Yield episodes of pointing."""
    from taskloom_hci.config import HciConfig

    # A later version plays the same games again without the assistant, as the baseline.
    alone = ("--baseline=false",) if "baseline" in HciConfig.model_fields else ()
    for name, assistant, long in (
        ("loop", "big", 520),
        ("numpy", "big", 20_020),
        ("loop", "gain", 520),
    ):
        words = (*_HCI, *alone, f"--backend={name}", f"--assistant={assistant}")
        yield f"pointing {assistant} {name}", more(words, "--episodes", 20, long)


def hci_rows() -> Pieces:
    """Yield the rows of `benchmarks/hci/measure.py`, each with a fixed amount of work."""
    from taskloom_hci.accelerated.control_kernel import control_kernel
    from taskloom_hci.accelerated.control_numba import roll_out_compiled
    from taskloom_hci.accelerated.pointing_kernel import pointing_rules
    from taskloom_hci.accelerated.pointing_numba import play_compiled
    from taskloom_hci.batch.play import play
    from taskloom_hci.driver import make_bundle
    from taskloom_hci.exports.env import GameEnv
    from taskloom_hci.exports.vector import PointingVector
    from taskloom_hci.inference.goal import update_beliefs_in_place
    from taskloom_hci.models.model import probabilities
    from taskloom_hci.models.pointing import CarefulModel
    from taskloom_hci.policies.information import InformationTable

    # What was assumed of lapses before there were any.
    sure = {"assumed_lapse": 0.0} if _has_lapse() else {}
    game = partial(make_bundle, "pointing")
    big, gain = {"kind": "big", **sure}, {"kind": "gain"}
    rules = pointing_rules(game(assistant=big))
    yield "big, compiled", partial(play_compiled, rules, 0, np.arange(100_000))
    yield "big, by a table", partial(play_compiled, rules, 0, np.arange(20_000), generic=True)
    yield "big, NumPy", partial(play, game(assistant=big), 20_000, "numpy")
    plain = pointing_rules(game(assistant=gain))
    yield "gain, compiled", partial(play_compiled, plain, 0, np.arange(500_000))
    example = make_bundle("example")

    def rounds() -> None:
        for _ in range(5000):
            if example.over or example.episode < 0:
                example.reset()
            example.step()

    yield "example, scalar", rounds
    rng = np.random.default_rng(0)
    goals = np.sort(rng.choice(124, 32, replace=False))
    at = {"position": np.arange(124)[:, None]}
    table = InformationTable(probabilities(CarefulModel(), at, {"goal": goals}))
    belief = rng.dirichlet(np.ones(32))
    yield "one decision", lambda: [table.gain(belief) for _ in range(5000)]
    start = np.log(rng.dirichlet(np.ones(1000), size=1024))
    seen = np.log(np.where(rng.random((1024, 1000)) < 0.5, 0.95, 0.05))
    yield "posterior", lambda: [update_beliefs_in_place(start.copy(), seen) for _ in range(20)]
    parts = control_kernel(make_bundle("classic_control", max_rounds=100)).parts
    yield "LQG", partial(roll_out_compiled, parts, 0, np.arange(4096))
    yield "gymnasium, one game", partial(_steps, GameEnv(game(assistant=gain)), 1000, 1)
    yield (
        "gymnasium, 1,024 games",
        partial(_steps, PointingVector(game(assistant=gain), 1024), 200, 1024),
    )


def _has_lapse() -> bool:
    from taskloom_hci.assistants.big import Big

    return "assumed_lapse" in Big.model_fields


def _steps(env: Any, steps: int, games: int) -> None:
    """Take steps towards the goal in one game, or in many at once."""
    seen, _ = env.reset(seed=0)
    for _ in range(steps):
        wise = np.sign(seen["user_state__goal"] - seen["task_state__position"])[..., 0] + 1
        seen, _, done, cut, _ = env.step(wise if games > 1 else int(wise))
        if games == 1 and (done or cut):
            seen, _ = env.reset()


def anomaly() -> Pieces:
    """Yield fitting a detector and scoring with it."""
    from taskloom_anomaly import AnomalyConfig

    rng = np.random.default_rng(0)
    trusted, test = (rng.normal(size=(2000, 64)).astype(np.float32) for _ in range(2))
    features, spec = named("Features"), named("FeatureSpec")({"layer": 64}, 4)
    stream = named("ArrayStream")(features({"layer": trusted}, trusted[:, :4]))
    for kind, count in _ROUNDS.items():
        detector = AnomalyConfig.model_validate({"detector": {"kind": kind}}).detector
        detector = detector.build() if hasattr(detector, "build") else detector

        def work(detector: Any = detector, rounds: int = count) -> None:
            for _ in range(rounds):
                fitted = named("fit")(detector, stream, spec, 0)
                named("score")(detector, fitted, [features({"layer": test}, test[:, :4])])

        yield f"fit and score {kind}", work


def diffusion() -> Pieces:
    """Yield training the toy and drawing from it."""
    yield "diffusion train", more(_DIFFUSION, "--train.steps", 50, 350)
    yield "diffusion sample", more(_SAMPLE, "--num", 500, 5000)


_CONTROL = (
    *("run", "control", "cartpole", "--record.animation=false"),
    *("--force", "-q"),
)
_HCI = ("run", "hci", "pointing", "--force", "-q")
_DIFFUSION = (
    *("run", "diffusion", "toy", "--evaluate.num_samples=50", "--force", "-q"),
    *("--evaluate.num_holdout=50", "--train.peak_gflops=1", "--length=6", "--num_tokens=4"),
)
_SAMPLE = ("diffusion", "sample", "@last", "--batch-size=500")
_ROUNDS = {"mahalanobis": 20, "knn": 2}
GROUPS: dict[str, Callable[[], Pieces]] = {
    "optimizers": optimizers,
    "control": control,
    "hci": hci,
    "hci_rows": hci_rows,
    "anomaly": anomaly,
    "diffusion": diffusion,
}

# Short pieces are repeated; a piece through `tasks` is long.
REPEATS = {"optimizers": 5, "hci_rows": 3, "anomaly": 3}


def main() -> None:
    """Measure what is asked for, line by line; a piece runs once before it counts."""
    group = sys.argv[1]
    with tempfile.TemporaryDirectory() as store:
        os.environ["TASKS_STORE"] = store
        pieces = dict(GROUPS[group]())
        print(json.dumps(list(pieces)), flush=True)
        warm: set[str] = set()
        for line in sys.stdin:
            name = line.strip()
            if name not in warm:
                cpu(pieces[name], 1)
                warm.add(name)
            print(cpu(pieces[name], REPEATS.get(group, 1)), flush=True)


if __name__ == "__main__":
    main()
