"""Every installed task, as the command line sees it: complete help, files to edit that give the defaults, a schema."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom.params import walk
from taskloom.registry import find_task, installed_domains, load_task, tasks_of

# Of the tasks that need another package, one for each: the others of a suite differ by the numbers in their configs.
TASKS = [
    (entry.ref.name, task.ref.name)
    for entry in installed_domains()
    for task in tasks_of(entry.ref.name)
    if not task.ref.needs
    or task.ref.name in ("dm/walker.walk", "gym/Ant-v5", "quadruped/go2.stand")
]


@pytest.mark.parametrize(("domain", "task"), TASKS, ids=[" ".join(names) for names in TASKS])
def test_every_task_is_complete_on_the_command_line(
    tasks: Callable[..., Any], tmp_path: Path, domain: str, task: str
) -> None:
    parameters = walk(load_task(find_task(domain, task)).config_class)
    assert [parameter.path for parameter in parameters if not parameter.help] == []
    text = tasks("run", domain, task, "--help").out
    assert [item.path for item in parameters if f"--{item.path} " not in text] == []
    config = tasks("run", domain, task, "--print-config")
    assert config.code == 0, config.err
    for form in ("toml", "yaml"):
        path = tmp_path / f"edit.{form}"
        path.write_text(tasks("info", domain, task, f"--{form}").out, encoding="utf-8")
        again = tasks("run", domain, task, "--print-config", "--config", str(path))
        assert (again.code, again.err) == (0, "")
        assert again.out == config.out
    schema = json.loads(tasks("info", domain, task, "--schema").out)
    assert schema["additionalProperties"] is False
