"""The default of `tasks run diffusion smiles` against the n-gram with the length given, paired, with 64 draws.

    python benchmarks/diffusion/default_and_ngram.py RUN [RUN ...]

Give one run for each seed. A difference below 0 is better than the n-gram; its 95 % interval is over the run's whole judged part of the test
molecules.
"""

from __future__ import annotations

import sys

from taskloom import open_run
from taskloom.opening import task_of
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.evaluation.ngram import ngram_baseline
from taskloom_diffusion.training.preparation import prepare

DRAWS = 64


def main() -> None:
    """Print a line for each run."""
    for name in sys.argv[1:]:
        run = open_run(name)
        task, model = task_of(run), run.load("model")
        prepared = prepare(task, model.tokenizer)
        bound = estimate_bound(model, prepared.test, num_draws=DRAWS, batch_size=250, seed=0)
        allowed = sum(model.vocabulary.allowed)
        base = ngram_baseline(prepared.train, prepared.test, allowed, pad_id=model.pad_token_id)
        apart = base.difference([nats for nats, _ in bound.each])
        print(
            f"{run.id} seed {task.config.seed}: {bound.nats_per_token:.4f} +- {1.96 * (bound.standard_error or 0):.4f} nats per token on "
            f"{bound.num_sequences} test molecules, {base.order}-gram {base.nats_per_token:.4f}, difference {apart.estimate:+.4f} "
            f"({apart.low:+.4f} to {apart.high:+.4f}, {apart.method}, 95 %, paired, {DRAWS} draws)"
        )


if __name__ == "__main__":
    main()
