"""A model file of yours and a cost of three lines: plan many times a second, and step the model by the plan."""

from pathlib import Path

import mujoco
from taskloom_control import Controller, Estimate, task_from

Path("arm.xml").write_text("""
<mujoco>
  <option timestep="0.02"/>
  <worldbody>
    <body>
      <joint name="elbow" axis="0 1 0" damping="0.1"/>
      <geom type="capsule" size="0.02" fromto="0 0 0 0.3 0 0" mass="1"/>
    </body>
  </worldbody>
  <actuator>
    <motor joint="elbow" ctrlrange="-3 3"/>
  </actuator>
</mujoco>
""")


def cost(states, sensors, controls):
    """Be at rest, 0.5 rad from the start, with little torque."""
    del sensors
    away, speed = states[..., 0] - 0.5, states[..., 1]
    return away**2 + 0.01 * speed**2 + 1e-3 * (controls**2).sum(-1)


task = task_from("arm.xml", cost)
controller = Controller(task, task.config, seed=0)
model = mujoco.MjModel.from_xml_path("arm.xml")
data = mujoco.MjData(model)
data.qpos[0] = -0.3
while data.time < 2.0:
    estimate = Estimate(
        qpos={"elbow": float(data.qpos[0])}, qvel={"elbow": float(data.qvel[0])}, time=data.time
    )
    plan, stats = controller.plan(estimate)
    for _ in range(2):
        data.ctrl[:] = plan(data.time)
        mujoco.mj_step(model, data)
print(f"angle after 2 s: {data.qpos[0]:.2f} rad, asked for 0.50")
print(f"rollouts of the last plan: {stats.rollouts}, diverged: {stats.diverged}")
