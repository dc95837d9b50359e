"""A user's file that a trained model judges: read through the same door, in the same form, as the file it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import SourceRow
from taskloom_diffusion.corpora.intake import Intake, Item, Options, read
from taskloom_diffusion.corpora.molecular_form import FLAT
from taskloom_diffusion.corpora.rows import column_of
from taskloom_diffusion.metrics.molecules import MoleculeMetrics
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.batches import TokenStore, encode_all, fitting


@dataclass(frozen=True)
class Judged:
    """Sequences that are judged.

    Attributes:
        store: In tokens.
        rows: Where each came from; empty if they came from no file.
        lines: Lines that were read.
        counts: How many of them were left out, by reason.
        left_out: The same in a sentence.
    """

    store: TokenStore
    rows: Sequence[SourceRow] = ()
    lines: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    left_out: str = ""


def judged_store_alone(store: TokenStore) -> Judged:
    """Return sequences that came from no file."""
    return Judged(store, lines=len(store))


def reading_of(config: DiffusionConfig) -> Options:
    """Return how a file is read for a model: as its own corpus was, and flat where that was."""
    options = getattr(config, "options", None)
    if options is not None:
        found: Options = options()
        # Runs of earlier versions were flat, whatever the fields say that they did not have.
        return replace(found, form=FLAT) if config.split == "legacy" else found
    return (
        Options("smiles", FLAT) if isinstance(config.metrics, MoleculeMetrics) else Options("lines")
    )


def judged_file(
    path: Path,
    column: str,
    config: DiffusionConfig,
    tokenizer: FittedTokenizer,
    *,
    as_written: bool,
    refuse: bool,
) -> Judged:
    """Return a file's sequences in tokens, every line of it, repeats too.

    Raises:
        UsageError: No line is left, or the file cannot be read.
        ConfigError: Lines have tokens that the model lacks, and that is to be refused.
    """
    # Every line has an answer of its own, repeats too.
    options = replace(reading_of(config), merge=False)
    if as_written:
        options = replace(options, form=replace(options.form, spelling="as_written"))
    try:
        intake = read(path, options, column or column_of(path, getattr(config, "column", "")))
    except ConfigError as error:
        raise UsageError(error.message.replace("path: ", "--file ", 1)) from None
    items = _known(path, intake, tokenizer, refuse=refuse)
    texts = [item.text for item in items]
    rows = [item.row for item in items]
    store, dropped = encode_all(texts, tokenizer, config.length_policy, config.max_length)
    if dropped and config.length_policy != "window":
        fits = set(fitting(texts, tokenizer, config.length_policy, config.max_length))
        rows = [item.row for item in items if item.text in fits]
        for item in items:
            if item.text not in fits:
                intake.count("too_long", item.row)
    elif dropped:
        intake.counts["too_long"] = dropped
    if not len(store):
        window = config.length_policy == "window"
        needed = f"{'a whole window of' if window else 'between 1 and'} {config.max_length}"
        raise UsageError(f"no line of '{path}' has {needed} tokens")
    sentence = "; ".join(
        f"{count} {reason} (first: {', '.join(map(repr, intake.examples.get(reason, [])[:3]))})"
        for reason, count in intake.counts.items()
    )
    told = (
        f"left out or changed of {intake.lines} lines of '{path}': {sentence}" if sentence else ""
    )
    # Windows of running text are no rows of the file any more.
    window = config.length_policy == "window"
    return Judged(store, () if window else rows, intake.lines, dict(intake.counts), told)


def _known(path: Path, intake: Intake, tokenizer: FittedTokenizer, *, refuse: bool) -> list[Item]:
    """Return what the model has tokens for; leaving the rest out flatters no figure, for it is counted."""
    kept: list[Item] = []
    refused: list[str] = []
    for item in intake.items:
        try:
            tokenizer.encode(item.text)
        except ConfigError as error:
            refused.append(error.message)
            intake.count("unknown_token", item.row)
            continue
        kept.append(item)
    if refused and refuse:
        raise ConfigError(
            f"--file: {len(refused)} of {intake.lines} lines of '{path}' cannot be read; the first: {refused[0]}"
        )
    return kept
