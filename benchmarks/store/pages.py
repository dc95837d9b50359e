"""Measure the viewer's pages: CPU of the server from request to last byte, and script and layout time of a browser.

    python benchmarks/store/pages.py [RUNS [LINES]]

RUNS runs (10,000) of two assistants over seeds stand in one store, and one of them has LINES metric lines (1,000,000). CPU times
are medians of five in this process, which does nothing else; the browser's are those that Chromium counts by itself.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

sys.path.append(str(Path(__file__).parents[2] / "tests" / "probe"))

from taskloom.headline import Headline
from taskloom.runs.kept import LineKeeper
from taskloom.runs.record import RunRecord, write_record
from taskloom.runs.run import Run
from taskloom.view.series import is_reading
from taskloom_probe.pages import ask

BAR, BAR_LARGE, BAR_BROWSER = 0.25, 0.5, 0.25  # [s]
QUERIES = {
    "newest first": {},
    "sorted by a metric": {"sort": "-metrics.rounds/mean"},
    "filtered": {"where": "metrics.rounds/mean > 9"},
    "filtered and sorted": {"where": "status = finished", "sort": "-metrics.rounds/mean"},
    "columns": {"col": "config.assistant,config.seed,metrics.rounds/mean,headline"},
    "in groups": {"group": "seed"},
    "with a chart": {"x": "config.seed", "y": "metrics.rounds/mean"},
}
BROWSED = ("newest first", "in groups", "with a chart")


def say(what: str, seconds: float, bar: float) -> None:
    """Print one figure beside its bar."""
    print(f"{what:<48} {seconds:7.3f} s   bar {bar} s", flush=True)


def make_store(store: Path, runs: int) -> None:
    """Write the records of runs of two assistants over seeds."""
    for number in range(runs):
        name = f"202611{number % 28 + 1:02d}-{number // 3600 % 24:02d}{number // 60 % 60:02d}{number % 60:02d}-hci-pointing-{number:06d}"
        mean = 3 + number % 97 / 7
        said = Headline(
            **{"metric": "rounds/mean", "title": "Rounds", "value": mean, "low": mean - 0.2},
            **{"high": mean + 0.2, "unit": "rounds", "better": "lower", "baseline": None},
            **{"no_baseline": "none", "verdict": "none", "sentence": "It went on."},
        )
        record = RunRecord(
            **{"id": name, "domain": "hci", "task": "pointing", "version": 1},
            **{"identity": f"{number:064d}", "status": "finished", "headline": said.to_json()},
            config={
                "seed": number % 500,
                "assistant": {"kind": "big" if number % 2 else "map"},
                **{f"parameter_{n}": n / 7 for n in range(20)},
            },
            metrics={"rounds/mean": mean, **{f"metric/{n}": n / 7 for n in range(20)}},
            created=f"2026-11-{number % 28 + 1:02d}T00:00:00.{number:06d}Z",
        )
        (store / name).mkdir(parents=True)
        write_record(store / name / "run.json", record)


def cpu(act: Callable[[], object], times: int = 5) -> float:
    """Return the median CPU time of a call [s]."""
    figures = []
    for _ in range(times):
        began = time.process_time()
        act()
        figures.append(time.process_time() - began)
    return statistics.median(figures)


def large(store: Path, run: Run, lines: int) -> None:
    """Measure the page of a run with many metric lines: kept while they were logged, not kept, and read."""
    keeper = LineKeeper(run.dir, 0)
    began = time.process_time()
    with (run.dir / "metrics.jsonl").open("w") as file:
        for step in range(lines):
            row = {"step": step, "t": 0.1, "loss": step % 977 + 0.5}
            file.write(json.dumps(row) + "\n")
            keeper.add(row)
    keeper.close((run.dir / "metrics.jsonl").stat().st_size)
    print(f"{lines:,} lines written and kept: {time.process_time() - began:.2f} s CPU")
    path = f"/runs/{run.dir.name}/"
    other = max(store.glob("*/run.json")).parent
    with (other / "metrics.jsonl").open("w") as file:
        file.writelines(f'{{"step": {step}, "t": 0.1, "loss": 1.5}}\n' for step in range(9))
    # The first chart of a process starts the engine that draws charts: once, and no part of a page.
    seconds = cpu(lambda: ask(store, f"/runs/{other.name}/"), 1)
    print(f"the first chart of a viewer's life: {seconds:.3f} s CPU")
    say(
        f"first page of {lines:,} lines that a run kept",
        cpu(lambda: ask(store, path), 1),
        BAR_LARGE,
    )
    shutil.rmtree(store / ".cache" / "series")
    wall = time.perf_counter()
    text = ask(store, path).text
    assert "Reading the metric lines" in text or lines < 20_000
    print(
        f"first page of {lines:,} lines, while they are read: {time.perf_counter() - wall:.3f} s wall"
    )
    began = time.process_time()
    while is_reading(run):
        time.sleep(0.1)
    print(f"  reading them beside it, once: {time.process_time() - began:.2f} s CPU")
    say(f"a page of {lines:,} lines", cpu(lambda: ask(store, path)), BAR_LARGE)


def browse(store: Path, runs: int, run: Run) -> None:
    """Measure script and layout time in a browser."""
    from playwright.sync_api import sync_playwright

    code = "import sys; from taskloom.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "view", "--store", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        place = address.partition("/?")[0]
        try:
            with sync_playwright() as playwright:
                found = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(address)
                told = page.context.new_cdp_session(page)
                told.send("Performance.enable")
                asked = {f"table of {runs:,} runs, {name}": f"/?{urlencode(QUERIES[name])}" for name in BROWSED}  # fmt: skip
                asked["the page of many lines"] = f"/runs/{quote(run.dir.name)}/"
                for name, path in asked.items():
                    figures = []
                    for _ in range(3):
                        page.goto(place + path, wait_until="load")
                        listed = told.send("Performance.getMetrics")["metrics"]
                        values = {item["name"]: item["value"] for item in listed}
                        parts = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
                        figures.append(sum(values[part] for part in parts))
                    say(f"browser, {name}", statistics.median(figures), BAR_BROWSER)
        finally:
            server.terminate()


def main() -> None:
    """Print each figure."""
    given = [int(word) for word in sys.argv[1:3]]
    runs, lines = [*given, *(10_000, 1_000_000)[len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs"
        make_store(store, runs)
        ask(store, "/")  # imports and the index are no part of a page
        for name, query in QUERIES.items():
            seconds = cpu(lambda query=query: ask(store, "/", urlencode(query)))
            say(f"a table of {runs:,} runs, {name}", seconds, BAR)
        run = Run(min(path for path in store.iterdir() if (path / "run.json").is_file()))
        large(store, run, lines)
        browse(store, runs, run)


if __name__ == "__main__":
    main()
