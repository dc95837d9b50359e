"""Mistakes in calls: a type checker must reject each line that ends with `# wrong`, and no other."""

from __future__ import annotations

import taskloom as tl
from taskloom_hci.tasks.pointing import PointingConfig

config = PointingConfig(episodes=200)
PointingConfig(episods=200)  # wrong
PointingConfig(cells="nine")  # wrong
tl.RunOptions(tag=["pilot"])  # wrong
tl.run("hci/pointing", options={"tags": ["pilot"]})  # wrong
tl.run(3)  # wrong
print(tl.open_run("@last").metric)  # wrong
tl.sweep("hci/pointing")  # wrong
tl.runs(wher="metrics.x > 0")  # wrong
print(config.episods)  # wrong
