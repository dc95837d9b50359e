"""The recipes of the guide 'Machines': manifests that hold together, and commands that the command line accepts."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from taskloom.cli import main

_GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "cluster.md"


def _manifests() -> dict[str, Any]:
    text = "\n---\n".join(re.findall(r"```yaml\n(.*?)```", _GUIDE.read_text(), re.DOTALL))
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}


def test_kubernetes_job_is_indexed_and_mounts_the_volume_that_it_claims() -> None:
    manifests = _manifests()
    job, claim = manifests["Job"]["spec"], manifests["PersistentVolumeClaim"]
    assert manifests["Job"]["apiVersion"] == "batch/v1"
    assert (job["completionMode"], job["template"]["spec"]["restartPolicy"]) == ("Indexed", "Never")
    assert job["parallelism"] <= job["completions"]
    pod = job["template"]["spec"]
    volumes = {volume["name"]: volume["persistentVolumeClaim"] for volume in pod["volumes"]}
    assert [volume["claimName"] for volume in volumes.values()] == [claim["metadata"]["name"]]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    container = pod["containers"][0]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == set(volumes)
    assert f"--store={mounts['runs']}" in container["command"][-1].split()
    # Longer than the grace that a task gets to publish its checkpoint.
    assert pod["terminationGracePeriodSeconds"] > 30


def test_kubernetes_command_is_one_that_the_command_line_accepts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    container = _manifests()["Job"]["spec"]["template"]["spec"]["containers"][0]
    shell, option, script = container["command"]
    assert (shell, option) == ("sh", "-c")
    words = shlex.split(script.replace("$JOB_COMPLETION_INDEX", "3"))
    assert words[:3] == ["exec", "tasks", "run"]
    assert main([*words[2:], "--print-config"]) == 0
    assert "seed = 3" in capsys.readouterr().out
