"""Measures every speed bar of the hci domain in CPU seconds of one thread, medians of several repetitions.

    python benchmarks/hci/measure.py            # all
    python benchmarks/hci/measure.py big lqg    # some

CoopIHC's figures beside ours were measured elsewhere (it cannot be installed on this Python: its last release needs
Python < 3.10).
"""

# ruff: noqa: E402, ANN401 -- threads are limited before NumPy loads; games are of any type

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Row = tuple[str, float, str, float, str]


def cpu(action: Callable[[], Any], repetitions: int = 5) -> float:
    """Return the median CPU seconds of an action, after one that does not count."""
    action()
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return statistics.median(times)


def pointing(assistant: Any, **config: Any) -> Any:
    from taskloom_hci.driver import make_bundle

    return make_bundle("pointing", assistant=assistant, **config)


def big() -> Iterator[Row]:
    from taskloom_hci.accelerated.pointing_kernel import pointing_rules
    from taskloom_hci.accelerated.pointing_numba import play_compiled
    from taskloom_hci.batch.play import play

    rules = pointing_rules(pointing({"kind": "big"}))
    for label, count, generic, bar in (
        ("BIG pointing 31 x 8, compiled", 100_000, False, 1.5e6),
        ("BIG pointing 31 x 8, likelihood table", 50_000, True, 0.25e6),
    ):
        rounds = play_compiled(rules, 0, np.arange(count), generic=generic)[0].num_rounds.sum()
        seconds = cpu(lambda: play_compiled(rules, 0, np.arange(count), generic=generic))  # noqa: B023
        yield label, rounds / seconds, "rounds/s", bar, "CoopIHC 181"
    bundle = pointing({"kind": "big"})
    rounds = play(bundle, 20_000, "numpy").total_rounds
    yield (
        "BIG pointing 31 x 8, NumPy",
        rounds / cpu(lambda: play(bundle, 20_000, "numpy")),
        "rounds/s",
        0.2e6,
        "CoopIHC 181",
    )


def gain() -> Iterator[Row]:
    from taskloom_hci.accelerated.pointing_kernel import pointing_rules
    from taskloom_hci.accelerated.pointing_numba import play_compiled

    rules = pointing_rules(pointing({"kind": "gain"}))
    rounds = play_compiled(rules, 0, np.arange(100_000))[0].num_rounds.sum()
    seconds = cpu(lambda: play_compiled(rules, 0, np.arange(100_000)))
    yield "constant gain pointing", rounds / seconds, "rounds/s", 20e6, "CoopIHC 1,935"


def scalar() -> Iterator[Row]:
    from taskloom_hci.driver import make_bundle

    bundle = make_bundle("example")

    def rounds() -> None:
        for _ in range(5000):
            if bundle.over or bundle.episode < 0:
                bundle.reset()
            bundle.step()

    yield "round of the example, scalar", cpu(rounds) / 5000 * 1e6, "us", 25, "CoopIHC 267"


def decision() -> Iterator[Row]:
    from taskloom_hci.models.model import probabilities
    from taskloom_hci.models.pointing import CarefulModel
    from taskloom_hci.policies.information import InformationTable

    rng = np.random.default_rng(0)
    for cells, targets, count, bar, unit, scale, peer in (
        (124, 32, 1000, 40, "us", 1e6, "CoopIHC 99,600"),
        (10_000, 1000, 3, 120, "ms", 1e3, "CoopIHC about 250,000 (extrapolated)"),
    ):
        goals = np.sort(rng.choice(cells, targets, replace=False))
        table = InformationTable(
            probabilities(CarefulModel(), {"position": np.arange(cells)[:, None]}, {"goal": goals})
        )
        belief = rng.dirichlet(np.ones(targets))

        def decide() -> None:
            for _ in range(count):  # noqa: B023
                table.gain(belief)  # noqa: B023

        yield f"BIG decision {cells} x {targets}", cpu(decide) / count * scale, unit, bar, peer


def posterior() -> Iterator[Row]:
    from taskloom_hci.inference.goal import update_beliefs_in_place

    rng = np.random.default_rng(0)
    beliefs = np.log(rng.dirichlet(np.ones(1000), size=4096))
    likelihood = np.log(np.where(rng.random((4096, 1000)) < 0.5, 0.95, 0.05))
    seconds = cpu(lambda: update_beliefs_in_place(beliefs, likelihood))
    yield (
        "posterior 4,096 x 1,000, in logarithms",
        seconds * 1e3,
        "ms",
        10,
        "CoopIHC about 131,000 (extrapolated)",
    )


