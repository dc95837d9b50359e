"""The confidence of `--certain` for all layers together, by simulation: `python benchmarks/anomaly/certain_fused.py`, about a CPU-minute.

For one layer the realised rate is Beta(k, m + 1 - k) exactly. All layers are joined by ranks in which the input takes part, so that theirs is
not; here is the share of calibration sets whose rate is at most 1 %.
"""

from __future__ import annotations

import numpy as np
from taskloom_anomaly.statistics.conformal import certain_ranks
from taskloom_anomaly.statistics.joint import joint_p


def main() -> None:
    rng = np.random.default_rng(0)
    draws, inputs, rate = 400, 10_000, 0.05
    for m in (59, 199, 500):
        k = certain_ranks(rate, m, 0.95)
        for layers in (1, 3, 12):
            for shared in (0.0, 0.7):
                kept = []
                for _ in range(draws):
                    common = rng.normal(size=(m + inputs, 1))
                    own = rng.normal(size=(m + inputs, layers))
                    rows = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
                    kept.append((joint_p(rows[m:], rows[:m]) <= k / (m + 1) + 1e-12).mean())
                sure = np.mean(np.asarray(kept) <= rate)
                print(f"m {m}, k {k}, {layers} layers, correlation {shared}: rate at most {rate} in {sure:.3f} of {draws} sets")  # fmt: skip


if __name__ == "__main__":
    main()
