"""A process that writes the report pages of runs that workers leave to it: `python -m taskloom.placement.reporter`.

The first chart of a process costs half a second, which is more than many a run takes; the next one costs a fiftieth of that.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path

from taskloom.report.write import write_report
from taskloom.runs.run import Run
from taskloom.system.processes import be_nice


def main() -> None:
    """Write the report of each run folder that is read, one JSON string a line."""
    for line in sys.stdin:
        # A domain's section may raise anything, and the page can be written again later: `tasks report RUN`.
        with contextlib.suppress(Exception):
            run = Run(Path(json.loads(line)))
            if run.status != "created":
                write_report(run)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_nice(10)  # pages can wait; the runs beside it need the cores
    main()
