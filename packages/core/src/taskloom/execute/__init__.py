"""Running tasks: the one path every run takes, and where runs are placed."""

from taskloom.execute.lifecycle import (
    check_task_instance as check_task_instance,
    continue_run as continue_run,
    run_task as run_task,
)
