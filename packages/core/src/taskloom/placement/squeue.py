"""Ids of one's own jobs in Slurm's `squeue`, from its JSON where it has it, else from its table."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

_JSON = "squeue --me --json"
_TABLE = "squeue --me --noheader --array --format=%i_%F_%K"
_PATIENCE = 30.0  # [s]
_THERE = frozenset(
    [
        "PENDING",
        "RUNNING",
        "SUSPENDED",
        "CONFIGURING",
        "COMPLETING",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "RESIZING",
        "SIGNALING",
        "STAGE_OUT",
        "STOPPED",
    ]
)
"""States of a job that waits or runs. The JSON also tells of jobs that ended in the last minutes."""


def waiting_or_running() -> frozenset[str] | None:
    """Return the ids (`ARRAY_INDEX`, or a job's number) of this user's jobs; None if the controller does not answer."""
    text = _answer(_JSON)
    if text is not None:
        try:
            return jobs_of_json(text)
        except (ValueError, TypeError, KeyError, AttributeError):
            pass  # the shape changes between versions of Slurm; the table does not
    text = _answer(_TABLE)
    return None if text is None else frozenset(_number(line) for line in text.split())


def jobs_of_json(text: str) -> frozenset[str]:
    """Return the ids of the jobs in an answer in JSON that wait or run.

    Raises:
        ValueError: It is no JSON.
        TypeError: It has another shape.
        KeyError: The same.
    """
    jobs = json.loads(text)["jobs"]
    return frozenset(number for job in jobs if _is_there(job) for number in _numbers(job))


def _answer(command: str) -> str | None:
    try:
        done = subprocess.run(
            shlex.split(command), check=False, capture_output=True, text=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _is_there(job: dict[str, Any]) -> bool:
    state = job["job_state"]  # a word, or a list of words since Slurm 23.11
    return bool(_THERE & set(state.split() if isinstance(state, str) else state))


def _numbers(job: dict[str, Any]) -> Iterator[str]:
    array = _integer(job["array_job_id"])
    waiting = job.get("array_task_string") or ""
    if not array:
        yield str(_integer(job["job_id"]))
    elif waiting:  # all that wait are one entry: "2-5,8%2"
        yield from (f"{array}_{index}" for index in _indices(waiting))
    else:
        yield f"{array}_{_integer(job['array_task_id']) or 0}"


def _integer(value: int | dict[str, Any] | None) -> int | None:
    """Return a number, which newer versions wrap: `{"set": true, "infinite": false, "number": 3}`."""
    if isinstance(value, dict):
        return int(value["number"]) if value.get("set") else None
    return value


def _indices(text: str) -> Iterator[int]:
    for piece in text.partition("%")[0].split(","):
        bounds, _, step = piece.partition(":")
        first, _, last = bounds.partition("-")
        yield from range(int(first), int(last or first) + 1, int(step or 1))


def _number(line: str) -> str:
    number, array, index = line.rsplit("_", 2)
    return number if index == "N/A" else f"{array}_{index}"