def lqg() -> Iterator[Row]:
    from taskloom_hci.accelerated.control_kernel import control_kernel
    from taskloom_hci.accelerated.control_numba import roll_out_compiled
    from taskloom_hci.driver import make_bundle

    parts = control_kernel(make_bundle("classic_control", max_rounds=100)).parts
    steps = int(roll_out_compiled(parts, 0, np.arange(4096)).num_rounds.sum())
    yield (
        "LQG, batch 4,096",
        steps / cpu(lambda: roll_out_compiled(parts, 0, np.arange(4096))),
        "steps/s",
        5e6,
        "CoopIHC 2,863",
    )


def gym() -> Iterator[Row]:
    from taskloom_hci.exports.env import GameEnv
    from taskloom_hci.exports.vector import PointingVector

    env = GameEnv(pointing({"kind": "gain"}))
    seen, _ = env.reset(seed=0)

    def alone() -> None:
        nonlocal seen
        for _ in range(5000):
            wise = int(np.sign(seen["user_state__goal"][0] - seen["task_state__position"][0])) + 1
            seen, _, done, cut, _ = env.step(wise)
            if done or cut:
                seen, _ = env.reset()

    yield "gymnasium, one game", 5000 / cpu(alone), "steps/s", 50e3, "CoopIHC 1,079"
    many = PointingVector(pointing({"kind": "gain"}), 1024)
    looks, _ = many.reset(seed=0)
    spent = 0.0

    def together() -> None:
        nonlocal looks, spent
        for _ in range(200):
            wise = np.sign(looks["user_state__goal"] - looks["task_state__position"])[:, 0] + 1
            start = time.process_time()
            looks, *_ = many.step(wise)
            spent += time.process_time() - start

    together()
    rates = []
    for _ in range(5):
        spent = 0.0
        together()
        rates.append(200 * 1024 / spent)
    yield "gymnasium, 1,024 games", statistics.median(rates), "steps/s", 3e6, "CoopIHC has none"


def sb3() -> Iterator[Row]:
    import torch
    from stable_baselines3 import PPO
    from taskloom_hci.exports.sb3 import PointingVecEnv

    torch.set_num_threads(1)
    env = PointingVecEnv(pointing({"kind": "gain"}), 256)
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=4096, n_epochs=4, device="cpu", seed=0)
    start = time.process_time()
    model.learn(200_000)
    yield (
        "SB3 PPO, 256 games",
        200_000 / (time.process_time() - start),
        "steps/s",
        25e3,
        "CoopIHC 689",
    )


def slow() -> Iterator[Row]:
    """Games that were played one round at a time, beside pointing with a gain in NumPy, the measure of the machine."""
    from taskloom_hci.batch.play import play
    from taskloom_hci.driver import make_bundle

    def rate(task: str, episodes: int, backend: Any, **config: Any) -> float:
        game = make_bundle(task, **config)
        rounds = play(game, episodes, backend).total_rounds
        return rounds / cpu(lambda: play(game, episodes, backend), 3)

    plain = rate("pointing", 20_000, "numpy", assistant={"kind": "gain"})
    yield "pointing with a gain, NumPy", plain, "rounds/s", 0.7e6, "CoopIHC 1,935"
    for label, bar, *game in (
        ("gaze and its user, numba", 1e6, "gaze", 30_000, "numba", {}),
        ("gaze and its user, NumPy", 1e5, "gaze", 10_000, "numpy", {}),
        *(
            (
                f"teaching, {kind}, NumPy",
                bar,
                "teaching",
                2000,
                "numpy",
                {"assistant": {"kind": kind}},
            )
            for kind, bar in (("leitner", 1e6), ("myopic", 1e6), ("conservative", 2e4))
        ),
        *(
            (
                f"pointing, roll-outs, {tried}",
                bar,
                *("pointing", 1000, "numpy", {"assistant": {"kind": "rollout", "tried": tried}}),
            )
            for tried, bar in (("cells", 1000), ("targets", 5000))
        ),
    ):
        task, episodes, backend, config = game
        found = rate(task, episodes, backend, **config)
        yield label, found, "rounds/s", bar, f"{found / plain:.2f} times the first row"


def imports() -> Iterator[Row]:
    code = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
    times = [
        float(
            subprocess.run(
                [
                    sys.executable,
                    "-c",
                    code.format("taskloom_hci.bundle.bundle, taskloom_hci.driver"),
                ],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(7)
    ]
    yield "import of the domain", statistics.median(times), "s", 0.25, "CoopIHC 0.55"


PARTS = {
    f.__name__: f for f in (big, gain, scalar, slow, decision, posterior, lqg, gym, sb3, imports)
}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    print(f"{'what':40} {'ours':>14} {'unit':9} {'bar':>12}  met  peer")
    for part in chosen:
        for label, value, unit, bar, peer in PARTS[part]():
            met = value <= bar if unit in {"us", "ms", "s"} else value >= bar
            word = "yes" if met else "NO "
            print(f"{label:40} {value:14,.3f} {unit:9} {bar:12,.2f}  {word}  {peer}", flush=True)


if __name__ == "__main__":
    main()
