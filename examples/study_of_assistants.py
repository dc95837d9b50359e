"""Which assistant helps most, over two kinds of user: differences within each seed, corrected for three comparisons."""

import taskloom as tl

study = tl.study(
    "hci/pointing",
    {"assistant": ["big", "map", "none"], "user.error_rate": [0.05, 0.2]},
    range(3),
    metric="rounds/mean",
    compare="assistant",
    better="lower",
    episodes=100,
)
print(study)
for cell in study.levels:
    print(cell.name, round(cell.interval.estimate, 2))
