"""The worker: `python -m taskloom.execute RUN_DIR` runs what a run folder describes, or continues it."""

from __future__ import annotations

import sys
from pathlib import Path

from taskloom.errors import ExitCode, TaskloomError, UsageError


def main(arguments: list[str]) -> int:
    """Run one folder and return the exit code; the result is in the folder."""
    try:
        if len(arguments) != 1:
            raise UsageError("Usage: python -m taskloom.execute RUN_DIR")
        return execute(Path(arguments[0]))
    except TaskloomError as error:
        sys.stderr.write(
            f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else "")
        )
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)


def execute(folder: Path) -> int:
    """Load the task that the folder names, and run or continue it in silence."""
    from taskloom.execute.lifecycle import continue_run
    from taskloom.registry import find_task, freeze, load_task
    from taskloom.runs.layout import RunLayout
    from taskloom.runs.record import read_record

    layout = RunLayout(folder.absolute())
    record = read_record(layout.record)
    loaded = load_task(find_task(record.domain, record.task))
    freeze()  # a run must not depend on what registers itself later
    return continue_run(loaded, layout, quiet=True).exit_code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
