"""The worker: `python -m taskloom.execute RUN_DIR` runs what a run folder describes, or continues it.

Started several times for one folder, by `torchrun` or by `srun`, the process of rank 0 runs it and the others compute along.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from taskloom.devices import launch
from taskloom.errors import ExitCode, TaskloomError, UsageError
from taskloom.registry.discovery import freeze
from taskloom.secrets.redaction import KNOWN
from taskloom.system.processes import die_with_parent

DIE_WITH_PARENT = "TASKLOOM_DIE_WITH_PARENT"
NO_REPORT = "--no-report"
"""Leaves the report page to the caller."""


def main(arguments: list[str]) -> int:
    """Run one folder and return the exit code; the result is in the folder."""
    folders = [word for word in arguments if word != NO_REPORT]
    try:
        if len(folders) != 1:
            raise UsageError(f"Usage: python -m taskloom.execute [{NO_REPORT}] RUN_DIR")
        return execute(Path(folders[0]), report=NO_REPORT not in arguments)
    except TaskloomError as error:
        told = f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else "")
        sys.stderr.write(KNOWN.text(told))
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)


def execute(folder: Path, *, report: bool = True) -> int:
    """Run one folder in silence, with the plugins that are installed now."""
    from taskloom.placement.folder import execute_folder, follow_folder

    if os.environ.get(DIE_WITH_PARENT) == "1":
        die_with_parent()

    freeze()  # a run must not depend on what registers itself later
    if launch().rank > 0:
        return follow_folder(folder)
    return execute_folder(folder, report=report).exit_code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
