"""Costs of the run store: logging, listing ten thousand runs, rebuilding the index, and a sweep around its runs.

    python benchmarks/store/bench_store.py [log ls rebuild view sweep-cpu sweep mlflow]

Times are CPU times of one process (medians), interleaved with their baseline, so that a busy machine changes them little.
`sweep` is the exception: it compares wall-clock time with the waiting that its runs do, and needs an idle machine.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROBE = Path(__file__).parents[2] / "tests" / "probe"
sys.path.append(str(PROBE))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROBE), "OMP_NUM_THREADS": "1"}
RUNS = 10_000


def say(what: str, figure: str, bar: str) -> None:
    print(f"{what:<44} {figure:<28} bar: {bar}", flush=True)


def cpu_of(command: list[str]) -> float:
    """Return the CPU time of a process [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_per_call(act: Callable[[int], object], calls: int, rounds: int = 7) -> float:
    """Return the median CPU time of a call [us]."""
    figures = []
    for _ in range(rounds):
        began = time.process_time()
        for index in range(calls):
            act(index)
        figures.append((time.process_time() - began) / calls * 1e6)
    return statistics.median(figures)


def bench_log(folder: Path) -> None:
    """Compare ctx.log with a bare write of the same line."""
    from taskloom.lifecycle.console import SilentConsole
    from taskloom.lifecycle.context import LiveContext
    from taskloom.lifecycle.signals import StopRequest
    from taskloom.records.run_record import read_record
    from taskloom.runs.record import begin_attempt
    from taskloom_probe.support import make_run
    from taskloom_probe.tasks import WalkConfig

    layout = make_run(folder, "walk", WalkConfig())
    record = begin_attempt(read_record(layout.record))
    ctx = LiveContext(layout, record, SilentConsole(), StopRequest(graceful=True))
    line = b'{"step": 1, "t": 0.5, "loss": 0.123456789, "accuracy": 0.9}\n'
    bare = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for metrics in (
        {"loss": 0.123456789, "accuracy": 0.9},
        {f"layer_{i}/norm": i / 3 for i in range(20)},
    ):
        ours = cpu_per_call(lambda step, m=metrics: ctx.log(step, **m), 20_000)
        theirs = cpu_per_call(lambda step: os.write(bare, line), 20_000)
        say(
            f"ctx.log, {len(metrics)} metrics",
            f"{ours:.1f} us (bare write {theirs:.1f})",
            "<= 40 us",
        )
    os.close(bare)


def make_store(store: Path) -> None:
    """Write ten thousand run records."""
    from taskloom.lifecycle.lifecycle import run_task
    from taskloom.request import RunOptions
    from taskloom_probe.support import load
    from taskloom_probe.tasks import WalkConfig

    run = run_task(load("walk"), WalkConfig(steps=3), RunOptions(store=store, quiet=True))
    record = json.loads(run.layout.record.read_text())
    record["metrics"] |= {f"metric/{index}": index / 7 for index in range(10)}
    for index in range(RUNS - 1):
        name = f"202611{index // 500 + 1:02d}-000000-probe-walk-{index:06d}"
        folder = store / name
        folder.mkdir()
        text = json.dumps(
            {
                **record,
                "id": name,
                "created": f"2026-11-01T00:00:00.{index:06d}Z",
                "identity": f"{index:064d}",
            }
        )
        (folder / "run.json").write_text(text)


def bench_rebuild(store: Path) -> None:
    """Rebuild the index of ten thousand runs."""
    from taskloom.runs.index import rebuild

    figures = []
    for _ in range(3):
        began, wall = time.process_time(), time.perf_counter()
        count, _ = rebuild(store)
        figures.append((time.process_time() - began, time.perf_counter() - wall))
    cpu, wall = min(figures)
    say(f"rebuild the index of {count} runs", f"{cpu:.2f} s CPU, {wall:.2f} s wall", "< 3 s")


def bench_ls(store: Path) -> None:
    """Compare `tasks runs ls` with an interpreter that does nothing."""
    tasks = [
        sys.executable,
        "-c",
        "import sys; from taskloom.cli import main; sys.exit(main())",
        "runs",
        "ls",
        "--store",
        str(store),
    ]
    filtered = [*tasks, "--where", "metrics.metric/3 > 0.1", "--sort", "-metrics.metric/3"]
    cpu_of(tasks)
    bare, plain, where = [], [], []
    for _ in range(7):
        bare.append(cpu_of([sys.executable, "-c", "pass"]))
        plain.append(cpu_of(tasks))
        where.append(cpu_of(filtered))
    base = statistics.median(bare)
    for name, figures in (("runs ls", plain), ("runs ls --where ... --sort ...", where)):
        median = statistics.median(figures)
        say(
            f"{name} of {RUNS} runs",
            f"{median * 1e3:.0f} ms = {median / base:.1f} x python",
            "<= 18 x (plain)",
        )


def bench_view(store: Path) -> None:
    """Measure pages of the viewer's table, as its process makes them one after another."""
    from taskloom.view.asked import Asked
    from taskloom.view.table import runs_page

    queries = {
        "newest first": Asked(),
        "sorted by a metric": Asked(sort="-metrics.metric/3"),
        "filtered by a metric": Asked(where="metrics.metric/3 > 0.1"),
        "filtered and sorted": Asked(where="status = finished", sort="-metrics.metric/3"),
        "in groups": Asked(group="seed"),
        "with a chart": Asked(x="config.seed", y="metrics.metric/3"),
    }
    for name, query in queries.items():
        figures = []
        for _ in range(5):
            began = time.process_time()
            runs_page(store, query)
            figures.append(time.process_time() - began)
        say(
            f"a page of {RUNS} runs, {name}", f"{statistics.median(figures):.3f} s CPU", "<= 0.25 s"
        )


def sweep_command(folder: Path, runs: int, seconds: float) -> list[str]:
    """Return a sweep of runs that wait, two at a time."""
    code = "import sys; from taskloom.cli import main; sys.exit(main())"
    points = (f"--seconds={seconds}", f"--seed=0:{runs}", "--jobs=2", f"--store={folder}")
    return [sys.executable, "-c", code, "sweep", "probe", "wait", *points]


def bench_sweep_cpu(folder: Path) -> None:
    """Measure the CPU time around runs that do nothing: what a sweep costs, however busy the machine is."""
    runs = 200
    few = statistics.median(cpu_of(sweep_command(folder / f"few-{i}", 2, 0)) for i in range(3))
    many = cpu_of(sweep_command(folder / "many", runs, 0))
    each = (many - few) / (runs - 2)
    say("CPU of a sweep of 2 empty runs", f"{few:.2f} s", "-")
    say("CPU of each further run", f"{each * 1e3:.0f} ms = {each / 2:.1%} of 2 s", "<= 5%")
    whole = few + (runs - 2) * each
    say(f"  of all {runs} two-second runs", f"{whole / (2 * runs):.1%} of their time", "<= 5%")


def bench_sweep(folder: Path) -> None:
    """Compare the wall-clock time of 200 two-second runs, two at a time, with the waiting that they do (3.5 minutes)."""
    runs, jobs = int(os.environ.get("RUNS", "200")), 2
    began = time.perf_counter()
    cpu = cpu_of(sweep_command(folder, runs, 2))
    wall = time.perf_counter() - began
    ideal = runs * 2 / jobs
    say(
        f"sweep of {runs} two-second runs, {jobs} jobs",
        f"{wall / ideal - 1:.1%} over {ideal:.0f} s",
        "<= 5%",
    )
    say("  its CPU time for each run", f"{cpu / runs * 1e3:.0f} ms", "-")


def bench_mlflow(folder: Path) -> None:
    """Measure what one call of the nearest peer costs, if it is installed."""
    try:
        import mlflow
    except ImportError:
        print("mlflow is not installed")
        return
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    mlflow.set_tracking_uri(f"file://{folder / 'mlruns'}")
    with mlflow.start_run():
        figure = cpu_per_call(
            lambda step: mlflow.log_metrics({"loss": 0.1, "accuracy": 0.9}, step=step),
            200,
            rounds=3,
        )
    say("mlflow log_metrics (file store), 2 metrics", f"{figure:.0f} us", "-")


def main(wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "log" in wanted:
            bench_log(folder / "log")
        if "mlflow" in wanted:
            bench_mlflow(folder)
        if {"ls", "rebuild", "view"} & {*wanted}:
            store = folder / "store"
            make_store(store)
            if "rebuild" in wanted:
                bench_rebuild(store)
            if "ls" in wanted:
                bench_ls(store)
            if "view" in wanted:
                bench_view(store)
        if "sweep-cpu" in wanted:
            bench_sweep_cpu(folder / "sweep-cpu")
        if "sweep" in wanted:
            bench_sweep(folder / "sweep")


if __name__ == "__main__":
    main(sys.argv[1:] or ["log", "ls", "rebuild", "view", "sweep-cpu", "sweep", "mlflow"])
