"""The files of a model: what was computed from another one is no answer, and the lowest MuJoCo reads all of ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from cases_tasks import Tasks, edit, is_sentence_about, metrics
from cases_verdict import verdict

PUSH = """
from pathlib import Path
from taskloom_control import ControlConfig, StagedTask

class PushConfig(ControlConfig):
    seconds: float = 2.0

class Push(StagedTask[PushConfig]):
    model_path = Path(__file__).with_name("push.xml")

    def __init__(self, config: PushConfig) -> None:
        super().__init__(config)

    def reset(self, rng):
        self.data.qpos[0] = 1.0

    def costs(self, states, sensors, controls, config, system_metadata=None):
        return {"x": states[..., 0] ** 2 + 0.1 * states[..., 1] ** 2}
"""
MODEL = """<mujoco><option timestep="0.02"/><worldbody><body>
<joint name="x" type="slide" axis="1 0 0"/>
<geom size=".1" mass="{mass}" contype="0" conaffinity="0"/></body></worldbody>
<actuator><motor joint="x" ctrlrange="-5 5"/></actuator></mujoco>"""


def test_edited_model_is_another_run(plugin: Callable[..., Tasks]) -> None:
    """Says another cost for 20 kg than for 1 kg, or refuses by naming the file: the old numbers do not come back."""
    tasks = plugin("pushing", PUSH, like="control", push="Push")
    file = Path(tasks.environment["PYTHONPATH"]) / "push.xml"
    must = "a refusal that names the file"
    costs = []
    for mass in (1, 20):
        edit(file, MODEL.format(mass=mass))
        answer = tasks.call("run", "pushing", "push", "--json")
        if answer.returncode and costs:
            verdict(
                is_sentence_about("push.xml", answer), answer.stderr, f"another cost, or {must}"
            )
            return
        costs.append(metrics(answer)["cost"])
    first, second = costs
    verdict(
        abs(first - second) > 0.1,
        f"cost {first:.4f}, then {second:.4f}",
        f"two costs that differ by more than 0.1, or {must}",
    )


def test_lowest_mujoco_compiles_every_model() -> None:
    """Compiles every model of the domain with the lowest version of MuJoCo that its package allows."""
    import mujoco
    import taskloom_control

    floors = [
        match[1]
        for line in requires("taskloom-control") or ()
        if (match := re.match(r"mujoco\b(?!-).*?>=\s*([\d.]+)", line))
    ]
    lowest, present = (
        (*map(int, text.split(".")), 0, 0)[:3] for text in (floors[0], version("mujoco"))
    )
    if present != lowest:
        pytest.skip(f"needs mujoco=={floors[0]}, this environment has {version('mujoco')}")
    models = sorted(Path(taskloom_control.__file__).parent.rglob("*.xml"))
    assert models
    bad = []
    for path in models:
        try:
            mujoco.MjModel.from_xml_path(str(path))
        except ValueError as error:
            bad.append(f"{path.name}: {str(error)[:60]}")
    verdict(not bad, f"{len(bad)} of {len(models)} fail {bad}", f"0 of {len(models)} fail")
