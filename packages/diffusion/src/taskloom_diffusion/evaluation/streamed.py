"""Bounds of a file line by line, in flat memory: each is a function of its sequence and a seed, not of what else is in the file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from taskloom import derive_seed
from torch import Tensor

from taskloom_diffusion.corpora.corpus import SourceRow
from taskloom_diffusion.corpora.intake import Tally
from taskloom_diffusion.evaluation.answer_file import AnswerFile
from taskloom_diffusion.evaluation.bound import Bound, errors_of_draws, level_sampler_for
from taskloom_diffusion.evaluation.judged_file import JudgedFile, Line
from taskloom_diffusion.evaluation.rows import row_keys
from taskloom_diffusion.model.blocks import Cut
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.memory import rows_in_memory
from taskloom_diffusion.model.noising import device_of
from taskloom_diffusion.model.step_noise import uniforms
from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler
from taskloom_diffusion.time_samplers.exact_count import ExactCount, counted
from taskloom_diffusion.training.batches import collate
from taskloom_diffusion.training.cutting import lossy_sentence

CHUNK = 1024
"""Lines that are in memory at a time."""


@dataclass(frozen=True)
class Draws:
    """Draws that a bound is estimated from.

    Attributes:
        num: Noise levels for each sequence.
        seed: Of levels and noise.
        levels: Where levels come from; None takes those of least variance.
        batch_size: Sequences in a batch.
    """

    num: int
    seed: int
    levels: TimeSampler | None
    batch_size: int


Record = Mapping[str, Any]
"""The answer to a line, or to one window of it, as plain JSON: `line`, `text`, `nats`, `standard_error`, `tokens`, `characters`,
`bytes`, `columns`; or `line`, `text`, `left_out`, `columns`. `part` numbers the windows of a text, `as_read` is what the file
says where that is not `text`, `changed` has the reasons, and `lossy` is true where the tokenizer changes the text."""


@dataclass
class Totals:
    """Sums over the answers of a file, divided once, at the end.

    Attributes:
        tally: Lines, and those left out or changed by reason.
        lossy: Sequences that the tokenizer does not give back.
        sequences: Sequences that were judged.
        nats: Their nats.
        tokens: Their tokens.
        variance: Of the nats, from their draws.
        about: Nats per token of the first sequence; sums of squares about it lose no digits.
        squares: With d = nats - about * tokens, the sums of d^2, d times tokens and tokens^2.
        characters: Of the original text; None where the tokenizer cannot tell.
        num_bytes: The same in bytes of UTF-8.
        knows_error: Whether every sequence was drawn more than once.
    """

    tally: Tally = field(default_factory=Tally)
    lossy: int = 0
    sequences: int = 0
    nats: float = 0.0
    tokens: int = 0
    variance: float = 0.0
    about: float = 0.0
    squares: tuple[float, float, float] = (0.0, 0.0, 0.0)
    characters: int | None = 0
    num_bytes: int | None = 0
    knows_error: bool = True

    def add(self, record: Record) -> None:
        """Add one answer."""
        row = SourceRow(record["line"], record.get("as_read", record["text"]))
        # The windows of a text are one line.
        if not record.get("part"):
            self.tally.lines += 1
            for reason in (record.get("left_out"), *record.get("changed", ())):
                if reason:
                    self.tally.count(reason, row)
            self.lossy += bool(record.get("lossy"))
        if "left_out" in record:
            return
        nats, tokens = float(record["nats"]), int(record["tokens"])
        if not self.sequences:
            self.about = nats / tokens
        self.sequences += 1
        self.nats += nats
        self.tokens += tokens
        apart = nats - self.about * tokens
        dd, dn, nn = self.squares
        self.squares = (dd + apart * apart, dn + apart * tokens, nn + float(tokens * tokens))
        error = record["standard_error"]
        self.knows_error &= error is not None
        # Draws of different sequences are independent, so their variances add.
        self.variance += 0.0 if error is None else float(error) ** 2
        self.characters = _plus(self.characters, record["characters"])
        self.num_bytes = _plus(self.num_bytes, record["bytes"])

    def notes(self, path: Path) -> list[str]:
        """Return sentences about lines that are left out or changed, and about a tokenizer that changes texts."""
        told = self.tally.sentence(self.tally.counts)
        found = (
            [f"left out or changed of {self.tally.lines} lines of '{path}': {told}"] if told else []
        )
        return [*found, lossy_sentence(self.lossy, self.sequences)] if self.lossy else found

    def bound(self, model: DiffusionModel, levels: TimeSampler | None) -> Bound:
        """Return the bound over all sequences; there is one at least."""
        kind = level_sampler_for(model, levels)[1]
        mean = self.nats / self.tokens
        of_draws = math.sqrt(self.variance) / self.tokens if self.knows_error else None
        error = of_draws
        if self.sequences > 1:
            # The ratio of two sums: its error follows from the residuals nats - mean * tokens (delta method).
            dd, dn, nn = self.squares
            # nats - mean * tokens = d - (mean - about) * tokens, squared and summed.
            shift = mean - self.about
            residual = max(dd - 2 * shift * dn + shift * shift * nn, 0.0)
            residual *= self.sequences / (self.sequences - 1)
            # Few sequences may happen to agree better than their draws do.
            error = max(math.sqrt(residual) / self.tokens, of_draws or 0.0)
        return Bound(
            mean,
            error,
            self.nats / self.sequences,
            kind,
            self.sequences,
            self.tokens,
            self.characters,
            self.num_bytes,
            (),
            (),
        )


def _plus(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more


def judge(
    model: DiffusionModel,
    file: JudgedFile,
    draws: Draws,
    *,
    refuse: bool = False,
    answered: AnswerFile | None = None,
) -> Iterator[Sequence[Record]]:
    """Yield the answers to a file's lines as they are there.

    Args:
        model: The model, in evaluation mode.
        file: The file.
        draws: How bounds are estimated.
        refuse: Refuse the file if the model lacks tokens for a line of it, before anything is answered.
        answered: Where answers are written; those that are there already come first, and are not computed again.

    Raises:
        UsageError: The file cannot be read, or no line of it can be judged.
        ConfigError: Lines have tokens that the model lacks, and that is to be refused.
    """
    if refuse:
        file.refuse_unknown()
    met = False
    start = 0
    if answered is not None:
        start = answered.lines
        for record in answered.begun():
            met |= "nats" in record
            yield [record]
    for records in answers(model, file.lines(start), draws):
        if answered is not None:
            answered.append(records, sum(not record.get("part") for record in records))
        met |= any("nats" in record for record in records)
        yield records
    if not met:
        raise file.nothing_left()


def answers(model: DiffusionModel, lines: Iterator[Line], draws: Draws) -> Iterator[list[Record]]:
    """Yield the answers to every 1,024 lines, in the order of the file.

    Args:
        model: The model, in evaluation mode.
        lines: Of a file.
        draws: How bounds are estimated.
    """
    sampler, _ = level_sampler_for(model, draws.levels)
    # Chunks begin at the same lines however often it was stopped, so that batches, and their rounding, are the same.
    while chunk := list(islice(lines, CHUNK)):
        rows = [np.array(p.ids, dtype=np.int32) for line in chunk for p in line.parts]
        found = bounds_of_rows(model, rows, draws, sampler) if rows else np.zeros((draws.num, 0))
        each = zip(found.mean(0).tolist(), errors_of_draws(found), strict=True)
        yield [record for line in chunk for record in _records(model, line, each)]


def _records(
    model: DiffusionModel, line: Line, each: Iterator[tuple[float, float | None]]
) -> Iterator[Record]:
    place = {"line": line.row.line}
    others = {"columns": dict(line.row.others)} if line.row.others else {}
    if not line.parts:
        yield {**place, "text": line.row.text, "left_out": line.reasons[0], **others}
        return
    for number, part in enumerate(line.parts):
        nats, error = next(each)
        # Under `eos_pad` the padding is predicted and in the nats, but a figure per token must not be mostly about it.
        ids = [i for i in part.ids if i != model.pad_token_id]
        text = model.tokenizer.decode(ids)
        record: dict[str, Any] = {**place, "text": text, "nats": nats, "standard_error": error}
        record["tokens"] = len(ids)
        # Without offsets the tokenizer cannot tell.
        known = bool(part.characters)
        record["characters"] = sum(part.characters) if known else None
        record["bytes"] = sum(part.bytes) if known else None
        if len(line.parts) > 1:
            record["part"] = number
        if line.row.text != text:
            record["as_read"] = line.row.text
        if line.reasons:
            record["changed"] = list(line.reasons)
        if line.is_lossy:
            record["lossy"] = True
        yield record | others


@torch.no_grad()
def bounds_of_rows(
    model: DiffusionModel,
    rows: Sequence[np.ndarray],
    draws: Draws,
    sampler: LevelSampler,
    free: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """Return the bound of each sequence under each draw (D, R) [nats]; equal sequences have equal ones.

    With known tokens B it is a bound of -log p(x_A | x_B) for the others A: only these are ever noised.

    Args:
        model: The model, in evaluation mode.
        rows: Token ids of each.
        draws: How bounds are estimated.
        sampler: Where levels come from.
        free: Of each, which tokens are not known; None is all of all.
    """
    keys = row_keys(rows)
    # Like lengths together; the rest of the order is a function of what the sequences are.
    order = np.lexsort((keys, np.array([len(row) for row in rows])))
    size = min(draws.batch_size, rows_in_memory(model, max(map(len, rows))))
    device = device_of(model)
    totals = np.zeros((draws.num, len(rows)))
    for first in range(0, len(order), size):
        part = order[first : first + size]
        batch = collate([rows[i] for i in part], model.pad_token_id)
        x, maskable = batch["tokens"].to(device), batch["maskable"].to(device)
        unknown = None
        if free is not None:
            padded = collate([free[i].astype(np.int64) for i in part], 0)["tokens"]
            unknown = padded.bool().to(device)
        levels = _levels(sampler, _sizes(model, maskable, unknown), keys[part], draws)
        for draw in range(draws.num):
            # By content, draw and position: the same whatever else is in the batch.
            noise = uniforms(derive_seed(draws.seed, "noise"), draw, keys[part], x.shape[1])
            corrupted = model.noised_at(x, maskable, levels[draw], noise, free=unknown)
            bounds = corrupted.by_sequence(corrupted.bound())
            totals[draw, part] = bounds.double().cpu().numpy()
    return totals


def _sizes(model: DiffusionModel, maskable: Tensor, free: Tensor | None) -> list[Tensor]:
    """Return for each sequence its number of tokens that are not known, or that of each of its blocks."""
    size = model.settings.block_size
    free = maskable if free is None else free
    if not size:
        return list(free.sum(1)[:, None].cpu())
    return [
        Cut.of(row[None], size).apart(part[None]).sum(1).cpu()
        for row, part in zip(maskable, free, strict=True)
    ]


def _levels(
    sampler: LevelSampler, sizes: Sequence[Tensor], keys: np.ndarray, draws: Draws
) -> list[Levels]:
    """Return the levels of each draw, those of a sequence spread evenly over its draws, and a function of it alone."""
    seed = derive_seed(draws.seed, "levels")
    if isinstance(sampler.law, ExactCount):
        # Each draw takes its own part of the counts; where in it, the sequence decides.
        places = uniforms(seed, 0, keys, max(map(len, sizes)))
        inside = torch.cat([row[: len(n)] for row, n in zip(places, sizes, strict=True)])
        whole = torch.cat(list(sizes))
        return [counted((draw + inside) / draws.num, whole) for draw in range(draws.num)]
    drawn = []
    for row, key in zip(sizes, keys.tolist(), strict=True):
        generator = torch.Generator().manual_seed(derive_seed(seed, "row", key))
        # All draws of a row at once: laws that are stratified over rows are then so over its draws.
        drawn.append(sampler.draw(row.repeat(draws.num), generator))
    turns = [torch.arange(len(row)) for row in sizes]
    return [
        Levels.joined(
            [
                found.of_rows(turn + draw * len(turn))
                for found, turn in zip(drawn, turns, strict=True)
            ]
        )
        for draw in range(draws.num)
    ]
