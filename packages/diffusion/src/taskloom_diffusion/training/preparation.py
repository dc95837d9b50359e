"""A corpus in tokens, and the model that fits it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom import derive_seed
from taskloom.errors import ConfigError

from taskloom_diffusion.config import DiffusionConfig, LengthPolicy
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.batches import TokenStore, encode_all, fitting

if TYPE_CHECKING:
    from taskloom_diffusion.task import DiffusionProblem
    from taskloom_diffusion.training.module import DiffusionTask


@dataclass(frozen=True)
class Prepared:
    """A corpus in tokens.

    Attributes:
        corpus: The text, without sequences that are dropped for their length; held out, what is evaluated.
        tokenizer: Learnt from it.
        train: Training sequences.
        holdout: Held-out sequences, at most as many as are evaluated.
        too_long: Sequences dropped because they are longer than `max_length`; under `window`, because they are shorter.
    """

    corpus: Corpus
    tokenizer: FittedTokenizer
    train: TokenStore
    holdout: TokenStore
    too_long: int


def prepare(problem: DiffusionProblem[Any], tokenizer: FittedTokenizer | None = None) -> Prepared:
    """Read the corpus and encode it.

    Args:
        problem: Where the corpus comes from.
        tokenizer: Of a trained model; without it the vocabulary is learnt from the corpus.

    Raises:
        ConfigError: Nothing is left to train or to hold out, or the corpus has tokens that the tokenizer lacks.
    """
    config: DiffusionConfig = problem.config
    corpus = problem.load_corpus()
    policy, longest = config.length_policy, config.max_length
    # Only what is evaluated is encoded; running text is one piece, of which windows are chosen below.
    held = corpus.holdout if policy == "window" else corpus.holdout[: config.evaluate.num_holdout]
    if tokenizer is None:
        tokenizer = config.tokenizer.fit([*corpus.train, *held])
    train, long_train = encode_all(corpus.train, tokenizer, policy, longest)
    holdout, long_holdout = encode_all(held, tokenizer, policy, longest)
    if not len(train) or not len(holdout):
        raise ConfigError(
            f"no sequence of '{corpus.name}' is left in {'training' if not len(train) else 'the held-out part'}: "
            f"{long_train + long_holdout} {_misfit(policy)} max_length = {longest}"
        )
    if len(holdout) > config.evaluate.num_holdout:
        keep = np.linspace(0, len(holdout) - 1, config.evaluate.num_holdout).astype(int)
        holdout = TokenStore([holdout.get(i).tolist() for i in keep])
    if long_train + long_holdout:
        # Samples are judged against what could be learnt: the longer half of a corpus would make all of them too light.
        corpus = replace(
            corpus,
            train=fitting(corpus.train, tokenizer, policy, longest),
            holdout=fitting(held, tokenizer, policy, longest),
        )
    return Prepared(corpus, tokenizer, train, holdout, long_train + long_holdout)


def build_task(config: DiffusionConfig, prepared: Prepared) -> DiffusionTask:
    """Return the untrained model of a config for a corpus."""
    # Lightning is imported only where something is trained: judging a finished run needs the corpus but no trainer.
    from taskloom_diffusion.training.module import DiffusionTask

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


def length_histogram(prepared: Prepared) -> list[int]:
    """Return how many training sequences have each length."""
    return [int(n) for n in np.bincount(prepared.train.lengths)]


def too_long_sentence(prepared: Prepared, config: DiffusionConfig) -> str:
    """Return the sentence about sequences that are dropped for their length."""
    return (
        f"{prepared.too_long} sequences of '{prepared.corpus.name}' {_misfit(config.length_policy)} "
        f"max_length = {config.max_length} tokens and are dropped"
    )


def _misfit(policy: LengthPolicy) -> str:
    """Return what is wrong with the sequences that a length policy drops."""
    return "are shorter than a window of" if policy == "window" else "are longer than"
