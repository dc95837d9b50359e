# pyright: strict
"""Calls from Python: a type checker in strict mode must accept every line of it."""

from __future__ import annotations

import taskloom as tl
from taskloom_hci.tasks.pointing import PointingConfig

config = PointingConfig(episodes=200, cells=9)
run: tl.Run = tl.run(config)
run = tl.run("hci/pointing", assistant="big", episodes=200)
run = tl.run("hci/pointing", {"user.error_rate": 0.1}, options=tl.RunOptions(tags=["pilot"]))
run = tl.run("hci/pointing", config)
run = tl.run("one.py:Coin", p=0.3)
numbers: float = run.metrics["rounds/mean"] + sum(row["step"] for row in run.history("loss"))
told: tuple[str, str, bool, tuple[str, ...]] = (run.id, run.status, run.reused, run.stale)
rows: int = len(run.frame())
page: str = str(run.report().path)
swept: tl.Sweep = tl.sweep("hci/pointing", {"assistant": ["big"], "seed": range(5)}, episodes=20)
best: tl.Run = swept.best("rounds/mean", "min")
again: tl.Run = tl.open_run("@last")
found: tl.Runs = tl.runs("metrics.episodes > 0", task="hci/pointing")
newest: tl.Run = found[-1]
names: list[str] = [task.name for task in tl.list_tasks()]
described: tl.TaskInfo = tl.info("hci/pointing")
