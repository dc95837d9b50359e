"""Two optimizers on the pendulum: runs that share a seed share their disturbances, so they are compared in pairs."""

import taskloom as tl

study = tl.study(
    "control/pendulum",
    {"optimizer": ["cem", "mppi"]},
    range(3),
    metric="cost",
    better="lower",
    seconds=2.0,
    hold=0.5,
)
print(study)
run = tl.open_run(study.values.rows[0].run)
print(run.id, sorted(run.artifacts))
