"""The ray executor on a real cluster: a killed worker and a lost node cost attempts, never runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from own_network import in_own_network

pytestmark = [pytest.mark.ray, pytest.mark.slow]

_SESSION = Path(__file__).with_name("session.py")
_PROBE = Path(__file__).parents[1] / "probe"


def test_sweep_survives_a_killed_worker_and_a_lost_node(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'taskloom[ray]'")
    sys.path.append(str(_PROBE))
    from taskloom.lifecycle.lifecycle import run_task
    from taskloom.request import RunOptions
    from taskloom_probe.support import environment, load, pickles_in
    from taskloom_probe.tasks import WalkConfig

    command = in_own_network([sys.executable, str(_SESSION), str(tmp_path / "store")])
    done = subprocess.run(
        command,
        env={
            **environment(),
            "RAY_USAGE_STATS_ENABLED": "0",
            "HOME": str(tmp_path),
            "RAY_AUTH_MODE": "disabled",
        },
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["exit_code"] == 0
    assert told["killed_worker"]
    assert told["lost_node"]
    single = {"code": 0, "status": "finished", "steps": list(range(1, 8)), "cpus": 1}
    assert told["single"] == single
    runs = told["runs"]
    assert [run["status"] for run in runs.values()] == ["finished"] * 4
    assert all(run["whole"] for run in runs.values())
    assert pickles_in(tmp_path / "store") == []
    assert runs[told["killed_worker"]]["attempts"] >= 2
    assert sum(run["attempts"] for run in runs.values()) >= 6
    for run in runs.values():
        config = WalkConfig(steps=150, every=5, seed=run["seed"])
        whole = run_task(load("walk"), config, RunOptions(store=tmp_path / "whole", quiet=True))
        assert whole.metrics["place"] == run["place"]
