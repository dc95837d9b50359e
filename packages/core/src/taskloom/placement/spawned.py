"""A worker that was not forked: `python -m taskloom.placement.spawned`, where the system forks no processes.

It reads `[folder, secrets]`, one JSON list, from its standard input. Its output goes where its submitter has opened it to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from taskloom.placement.worker import NO_REPORT, main as work
from taskloom.secrets import vault


def main() -> int:
    """Run one folder and return the exit code."""
    folder, secrets = json.loads(sys.stdin.buffer.readline())
    vault.unpack(str(Path(folder).absolute()), secrets)
    return work([NO_REPORT, folder])


if __name__ == "__main__":
    sys.exit(main())
