"""Entry point of workers: `python -m taskloom.execute RUN_DIR`; see `taskloom.placement.worker`."""

import sys

from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.placement.worker import main

__all__ = ["continue_run", "run_task"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
