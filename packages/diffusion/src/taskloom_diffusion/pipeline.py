"""What a run does, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from taskloom import Finding, Result, RunContext, derive_seed
from taskloom.errors import ConfigError, TaskloomError

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.evaluation.bound import Bound, estimate_bound
from taskloom_diffusion.evaluation.sampling import (
    Generated,
    check_sampler,
    draw_lengths,
    sample_lengths,
)
from taskloom_diffusion.run import DiffusionProblem
from taskloom_diffusion.schedules.inverse import final_noise
from taskloom_diffusion.tokenizers.vocabulary import Tokenizer
from taskloom_diffusion.training.batches import TokenStore, TrainStream, encode_all
from taskloom_diffusion.training.checkpoint import save_model
from taskloom_diffusion.training.fit import fit
from taskloom_diffusion.training.module import DiffusionTask

SMALLEST_FINAL_NOISE = 0.99
NUM_RECORDED = 4


@dataclass(frozen=True)
class Prepared:
    """A corpus in tokens.

    Attributes:
        corpus: The text.
        tokenizer: Learnt from it.
        train: Training sequences.
        holdout: Held-out sequences, at most as many as are evaluated.
        too_long: Sequences dropped because they are longer than `max_length`.
    """

    corpus: Corpus
    tokenizer: Tokenizer
    train: TokenStore
    holdout: TokenStore
    too_long: int


def check_problem(problem: DiffusionProblem[Any]) -> Iterable[Finding]:
    """Yield what would keep a run from working."""
    config: DiffusionConfig = problem.config
    noise = final_noise(config.schedule)
    if noise < SMALLEST_FINAL_NOISE:
        yield Finding("error", schedule_complaint(config, noise))
    try:
        prepared = prepare(problem)
        check_sampler(_build(config, prepared), config.sampler)
    except TaskloomError as error:
        yield Finding("error", error.message)
        return
    left_out = prepared.corpus.describe_dropped()
    if left_out:
        yield Finding("info", left_out)
    if prepared.too_long:
        yield Finding("warning", _too_long(prepared, config))


def schedule_complaint(config: DiffusionConfig, noise: float) -> str:
    """Return the sentence about a schedule that does not end in noise."""
    name = getattr(config.schedule, "kind", "")
    return (
        f"schedule '{name}' ends at a mask rate of {noise:.3f}, not near 1: sampling would start from a state that "
        "training never saw; use more steps, another schedule, or for instance 'cosine'"
    )


def run_problem(problem: DiffusionProblem[Any], ctx: RunContext, checkpoint: Path | None) -> Result:
    """Train, sample and evaluate; with a checkpoint, go on from there."""
    config: DiffusionConfig = problem.config
    noise = final_noise(config.schedule)
    if noise < SMALLEST_FINAL_NOISE:
        raise ConfigError(schedule_complaint(config, noise))
    prepared = prepare(problem)
    task = _build(config, prepared)
    check_sampler(task, config.sampler)

    def stream(start: int, rank: int, processes: int) -> TrainStream:
        return TrainStream(
            prepared.train,
            config.train.batch_size,
            task.pad_token_id,
            derive_seed(config.seed, "order"),
            start=start,
            rank=rank,
            stride=processes,
            window=config.max_length if config.length_policy == "window" else 0,
        )

    def validate() -> float:
        return _bound(config, task, prepared, num_draws=1).nats_per_token

    def sample(step: int) -> None:
        texts = _generate(config, task, prepared, 8, "progress").texts
        line = json.dumps({"step": step, "samples": texts})
        with ctx.artifact("samples_during_training.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    recorder = fit(
        ctx,
        task,
        config.train,
        stream=stream,
        validate=validate,
        sample=sample,
        checkpoint=checkpoint,
    )
    if recorder.stopped:
        return Result({"train/steps": recorder.step}, {}, f"stopped after {recorder.step} steps")
    task.eval()
    return _finish(ctx, config, task, prepared)


def prepare(problem: DiffusionProblem[Any]) -> Prepared:
    """Read the corpus, learn the vocabulary and encode."""
    config: DiffusionConfig = problem.config
    corpus = problem.load_corpus()
    tokenizer = config.tokenizer.fit([*corpus.train, *corpus.holdout])
    policy, longest = config.length_policy, config.max_length
    train, long_train = encode_all(corpus.train, tokenizer, policy, longest)
    holdout, long_holdout = encode_all(
        corpus.holdout[: config.evaluate.num_holdout * (1 if policy != "window" else 10**9)],
        tokenizer,
        policy,
        longest,
    )
    if not len(train) or not len(holdout):
        raise ConfigError(
            f"no sequence of '{corpus.name}' is left in {'training' if not len(train) else 'the held-out part'}: "
            f"{long_train + long_holdout} are longer than max_length = {longest}"
        )
    if len(holdout) > config.evaluate.num_holdout:
        keep = np.linspace(0, len(holdout) - 1, config.evaluate.num_holdout).astype(int)
        holdout = TokenStore([holdout.get(i).tolist() for i in keep])
    return Prepared(corpus, tokenizer, train, holdout, long_train + long_holdout)


def _build(config: DiffusionConfig, prepared: Prepared) -> DiffusionTask:
    tokenizer = prepared.tokenizer
    counts = np.bincount(prepared.train.flat, minlength=len(tokenizer.tokens)).astype(float)
    needs_frequencies = getattr(config.process, "kind", "") == "marginal"
    return DiffusionTask(
        config.denoiser,
        config.settings(),
        config.train.optimizer,
        tokenizer,
        max_length=config.max_length,
        total_steps=config.train.steps,
        frequencies=tuple((counts / counts.sum()).tolist()) if needs_frequencies else (),
        ends=config.length_policy == "eos_pad",
        seed=derive_seed(config.seed, "model"),
    )


def _bound(
    config: DiffusionConfig, task: DiffusionTask, prepared: Prepared, *, num_draws: int
) -> Bound:
    return estimate_bound(
        task,
        prepared.holdout,
        num_draws=num_draws,
        batch_size=config.evaluate.batch_size,
        seed=derive_seed(config.seed, "bound"),
    )


def length_histogram(prepared: Prepared) -> list[int]:
    """Return how many training sequences have each length."""
    return [int(n) for n in np.bincount(prepared.train.lengths)]


def _generate(
    config: DiffusionConfig, task: DiffusionTask, prepared: Prepared, num: int, purpose: str
) -> Generated:
    seed = derive_seed(config.seed, purpose)
    lengths = draw_lengths(length_histogram(prepared), num, seed)
    return sample_lengths(
        task,
        config.sampler,
        lengths,
        seed=seed,
        batch_size=config.evaluate.batch_size,
        record=min(NUM_RECORDED, num),
    )


def _finish(
    ctx: RunContext, config: DiffusionConfig, task: DiffusionTask, prepared: Prepared
) -> Result:
    """Evaluate, sample, write artifacts and sum up."""
    bound = _bound(config, task, prepared, num_draws=config.evaluate.num_draws)
    generated = _generate(config, task, prepared, config.evaluate.num_samples, "samples")
    judged = config.metrics.compute(generated.texts, prepared.corpus)
    metrics = {
        "nelbo/nats_per_token": bound.nats_per_token,
        "nelbo/standard_error": bound.standard_error,
        "nelbo/bits_per_token": bound.bits_per_token,
        "nelbo/perplexity": bound.perplexity,
        "nelbo/nats_per_sequence": bound.nats_per_sequence,
        "samples/calls": generated.mean_calls,
        **{f"samples/{name}": value for name, value in judged.items()},
        "corpus/train": float(len(prepared.train)),
        "corpus/too_long": float(prepared.too_long),
        "model/parameters": float(sum(p.numel() for p in task.model.parameters())),
    }
    artifacts = _write(ctx, task, prepared, bound, generated)
    headline = ", ".join(
        f"{name} {judged[name]:.1%}"
        for name in ("valid", "unique", "known_words")
        if name in judged
    )
    summary = (
        f"{bound.nats_per_token:.3f} +- {bound.standard_error:.3f} nats per token ({bound.kind}); "
        f"{len(generated.texts)} samples with {generated.mean_calls:.0f} calls each: {headline}"
    )
    return Result(metrics, artifacts, summary)


def _write(
    ctx: RunContext, task: DiffusionTask, prepared: Prepared, bound: Bound, generated: Generated
) -> dict[str, Path]:
    samples = ctx.artifact("samples.txt")
    samples.write_text("".join(f"{text}\n" for text in generated.texts), encoding="utf-8")
    model = ctx.artifact("model.safetensors")
    facts = {
        "length_histogram": length_histogram(prepared),
        "policy_ends": task.vocabulary.allowed[0],
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
                "dropped": prepared.corpus.dropped,
                "dropped_examples": prepared.corpus.examples,
                "too_long": prepared.too_long,
                "licence": prepared.corpus.licence,
                "corpus": prepared.corpus.name,
                "reference": [text[:500] for text in prepared.corpus.holdout[:300]],
            }
        ),
        encoding="utf-8",
    )
    return {
        "samples": samples,
        "model": model,
        "model_description": model.with_name("model.json"),
        "evaluation": details,
    }


def _unmasking(task: DiffusionTask, generated: Generated) -> list[list[list[str]]]:
    """Return the recorded states as tokens: (states, sequences, positions)."""
    names = task.tokenizer.tokens
    return [
        [[names[int(i)] for i in row] for row in state.tolist()] for state in generated.trajectory
    ]


def _too_long(prepared: Prepared, config: DiffusionConfig) -> str:
    return (
        f"{prepared.too_long} sequences of '{prepared.corpus.name}' are longer than "
        f"max_length = {config.max_length} tokens and are dropped"
    )
