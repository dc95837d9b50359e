"""Calls, work and validity of speculative decoding on a finished run, beside one token a call in the same order.

python benchmarks/diffusion/speculative.py RUN [SAMPLES [NAME ...]]

Of names, as they are printed, only these are drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from taskloom.opening import open_run
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.evaluation.trained import model_of_run
from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.report.tables import share_error
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.speculative import Speculative


def main(reference: str, num: int, only: Sequence[str] = ()) -> None:
    model = model_of_run(open_run(reference))
    lengths = model.lengths(num, None, 1)
    total = sum(lengths)
    print(f"{num} samples, {total / num:.1f} tokens each")
    every = [("one a call, random", FirstHitting()), ("one a call, left to right", LeftToRight())]
    for order in ("random", "left_to_right"):
        for k in (1, 2, 4, 0) if order == "random" else (4,):
            every.append((f"fused, {order}, k = {k}", Speculative(order=order, k=k)))
    every.append(("two calls, random, k = 4", Speculative(form="two_call", k=4)))
    for name, sampler in every:
        if only and name not in only:
            continue
        made = sample_lengths(model, sampler, lengths, seed=1, batch_size=250)
        valid = sum(parse(text) is not None for text in made.texts) / num
        error = share_error(valid, num)
        most = max(calls / n for calls, n in zip(made.calls, lengths, strict=True))
        print(
            f"{name:32} calls / L {sum(made.calls) / total:.3f} (most {most:.2f})  positions / L^2 "
            f"{sum(made.positions) / sum(n * n for n in lengths):.2f}  valid {valid:.3f} +- {error:.3f}  "
            f"{1000 * made.cpu_seconds / num:.1f} CPU-s per 1,000",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 500, sys.argv[3:])
