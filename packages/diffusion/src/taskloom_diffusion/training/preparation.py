"""A corpus in tokens, and the model that fits it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from taskloom import derive_seed
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError, PluginError

from taskloom_diffusion.config import DiffusionConfig, LengthPolicy
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.schedules.inverse import final_noise
from taskloom_diffusion.task import CorpusTask
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.batches import TokenStore, encode_all, fitting

if TYPE_CHECKING:
    from taskloom_diffusion.training.module import DiffusionModule

BoundCorpus: TypeAlias = BoundTask[CorpusTask[Any], DiffusionConfig]
SMALLEST_FINAL_NOISE = 0.99


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


def schedule_fault(config: DiffusionConfig) -> str:
    """Return a sentence about a schedule that does not end in noise; nothing about one that does."""
    noise = final_noise(config.schedule)
    if noise >= SMALLEST_FINAL_NOISE:
        return ""
    name = getattr(config.schedule, "kind", "")
    return (
        f"schedule '{name}' ends at a mask rate of {noise:.3f}, not near 1: sampling would start from a state that "
        "training never saw; use more steps, another schedule, or for instance 'cosine'"
    )


def prepare(task: BoundCorpus, tokenizer: FittedTokenizer | None = None) -> Prepared:
    """Read the corpus and encode it.

    Args:
        task: The corpus, with the config that says how it is cut into tokens.
        tokenizer: Of a trained model; without it the vocabulary is learnt from the corpus.

    Raises:
        ConfigError: Nothing is left to train or to hold out, or the corpus has tokens that the tokenizer lacks.
    """
    config, corpus = task.config, task.task.load_corpus()
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


def build_module(task: BoundCorpus, prepared: Prepared) -> DiffusionModule:
    """Return the untrained model for a corpus: of the task's own class, if it has one.

    Raises:
        PluginError: The task's `module()` is no subclass of `DiffusionModule`.
    """
    # Judging a finished run needs the corpus but no trainer.
    from taskloom_diffusion.training.module import DiffusionModule  # Lightning is heavy

    # A task that was written without our base has no `module`.
    chosen = getattr(task.task, "module", lambda: None)() or DiffusionModule
    if not (isinstance(chosen, type) and issubclass(chosen, DiffusionModule)):
        raise PluginError(
            f"module() of '{task.name}' must return a subclass of DiffusionModule, not {chosen!r}"
        )
    config, tokenizer = task.config, prepared.tokenizer
    counts = np.bincount(prepared.train.flat, minlength=len(tokenizer.tokens)).astype(float)
    needs_frequencies = getattr(config.process, "kind", "") == "marginal"
    return chosen(
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
