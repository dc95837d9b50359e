"""What tests of runs share: loading probe tasks, making run folders, starting workers."""

from __future__ import annotations

import contextlib
import os
import pickletools
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from taskloom import Config, Resources
from taskloom.lifecycle.create import create_run
from taskloom.registry import LoadedTask, TaskEntry
from taskloom.request import RunOptions
from taskloom.runs import Run, RunLayout

from taskloom_probe.domain import DOMAIN
from taskloom_probe.share import Pair, PairConfig, Share, ShareConfig, Spread, SpreadConfig
from taskloom_probe.tasks import Fail, FailConfig, Wait, WaitConfig, Walk, WalkConfig

PROBE = Path(__file__).parent.parent
_CLASSES = {
    "walk": (Walk, WalkConfig),
    "wait": (Wait, WaitConfig),
    "fail": (Fail, FailConfig),
    "share": (Share, ShareConfig),
    "pair": (Pair, PairConfig),
    "spread": (Spread, SpreadConfig),
}


def load(name: str) -> LoadedTask:
    """Return a probe task without asking the registry."""
    ref = next(ref for ref in DOMAIN.tasks if ref.name == name)
    factory, config_class = _CLASSES[name]
    return LoadedTask(TaskEntry("probe", ref, "taskloom-probe"), factory, config_class)


def make_run(
    store: Path, name: str, config: Config, resources: Resources | None = None, **options: str
) -> RunLayout:
    """Make the folder of a run that has not begun."""
    asked = RunOptions(store=store, resources=resources or Resources(), **options)  # type: ignore[arg-type]  # texts all
    return create_run(load(name), config, asked)


def environment() -> dict[str, str]:
    """Return an environment in which subprocesses find the probe domain."""
    path = os.pathsep.join(filter(None, (str(PROBE), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def start_worker(layout: RunLayout) -> subprocess.Popen[str]:
    """Start `python -m taskloom.execute RUN_DIR`."""
    command = [sys.executable, "-m", "taskloom.execute", str(layout.dir)]
    return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait for something that happens soon."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)


def lines(layout: RunLayout) -> int:
    """Count the whole metric lines of a run."""
    try:
        return layout.metrics.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def steps(run: Run) -> list[int]:
    """Return the steps of a run's metric lines, in order."""
    return [int(row["step"]) for row in run.history()]


_PICKLE = re.compile(rb"\x80[\x02-\x05]")


def pickles_in(folder: Path) -> list[Path]:
    """Return the files below a folder in which a pickle stands, whole: from its protocol's number to its last opcode."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if _holds_pickle(path.read_bytes())]


def _holds_pickle(content: bytes) -> bool:
    for place in _PICKLE.finditer(content):
        with contextlib.suppress(ValueError, UnicodeDecodeError):
            if len(list(pickletools.genops(content[place.start() :]))) > 2:
                return True
    return False
