"""A corpus in tokens, and the model that fits it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from taskloom import derive_seed
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError, PluginError

from taskloom_diffusion.config import DiffusionConfig, LengthPolicy, TrainConfig
from taskloom_diffusion.corpora.corpus import Corpus, without
from taskloom_diffusion.corpora.split import document_blocks, joined, place, ranked
from taskloom_diffusion.guidance.cells import Values, asked_conditions, conditions_of
from taskloom_diffusion.model.told import ToldCondition, as_told, kept_conditions, tensors_of
from taskloom_diffusion.schedules.inverse import final_noise
from taskloom_diffusion.task import CorpusTask
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.batches import (
    DOCUMENTS,
    TokenStore,
    TrainStream,
    encode_all,
    fitting,
)
from taskloom_diffusion.training.cutting import (
    fitted,
    lossy_sentence,
    misfits_of,
    not_given_back,
    without_unknown,
)
from taskloom_diffusion.training.starting import extended, started_from, take_weights

if TYPE_CHECKING:
    from taskloom_diffusion.training.module import DiffusionModule

BoundCorpus: TypeAlias = BoundTask[CorpusTask[Any], DiffusionConfig]
SMALLEST_FINAL_NOISE = 0.99


@dataclass(frozen=True)
class Prepared:
    """A corpus in tokens.

    Attributes:
        corpus: The text, without sequences that are dropped for their length or their tokens.
        tokenizer: Learnt from it.
        train: Training sequences.
        validation: What curves are drawn on, at most as many as are evaluated.
        test: What is reported is measured on these, at most as many as are evaluated.
        too_long: Sequences dropped because they are longer than `max_length`; under `window`, because they are shorter.
        lossy: Of the judged sequences, how many a foreign tokenizer does not give back as they were.
        conditions: What the network is told of a sequence, measured on the training part.
        values: Of each sequence, what is known of it.
    """

    corpus: Corpus
    tokenizer: FittedTokenizer
    train: TokenStore
    validation: TokenStore
    test: TokenStore
    too_long: int
    lossy: int = 0
    conditions: tuple[ToldCondition, ...] = ()
    values: Mapping[str, Values] = field(default_factory=dict)

    @property
    def holdout(self) -> TokenStore:
        """Both held-out parts."""
        if self.validation is self.test:
            return self.test
        return TokenStore.joined([self.validation, self.test])


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
        ConfigError: Nothing is left to train or to hold out, or the corpus has tokens that the tokenizer lacks and
            `uncut = "refuse"`.
    """
    config = task.config
    corpus = in_three_parts(task.task.load_corpus(), config)
    if tokenizer is None and config.start:
        known, learnt = fitted(corpus, config)
        tokenizer = extended(started_from(config.start).tokenizer, learnt)
        corpus = without_unknown(known, tokenizer, config)
    elif tokenizer is None:
        corpus, tokenizer = fitted(corpus, config)
    else:
        corpus = without_unknown(corpus, tokenizer, config)
    policy, longest = config.length_policy, config.max_length
    misfits = misfits_of(corpus, tokenizer, config)
    corpus, whole = without(corpus, misfits), corpus
    unfinished = corpus.unfinished
    train, too_long = encode_all(corpus.train, tokenizer, policy, longest, unfinished)
    too_long += sum(map(len, (whole.train, whole.holdout)))
    too_long -= sum(map(len, (corpus.train, corpus.holdout)))
    fits = fitting(corpus.train, tokenizer, policy, longest) if too_long else corpus.train
    validation, held_validation, long_validation = _judged(
        corpus.validation, tokenizer, config, unfinished
    )
    test, held_test, long_test = _judged(corpus.test, tokenizer, config, unfinished)
    too_long += long_validation + long_test
    notes = list(corpus.notes)
    if policy == "given" and corpus.split != "legacy":
        parts = {"test": held_test, "validation": held_validation}
        for name, part in parts.items():
            # Length may have emptied a part of a small corpus; it takes what is left with the smallest hash.
            if not part and len(fits) > 1:
                first = min(fits, key=lambda text: (place(text, config.split_seed), text))
                parts[name] = [text for text in fits if text == first]
                fits = [text for text in fits if text != first]
                notes.append(
                    f"no sequence of the {name} part fits max_length; it took that of the smallest hash"
                )
        if len(notes) > len(corpus.notes):
            held_test, held_validation = parts["test"], parts["validation"]
            train, _ = encode_all(fits, tokenizer, policy, longest)
            validation, _, _ = _judged(held_validation, tokenizer, config)
            test, _, _ = _judged(held_test, tokenizer, config)
    for store, part_name in ((train, "training"), (test, "the held-out part")):
        if not len(store):
            dropped = corpus.describe_dropped(prefix=False)
            reasons = [f"{too_long} {_misfit(policy)} max_length = {longest}"] * bool(
                too_long or not dropped
            )
            reasons += [dropped] * bool(dropped)
            raise ConfigError(
                f"no sequence of '{corpus.name}' is left in {part_name}: {'; '.join(reasons)}"
            )
    lossy = not_given_back(held_test[: len(test)], tokenizer)
    if lossy:
        notes.append(lossy_sentence(lossy, min(len(held_test), len(test))))
    # Samples are judged against what could be learnt: the longer half of a corpus would make all of them too light.
    corpus = replace(
        corpus,
        train=fits,
        holdout=[*held_validation, *held_test],
        num_validation=len(held_validation),
        notes=notes,
    )
    prepared = Prepared(
        corpus, tokenizer, train, validation if len(validation) else test, test, too_long, lossy
    )
    return _with_conditions(prepared, config) if config.condition else prepared


