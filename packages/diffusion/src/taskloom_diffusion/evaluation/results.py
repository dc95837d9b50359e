"""Results of a training: figures, samples, the model, and the data of the report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from taskloom import Result, RunContext, derive_seed

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.evaluation.benchmarked import benchmark_run
from taskloom_diffusion.evaluation.bound import Bound, estimate_bound
from taskloom_diffusion.evaluation.calls import SAMPLERS, fitting, quality_against_calls
from taskloom_diffusion.evaluation.headline import headline, units_of
from taskloom_diffusion.evaluation.kept_corpus import keep_corpus
from taskloom_diffusion.evaluation.kept_fragments import keep_fragments
from taskloom_diffusion.evaluation.ngram import JudgedNGram, ngram_baseline
from taskloom_diffusion.evaluation.sampling import Generated, draw_lengths, sample_lengths, text_of
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.report.tables import bound_metrics
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.checkpoint import save_model
from taskloom_diffusion.training.preparation import Prepared, length_histogram

NUM_RECORDED = 4


def held_out_bound(
    config: DiffusionConfig, task: DiffusionModel, store: TokenStore, *, num_draws: int
) -> Bound:
    """Return the bound on a held-out part, with the run's own seed."""
    return estimate_bound(
        task,
        store,
        num_draws=num_draws,
        batch_size=config.evaluate.batch_size,
        seed=derive_seed(config.seed, "bound"),
    )


def generate_samples(
    config: DiffusionConfig, task: DiffusionModel, prepared: Prepared, num: int, purpose: str
) -> Generated:
    """Return samples with lengths of the corpus, with the run's own seed for this purpose."""
    seed = derive_seed(config.seed, purpose)
    lengths = draw_lengths(length_histogram(prepared, task.max_length), num, seed)
    return sample_lengths(
        task,
        config.sampler,
        lengths,
        seed=seed,
        batch_size=config.evaluate.batch_size,
        record=min(NUM_RECORDED, num),
    )


def judged_ngram(task: DiffusionModel, prepared: Prepared) -> JudgedNGram:
    """Return the n-gram of the training tokens, judged on the test part."""
    return ngram_baseline(
        prepared.train, prepared.test, sum(task.vocabulary.allowed), pad_id=task.pad_token_id
    )


def baseline_metrics(baseline: JudgedNGram, bound: Bound) -> dict[str, float]:
    """Return the n-gram's figure on the same sequences, and how far the model is from it: below 0 is better."""
    found = {
        "baseline/order": float(baseline.order),
        "baseline/nats_per_token": baseline.nats_per_token,
    }
    if not math.isfinite(bound.nats_per_token):
        return found
    # Paired, sequence by sequence: what is hard for both says nothing about either.
    apart = baseline.difference([nats for nats, _ in bound.each])
    found["baseline/difference"] = apart.estimate
    error = apart.standard_error
    return found if error is None else found | {"baseline/difference_error": error}


def finish(
    ctx: RunContext, config: DiffusionConfig, task: DiffusionModel, prepared: Prepared
) -> Result:
    """Evaluate, sample, write artifacts and sum up."""
    with ctx.progress(None, "bounding the held-out part"):
        bound = held_out_bound(config, task, prepared.test, num_draws=config.evaluate.num_draws)
    with ctx.progress(None, "drawing samples"):
        generated = generate_samples(config, task, prepared, config.evaluate.num_samples, "samples")
    with ctx.progress(None, "judging samples and the baseline"):
        judged = config.metrics.compute(generated.texts, prepared.corpus)
        ngram = judged_ngram(task, prepared)
    figures, benchmark = benchmark_run(ctx, config, generated.texts, prepared.corpus)
    metrics = {
        **bound_metrics(bound),
        "samples/calls": generated.mean_calls,
        **{f"samples/{name}": value for name, value in judged.items()},
        **figures,
        "corpus/train": float(len(prepared.train)),
        "corpus/too_long": float(prepared.too_long),
        "corpus/left_out": float(sum(prepared.corpus.dropped.values())),
        **baseline_metrics(ngram, bound),
        "model/parameters": float(sum(p.numel() for p in task.model.parameters())),
        **_null_metrics(config, task, prepared),
    }
    artifacts = _write(ctx, config, task, prepared, bound=bound, generated=generated) | benchmark
    shares = ", ".join(
        f"{name} {judged[name]:.1%}"
        for name in ("valid", "unique", "known_words")
        if name in judged
    )
    error = "" if bound.standard_error is None else f" +- {bound.standard_error:.3f}"
    summary = (
        f"{bound.nats_per_token:.3f}{error} nats per token ({bound.kind}); "
        f"{len(generated.texts)} samples with {generated.mean_calls:.0f} calls each: {shares}"
    )
    of_corpus = _shares_of_test_part(config, task, prepared, len(generated.texts))
    said = headline(bound, ngram, judged, len(generated.texts), of_corpus)
    return Result(metrics, artifacts, summary, said, units_of(bound, ngram, prepared.test))


