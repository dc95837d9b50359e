"""Measure the page of a run with 1,000,000 metric lines, cold and with its cache: server CPU from request to last byte.

python benchmarks/store/large_run.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from starlette.testclient import TestClient
from taskloom.runs.record import RunRecord, write_record
from taskloom.runs.run import Run
from taskloom.view.app import make_app
from taskloom.view.series import is_reading

LINES = 1_000_000
BAR = 0.5  # [s] of CPU


def main() -> None:
    """Print the CPU time of the first page, of the reading beside it, and of a page with the cache."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs"
        name = "20261121-021400-lab-walk-abcdef"
        (store / name).mkdir(parents=True)
        write_record(
            store / name / "run.json", RunRecord(name, "lab", "walk", 1, "", {}, status="finished")
        )
        with (store / name / "metrics.jsonl").open("w") as file:
            for step in range(LINES):
                file.write(f'{{"step": {step}, "t": 0.1, "loss": {step % 977}.5}}\n')
        with TestClient(make_app(store)) as browser:
            browser.get("/")  # imports and the index are not the page
            began, wall = time.thread_time(), time.perf_counter()
            text = browser.get(f"/runs/{name}/").text
            print(
                f"cold: {time.perf_counter() - wall:.3f} s wall; says what it reads: {'Reading the metric lines' in text}"
            )
            del began
            while is_reading(Run(store / name)):
                time.sleep(0.1)
            browser.get(f"/runs/{name}/")
            figures = []
            for _ in range(5):
                start = time.process_time()
                browser.get(f"/runs/{name}/")
                figures.append(time.process_time() - start)
            print(f"with its cache: {sorted(figures)[2]:.3f} s CPU (bar {BAR} s)")


if __name__ == "__main__":
    main()