# The corpus of the last check, and the task that was checked: it is trained on next, and reading it may take minutes.
_checked: list[tuple[BoundCorpus, Prepared]] = []


def keep_for_run(task: BoundCorpus, prepared: Prepared) -> None:
    """Keep the corpus of a task that was checked for its run; that of an earlier one is let go."""
    _checked[:] = [(task, prepared)]


def kept_for_run(task: BoundCorpus) -> Prepared | None:
    """Return the corpus that this very object was checked with, once, and keep none."""
    found = next((prepared for checked, prepared in _checked if checked is task), None)
    _checked.clear()
    return found


def _with_conditions(prepared: Prepared, config: DiffusionConfig) -> Prepared:
    """Return the corpus with what is known of every sequence beside its tokens."""
    corpus = prepared.corpus
    found, values = conditions_of(asked_conditions(config.condition), corpus)
    conditions = as_told(found)
    # Where nothing is left to validate on, the test part stands in.
    validation = corpus.validation if prepared.validation is not prepared.test else corpus.test
    parts = (prepared.train, corpus.train), (prepared.validation, validation), (prepared.test, corpus.test)  # fmt: skip
    for store, texts in parts:
        store.condition = tensors_of(conditions, [values[t] for t in texts[: len(store)]])
    notes = [*corpus.notes, *(c.sentence() for c in conditions)]
    corpus = replace(corpus, notes=notes)
    return replace(prepared, corpus=corpus, conditions=conditions, values=values)


def _judged(
    texts: Sequence[str],
    tokenizer: FittedTokenizer,
    config: DiffusionConfig,
    unfinished: Collection[str] = (),
) -> tuple[TokenStore, Sequence[str], int]:
    """Return what is judged of a part, the part without sequences that do not fit, and how many of them were met."""
    policy, longest, most = config.length_policy, config.max_length, config.evaluate.num_holdout
    if policy == "window" or policy in DOCUMENTS:
        # A document of a window is asked about alone, so that windows need not be packed to be judged.
        cut: LengthPolicy = "window" if policy == "window" else "document"
        store, dropped = encode_all(texts, tokenizer, cut, longest, unfinished)
        if len(store) > most:
            rows = np.linspace(0, len(store) - 1, most).astype(int)
            store = store.select(rows.tolist())
        return store, fitting(texts, tokenizer, policy, longest) if dropped else texts, dropped
    # A part is in the order of its ranks; of a large one no more is cut into tokens than is judged.
    kept: list[str] = []
    met = 0
    while len(kept) < most and met < len(texts):
        following = texts[met : met + most - len(kept)]
        kept += fitting(following, tokenizer, policy, longest)
        met += len(following)
    store, _ = encode_all(kept, tokenizer, policy, longest)
    dropped = met - len(kept)
    return store, [*kept, *texts[met:]] if dropped else texts, dropped


def judged_store(
    texts: Sequence[str],
    tokenizer: FittedTokenizer,
    config: DiffusionConfig,
    unfinished: Collection[str] = (),
) -> TokenStore:
    """Return what is judged of the test part that a run keeps."""
    return _judged(texts, tokenizer, config, unfinished)[0]


def in_three_parts(corpus: Corpus, config: DiffusionConfig) -> Corpus:
    """Return a corpus with something to validate on, in the order of its ranks.

    What a task split by itself, into two parts, gives a part of the training one.
    """
    if corpus.split == "legacy" or (corpus.split and corpus.num_validation):
        return corpus
    own = [*corpus.train]
    if config.length_policy == "window":
        pieces, keys = document_blocks(own)
        texts = joined
    else:
        pieces = keys = own if corpus.split else [own[i] for i in ranked(own)]
        texts = _chosen
    held = _validating(keys, config) if not corpus.num_validation else set[str]()
    inside = [i for i, key in enumerate(keys) if key in held]
    validation = [*corpus.validation] or texts(pieces, keys, inside)
    test = [*corpus.test]
    if not corpus.split:
        validation, test = ([part[i] for i in ranked(part)] for part in (validation, test))
    return replace(
        corpus,
        train=texts(pieces, keys, [i for i, key in enumerate(keys) if key not in held]),
        holdout=[*validation, *test],
        num_validation=len(validation),
        split=corpus.split or "own",
    )


