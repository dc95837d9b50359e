"""A sweep over a component's parameter, and its rows in the order of the metric."""

import taskloom as tl

sweep = tl.sweep(
    "hci/pointing",
    {"user.error_rate": [0.0, 0.05, 0.1, 0.2], "seed": range(2)},
    assistant="big",
    episodes=200,
)
for row in sorted(sweep.metrics, key=lambda row: row["rounds/mean"]):
    print(f"{row['user.error_rate']:<5} seed {row['seed']}: {row['rounds/mean']:.3f} rounds")
