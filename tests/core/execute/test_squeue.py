"""Slurm's queue in the shapes that its versions give it; `tests/slurm` asks a real one."""

import json

import pytest
from taskloom.placement.squeue import jobs_of_json


def test_jobs_of_older_versions_are_plain_numbers_and_words() -> None:
    jobs = [
        {"job_id": 7, "array_job_id": 0, "array_task_id": None, "job_state": "RUNNING"},
        {"job_id": 9, "array_job_id": 8, "array_task_id": 3, "job_state": "RUNNING"},
        {"job_id": 10, "array_job_id": 8, "array_task_id": 1, "job_state": "COMPLETED"},
        {"job_id": 8, "array_job_id": 8, "array_task_string": "4-6,9%2", "job_state": "PENDING"},
    ]
    ids = {"7", "8_3", "8_4", "8_5", "8_6", "8_9"}
    assert jobs_of_json(json.dumps({"jobs": jobs})) == ids


def test_jobs_of_newer_versions_are_wrapped() -> None:
    def number(value: int, *, known: bool = True) -> dict[str, object]:
        return {"set": known, "infinite": False, "number": value}

    jobs = [
        {"job_id": 9, "array_job_id": number(8), "array_task_id": number(0), "job_state": ["RUNNING"]},
        {"job_id": 7, "array_job_id": number(0), "array_task_id": number(0, known=False), "job_state": ["PENDING"]},
        {"job_id": 6, "array_job_id": number(0), "array_task_id": number(0), "job_state": ["FAILED"]},
    ]  # fmt: skip
    assert jobs_of_json(json.dumps({"jobs": jobs})) == {"8_0", "7"}


@pytest.mark.parametrize(
    "text", ["", "{}", '{"jobs": [{"job_state": "RUNNING", "array_job_id": 1}]}']
)
def test_other_shapes_are_refused_so_that_the_table_is_asked(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        jobs_of_json(text)


def test_list_of_waiting_tasks_that_squeue_cut_short_is_refused() -> None:
    job = {"job_id": 8, "array_job_id": 8, "array_task_string": "1,3,...", "job_state": "PENDING"}
    with pytest.raises(ValueError, match="invalid literal"):
        jobs_of_json(json.dumps({"jobs": [job]}))