def _chosen(pieces: Sequence[str], keys: Sequence[str], chosen: Sequence[int]) -> list[str]:
    del keys
    return [pieces[i] for i in chosen]


def _validating(keys: Sequence[str], config: DiffusionConfig) -> set[str]:
    """Return the keys that validate, at least one, unless there is but one."""
    at = {key: place(key, config.split_seed) for key in keys}
    held = {key for key, h in at.items() if h < config.validation_share}
    if len(at) > 1 and (not held or len(held) == len(at)):
        held = {min(at, key=lambda key: (at[key], key))}
    return held if len(at) > 1 else set()


def planned(config: DiffusionConfig, prepared: Prepared) -> TrainConfig:
    """Return the training with its number of steps, where it was told in passes over the corpus."""
    train = config.train
    if not train.epochs:
        return train
    is_text = config.length_policy in ("window", "packed")
    rows = len(prepared.train.flat) // config.max_length if is_text else len(prepared.train)
    of_step = train.batch_size * train.accumulate * train.devices
    return train.model_copy(update={"steps": math.ceil(train.epochs * rows / of_step)})


def build_module(task: BoundCorpus, prepared: Prepared) -> DiffusionModule:
    """Return the untrained model for a corpus: of the task's own class, if it has one.

    Raises:
        PluginError: The task's `module()` is no subclass of `DiffusionModule`.
        ConfigError: The run to start from has another network.
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
    parts = (config.denoiser, config.settings(), config.train.optimizer, tokenizer)
    module = chosen(*parts, **module_arguments(config, prepared))
    if config.start:
        old = started_from(config.start)
        take_weights(module.model, old.model, (module.vocab_size, old.vocab_size))
    return module


def module_arguments(config: DiffusionConfig, prepared: Prepared) -> dict[str, Any]:
    """Return what a module of a corpus is made with besides network, mathematics, optimizer and tokenizer."""
    size = len(prepared.tokenizer.tokens)
    counts = np.bincount(prepared.train.flat, minlength=size).astype(float)
    needs_frequencies = getattr(config.process, "kind", "") == "marginal"
    return {
        "max_length": config.max_length,
        "total_steps": planned(config, prepared).steps,
        "frequencies": tuple((counts / counts.sum()).tolist()) if needs_frequencies else (),
        "ends": config.length_policy == "eos_pad",
        "closes": config.length_policy in DOCUMENTS,
        "seed": derive_seed(config.seed, "model"),
    } | kept_conditions(prepared.conditions, config.condition_dropout)


def train_stream(
    config: DiffusionConfig, prepared: Prepared, start: int, rank: int, processes: int
) -> TrainStream:
    """Return the endless batches of a training, from a number of this process's own on."""
    return TrainStream(
        prepared.train,
        config.train.batch_size,
        prepared.tokenizer.pad_id,
        derive_seed(config.seed, "order"),
        start=start,
        rank=rank,
        stride=processes,
        window=config.max_length if config.length_policy in ("window", "packed") else 0,
        parts=config.train.accumulate * config.train.devices,
        documents=config.length_policy == "packed",
        vary=getattr(prepared.tokenizer, "varied", None),
    )


def length_histogram(prepared: Prepared, longest: int) -> list[int]:
    """Return how many training sequences have each length; of longer documents, how many of their pieces."""
    lengths = prepared.train.lengths
    whole, rest = np.divmod(lengths, longest)
    pieces = [*lengths[lengths <= longest], *rest[(lengths > longest) & (rest > 0)]]
    pieces += [longest] * int(whole[lengths > longest].sum())
    return [int(n) for n in np.bincount(pieces)]


def too_long_sentence(prepared: Prepared, config: DiffusionConfig) -> str:
    """Return the sentence about sequences that are dropped for their length."""
    return (
        f"{prepared.too_long} sequences of '{prepared.corpus.name}' {_misfit(config.length_policy)} "
        f"max_length = {config.max_length} tokens and are dropped"
    )


def _misfit(policy: LengthPolicy) -> str:
    """Return what is wrong with the sequences that a length policy drops."""
    return "are shorter than a window of" if policy == "window" else "are longer than"
