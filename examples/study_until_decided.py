"""Seeds are added until the answer is clear, with intervals that stay valid however often one looks."""

import taskloom as tl

study = tl.study(
    "hci/pointing",
    {"assistant": ["big", "none"]},
    metric="rounds/mean",
    until="decided",
    max_seeds=20,
    episodes=50,
)
for look in study.looks:
    print(look.seeds, "seeds:", "decided" if look.decided else "not yet", look.intervals)
print(study.differences[0].words)
