"""Completions of one template, or of every one of a user's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.intake import PLAIN, Tally
from taskloom_diffusion.corpora.rows import rows_of
from taskloom_diffusion.evaluation.judged_file import reading_of
from taskloom_diffusion.evaluation.sampling import Generated, complete
from taskloom_diffusion.evaluation.template import has_gap, parse_template
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.samplers.base import Sampler

_BATCH = 250


def complete_one(
    model: DiffusionModel, sampler: Sampler, template: str, *, num: int, seed: int
) -> Generated:
    """Return completions of one template.

    Raises:
        UsageError: There is no gap, or it is too long for the model.
        ConfigError: A piece is not in the model's vocabulary.
    """
    ids = parse_template(template, model)
    return complete(model, sampler, [ids] * num, seed=seed, batch_size=_BATCH)


@dataclass
class CompletedFile:
    """Completions of a file's templates.

    Attributes:
        path: The file.
        tally: Its lines, and those that are left out by reason.
        rows: For each template its line, itself, the user's columns and its completions.
        complaints: About lines with tokens that the model lacks, in sentences.
    """

    path: Path
    tally: Tally = field(default_factory=Tally)
    rows: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """Sentence about lines that are left out, or nothing."""
        told = self.tally.sentence(self.tally.counts)
        return f"left out of {self.tally.lines} lines of '{self.path}': {told}" if told else ""


def complete_file(
    model: DiffusionModel,
    sampler: Sampler,
    path: Path,
    column: str,
    config: DiffusionConfig,
    *,
    num: int,
    seed: int,
    refuse: bool,
) -> CompletedFile:
    """Return completions of every template of a file, each as if it had been asked for alone.

    Args:
        model: The model, in evaluation mode.
        sampler: How gaps are filled.
        path: The file.
        column: Of a table; empty means that a line is a template.
        config: Of the model.
        num: Completions of each.
        seed: Root of the streams.
        refuse: Refuse the file if the model lacks tokens for a line of it.

    Raises:
        UsageError: The file cannot be read, or has no template.
        ConfigError: Lines have tokens that the model lacks, and that is to be refused.
    """
    done, templates = CompletedFile(path), list[Sequence[int]]()
    # Behind a molecule stands its name; a space of running text is a token.
    names = reading_of(config).content not in PLAIN
    try:
        for row in rows_of(path, column, names=names):
            done.tally.lines += 1
            reason = row.fault or ("" if row.text else "empty")
            ids: Sequence[int] = ()
            try:
                ids = ids if reason else parse_template(row.text, model)
            except ConfigError as error:
                done.complaints.append(error.message)
                reason = "unknown_token"
            except UsageError:
                # A gap that does not fit is too long; without one there is nothing to complete.
                reason = "too_long" if has_gap(row.text) else "no_gap"
            if reason:
                done.tally.count(reason, row)
                continue
            templates.append(ids)
            others = dict(row.others)
            done.rows.append({"line": row.line, "template": row.text, "columns": others})
    except ConfigError as error:
        raise UsageError(error.message.replace("path: ", "--file ", 1)) from None
    if done.complaints and refuse:
        raise ConfigError(
            f"--file: {len(done.complaints)} of {done.tally.lines} lines of '{path}' cannot be read; the first: {done.complaints[0]}"
        )
    if not templates:
        raise UsageError(
            f"no line of '{path}' is a template: a text with a gap, such as [MASK]{{4}}"
        )
    # Streams are counted anew for each template, so that its completions are those that it has alone.
    every = [ids for ids in templates for _ in range(num)]
    streams = list(range(num)) * len(templates)
    made = complete(model, sampler, every, seed=seed, batch_size=_BATCH, numbers=streams)
    for number, found in enumerate(done.rows):
        found["texts"] = made.texts[number * num : (number + 1) * num]
    return done