def _shares_of_test_part(
    config: DiffusionConfig, task: DiffusionModel, prepared: Prepared, num: int
) -> Mapping[str, float]:
    """Return the shares of so many test sequences, as samples are judged; nothing if there are fewer."""
    # Of fewer, more are distinct: such a share would be no yardstick.
    if len(prepared.test) < num:
        return {}
    texts = [text_of(task, prepared.test.get(index).tolist()) for index in range(num)]
    return config.metrics.shares(texts, prepared.corpus)


def _null_metrics(
    config: DiffusionConfig, task: DiffusionModel, prepared: Prepared
) -> dict[str, float]:
    """Return the bound with nothing told, which is on -log p(x); its difference to the other is no bound."""
    if not prepared.conditions:
        return {}
    # The same sequences and noise, so that the two figures differ by what was told alone.
    untold = copy(prepared.test)
    untold.condition = None
    bound = held_out_bound(config, task, untold, num_draws=config.evaluate.num_draws)
    return {"nelbo/null_nats_per_token": bound.nats_per_token}


def _write(
    ctx: RunContext,
    config: DiffusionConfig,
    task: DiffusionModel,
    prepared: Prepared,
    *,
    bound: Bound,
    generated: Generated,
) -> dict[str, Path]:
    samples = ctx.artifact("samples.txt")
    samples.write_text(
        "".join(f"{text}\n" for text in generated.texts), encoding="utf-8", newline="\n"
    )
    model = ctx.artifact("model.safetensors")
    facts = {
        "length_histogram": length_histogram(prepared, task.max_length),
        "sampler": config.sampler.model_dump(mode="json"),
    }
    save_model(model.parent, task, facts)
    details = ctx.artifact("evaluation.json")
    details.write_text(
        json.dumps(
            {
                "bound": {
                    "kind": bound.kind,
                    "sequences": bound.num_sequences,
                    "tokens": bound.num_tokens,
                },
                "loss_by_mask_rate": bound.by_rate,
                "unmasking": _unmasking(task, generated),
                **_calls(config, task, prepared),
                "dropped": prepared.corpus.dropped,
                "dropped_examples": prepared.corpus.examples,
                "changed": prepared.corpus.changed,
                "notes": [*prepared.corpus.notes],
                "too_long": prepared.too_long,
                "licence": prepared.corpus.licence,
                "corpus": prepared.corpus.name,
                "reference": [text[:500] for text in prepared.corpus.test[:300]],
            }
        ),
        encoding="utf-8",
        newline="\n",
    )
    return {
        "samples": samples,
        "model": model,
        "model_description": model.with_name("model.json"),
        "evaluation": details,
        **keep_corpus(ctx, prepared),
        **keep_fragments(ctx, prepared),
    }


def _calls(config: DiffusionConfig, task: DiffusionModel, prepared: Prepared) -> dict[str, Any]:
    """Return every sampler at several numbers of network calls, under `calls`, if that is asked for."""
    num = config.evaluate.calls
    if not num:
        return {}
    seed = derive_seed(config.seed, "calls")
    lengths = draw_lengths(length_histogram(prepared, task.max_length), num, seed)

    def judge(texts: Sequence[str]) -> Mapping[str, float]:
        return config.metrics.compute(texts, prepared.corpus)

    rows = quality_against_calls(task, lengths, judge, names=fitting(task, SAMPLERS), seed=seed)
    return {"calls": [row.as_data() for row in rows]}


def _unmasking(task: DiffusionModel, generated: Generated) -> list[list[list[str]]]:
    """Return the recorded states as tokens: (states, sequences, positions)."""
    names = task.tokenizer.tokens
    return [
        [[names[int(i)] for i in row] for row in state.tolist()] for state in generated.trajectory
    ]
