"""The confidence of `--certain` for all layers together, by simulation: `python benchmarks/anomaly/certain_fused.py`, about a CPU-minute.

The joined score is one function of an input, given a quarter of the calibration samples, so that its realised rate is Beta(k, m + 1 - k) of the other m, as
that of one layer is. Beside it stand the same thresholds on the p-value in whose ranks the input takes part, for which no such law is known.
"""

from __future__ import annotations

import numpy as np
from taskloom_anomaly.detection.answers import Calibration, Judge, Rule
from taskloom_anomaly.statistics.conformal import certain_ranks, scaled_needed
from taskloom_anomaly.statistics.joint import joint_p


def main() -> None:
    rng = np.random.default_rng(0)
    draws, inputs, rate = 400, 10_000, 0.05
    for m in (scaled_needed(59), 199, 500):
        k = certain_ranks(rate, m, 0.95)
        for layers in (3, 12):
            for shared in (0.0, 0.7):
                one, ranked = [], []
                for _ in range(draws):
                    common = rng.normal(size=(m + inputs, 1))
                    own = rng.normal(size=(m + inputs, layers))
                    rows = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
                    parts = [{str(i): part[:, i] for i in range(layers)} for part in (rows[:m], rows[m:])]  # fmt: skip
                    judge = Judge(Calibration(parts[0]), Rule(rate, certain=0.95))
                    one.append(judge(parts[1]).flag.mean() <= rate)
                    ranked.append((joint_p(rows[m:], rows[:m]) <= k / (m + 1) + 1e-12).mean() <= rate)  # fmt: skip
                print(
                    f"m {m}, {layers} layers, correlation {shared}: rate at most {rate} in {np.mean(one):.3f} of {draws} sets; by joint ranks {np.mean(ranked):.3f}"
                )


if __name__ == "__main__":
    main()
