"""Molecules around what is fixed: a gap of drawn length is filled, what was given is verified, and what fails is drawn anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from taskloom import derive_seed
from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.evaluation.sampling import complete
from taskloom_diffusion.fragments.cutting import is_link, joined, links_of
from taskloom_diffusion.fragments.excision import Verified, excise
from taskloom_diffusion.fragments.fixed import Fixed
from taskloom_diffusion.fragments.lengths import LengthLaw, room_for
from taskloom_diffusion.fragments.pairing import LinkPairing
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.step_noise import uniforms
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.tokenizers.fragments import FragmentTokenizer
from taskloom_diffusion.tokenizers.symbols import split_smiles

Choice: TypeAlias = Callable[[int, int], Fixed]
"""The fixed part of a row (its number) at an attempt (its number): points may be drawn anew with it."""


@dataclass(frozen=True)
class Filling:
    """Way to fill gaps.

    Attributes:
        sampler: The sampler.
        length: Law of a gap's length.
        seed: Of points, lengths and noise.
        tries: Attempts for each row.
        pair_links: Whether links are kept in pairs while a text is drawn, which changes the law.
        batch_size: Sequences that are asked about at once, which changes no result.
    """

    sampler: Sampler
    length: LengthLaw
    seed: int = 0
    tries: int = 10
    pair_links: bool = True
    batch_size: int = 250


@dataclass(frozen=True)
class Filled:
    """A molecule that holds what was given.

    Attributes:
        row: Its number among those asked for.
        smiles: The molecule.
        text: Its fragments.
        gap: Tokens that were drawn.
        draws: Attempts that it took.
        log_weight: Of the text under pairing; NaN where the sampler cannot be weighed, 0 without pairing.
        grown: What hangs on each point, by the point's label.
        given: The fixed part.
    """

    row: int
    smiles: str
    text: str
    gap: int
    draws: int
    log_weight: float
    grown: dict[str, str]
    given: str


@dataclass
class FilledRows:
    """Molecules around what is fixed, and what it took.

    Attributes:
        rows: The molecules that passed, in the order of their rows; rows that were given up are left out.
        requested: Rows that were asked for.
        first_valid: Of the first draws, those that are molecules.
        first_verified: Of the first draws, those that hold what was given.
        draws: All draws.
        faults: Of all draws, how many failed, by reason.
        baseline: The same by the plainest way there is, training fragments drawn by how often they came; None if they are not known.
    """

    rows: list[Filled] = field(default_factory=list)
    requested: int = 0
    first_valid: int = 0
    first_verified: int = 0
    draws: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    baseline: FilledRows | None = None

    @property
    def given_up(self) -> int:
        """Rows that no attempt passed for."""
        return self.requested - len(self.rows)

    @property
    def distinct(self) -> int:
        """Molecules that differ, of those that are returned."""
        return len({row.smiles for row in self.rows})

    def and_then(self, other: FilledRows) -> FilledRows:
        """Return the molecules and the counts of both, rows of the second numbered behind those of the first."""
        both = self.baseline, other.baseline
        return FilledRows(
            [*self.rows, *(replace(row, row=row.row + self.requested) for row in other.rows)],
            self.requested + other.requested,
            self.first_valid + other.first_valid,
            self.first_verified + other.first_verified,
            self.draws + other.draws,
            self.faults + other.faults,
            both[0].and_then(both[1]) if both[0] is not None and both[1] is not None else None,
        )

    @property
    def smiles(self) -> list[str]:
        """The molecules."""
        return [row.smiles for row in self.rows]

    def figures(self) -> dict[str, object]:
        """Return the counts as plain data."""
        return {
            "requested": self.requested,
            "returned": len(self.rows),
            "first_draw_valid": self.first_valid,
            "first_draw_verified": self.first_verified,
            "draws": self.draws,
            "given_up": self.given_up,
            "distinct": self.distinct,
            "faults": dict(self.faults),
            "baseline": self.baseline.figures() if self.baseline is not None else None,
        }

    def sentence(self) -> str:
        """Return the counts in words."""
        of = self.requested
        told = f"{len(self.rows)} of {of} molecules hold what was given, {self.distinct} of them different"
        told += f"; at the first draw {self.first_valid} of {of} were valid and {self.first_verified} held it; {self.draws} draws"
        faults = ", ".join(f"{count} {reason}" for reason, count in self.faults.most_common())
        told += f"; failed: {faults}" if faults else ""
        if self.baseline is None:
            return told
        plain = self.baseline
        return f"{told}; training fragments by frequency, one draw each: {plain.first_verified} of {of}, {plain.distinct} different"


def fragment_tokenizer(model: DiffusionModel) -> FragmentTokenizer:
    """Return the tokenizer of a model of fragments.

    Raises:
        ConfigError: The model was trained on other tokens.
    """
    if not isinstance(model.tokenizer, FragmentTokenizer):
        name = model.tokenizer.save()["kind"]
        raise ConfigError(
            f"this model's tokenizer is '{name}'; train one with --tokenizer=fragments to complete molecules around fragments"
        )
    return model.tokenizer


def begin(model: DiffusionModel, fixed: Fixed) -> list[int]:
    """Return the tokens that a text begins with, the dot behind fixed fragments included.

    Raises:
        UsageError: The model has no token for a piece of it, or is too short.
    """
    tokenizer = fragment_tokenizer(model)
    try:
        ids = [*tokenizer.encode_as_written(fixed.text), tokenizer.dot_id]
    except ConfigError as error:
        raise UsageError(f"'{fixed.given}' as fragments: {error.message}") from None
    if tokenizer.dot_id < 0:
        raise UsageError(
            "the model was trained on molecules of a single fragment, and knows no second one"
        )
    least = len(fixed.open_links) + 1
    if room_for(model, ids) < least:
        raise UsageError(
            f"'{fixed.given}' has {len(ids) - 1} tokens as fragments and needs {least} more for what hangs on it; the model's "
            f"max_length is {model.max_length}"
        )
    return ids


def fill(model: DiffusionModel, choose: Choice, num: int, filling: Filling) -> FilledRows:
    """Return molecules around fixed parts; row i depends on the seed and i alone.

    A row that fails is drawn anew, its points and its length too: with the length kept, short gaps would come too often.

    Args:
        model: A model of fragments, in evaluation mode.
        choose: The fixed part of a row at an attempt.
        num: Rows.
        filling: How gaps are filled.

    Raises:
        UsageError: A fixed part has no room, or pieces that the model does not know.
    """
    tokenizer = fragment_tokenizer(model)
    steering = LinkPairing(tokenizer, model.mask_token_id) if filling.pair_links else None
    found: dict[int, Filled] = {}
    done = FilledRows(requested=num)
    lengths = _Lengths(model, filling.length)
    waiting = list(range(num))
    refused: UsageError | None = None
    ever_fits = False
    for attempt in range(filling.tries):
        if not waiting:
            break
        seed = derive_seed(filling.seed, "gap", attempt)
        done.draws += len(waiting)
        places = uniforms(seed, 0, np.array(waiting), 1)[:, 0].tolist()
        chosen, begun, gaps = list[Fixed](), list[list[int]](), list[int]()
        fitting, failed = list[int](), list[int]()
        for row, place in zip(waiting, places, strict=True):
            fixed = choose(row, attempt)
            ids = begin(model, fixed)
            try:
                gaps.append(lengths.at(fixed, ids, place))
            except UsageError as error:
                # Other points that are drawn for the row may leave room; a fixed part that never does is refused below.
                refused = refused or error
                done.faults["length"] += 1
                failed.append(row)
                continue
            fitting.append(row)
            chosen.append(fixed)
            begun.append(ids)
        if not fitting:
            waiting = failed
            continue
        ever_fits = True
        made = complete(
            model,
            filling.sampler,
            [[*ids, *[model.mask_token_id] * gap] for ids, gap in zip(begun, gaps, strict=True)],
            seed=derive_seed(filling.seed, "fill", attempt),
            batch_size=filling.batch_size,
            numbers=fitting,
            steering=steering,
        )
        for place, row in enumerate(fitting):
            fixed = chosen[place]
            ids = made.tokens[place]
            text = tokenizer.written(
                ids[: ids.index(tokenizer.end_id)] if tokenizer.end_id in ids else ids
            )
            verdict = excise(text, fixed)
            if not attempt:
                done.first_valid += verdict.fault != "valid"
                done.first_verified += not verdict.fault
            if verdict.fault:
                done.faults[verdict.fault] += 1
                failed.append(row)
                continue
            weight = made.log_weights[place]
            found[row] = _filled(row, fixed, verdict, (text, gaps[place], attempt + 1, weight))
        waiting = sorted(failed)
    if refused is not None and not ever_fits:
        raise refused
    done.rows = [found[row] for row in sorted(found)]
    return done


def _filled(
    row: int, fixed: Fixed, verdict: Verified, drawn: tuple[str, int, int, float]
) -> Filled:
    text, gap, draws, weight = drawn
    grown = dict(zip(fixed.points, verdict.grown, strict=True))
    return Filled(row, verdict.smiles, text, gap, draws, weight, grown, fixed.given)


class _Lengths:
    """Lengths of gaps; the law of a fixed part that was met once is kept.

    Args:
        model: The model.
        law: The law of a gap's length.
    """

    def __init__(self, model: DiffusionModel, law: LengthLaw) -> None:
        self.model = model
        self.law = law
        self.known: dict[str, np.ndarray] = {}

    def at(self, fixed: Fixed, ids: list[int], place: float) -> int:
        """Return the length at a place in [0, 1) of its law [tokens].

        Raises:
            UsageError: None that may be drawn is long enough and fits.
        """
        if fixed.text not in self.known:
            still, room = len(fixed.open_links), room_for(self.model, ids)
            law = np.array(self.law(ids, still)[: room + 1])
            # Each link needs a token and all of them together an atom.
            law[: still + 1] = 0.0
            self.known[fixed.text] = law.cumsum() / law.sum() if law.sum() > 0 else np.zeros(0)
        if not len(self.known[fixed.text]):
            still, room = len(fixed.open_links), room_for(self.model, ids)
            raise UsageError(
                f"no length that is asked for fits behind '{fixed.given}', which leaves {still + 1} to {room} tokens"
            )
        return int(np.searchsorted(self.known[fixed.text], place, side="right"))


def by_frequency(choose: Choice, num: int, pieces: Mapping[str, int], seed: int) -> FilledRows:
    """Return the plainest baseline: a training fragment with as many links in the gap, drawn by how often it came.

    Args:
        choose: The fixed part of a row.
        num: Rows.
        pieces: Training fragments with links numbered alone, and their counts.
        seed: Of the draws.
    """
    random = np.random.default_rng(seed)
    done = FilledRows(requested=num, draws=num)
    by_links: dict[int, tuple[list[str], np.ndarray]] = {}
    for row in range(num):
        fixed = choose(row, 0)
        # Parts that are to be linked share one fragment; points of one part get one each.
        wanted = [len(fixed.open_links)] if fixed.parts > 1 else [1] * len(fixed.open_links)
        drawn = []
        for count in wanted:
            if count not in by_links:
                some = [piece for piece in pieces if len(links_of(piece)) == count]
                by_links[count] = some, np.array([pieces[piece] for piece in some], dtype=float)
            some, weights = by_links[count]
            if not some:
                continue
            drawn.append(some[random.choice(len(some), p=weights / weights.sum())])
        text = _closing(fixed, drawn)
        verdict = excise(text, fixed)
        done.first_valid += verdict.fault != "valid"
        done.first_verified += not verdict.fault
        if verdict.fault:
            done.faults[verdict.fault] += 1
        else:
            done.rows.append(_filled(row, fixed, verdict, (text, 0, 1, 0.0)))
    return done


def _closing(fixed: Fixed, drawn: Sequence[str]) -> str:
    """Return a text whose open links are closed by the links of fragments, one after the other."""
    still = iter(fixed.open_links)
    texts = [
        # Both numberings begin at 50, so a link is found by its token and not by its text.
        "".join(next(still, token) if is_link(token) else token for token in split_smiles(piece))
        for piece in drawn
    ]
    return joined([fixed.text, *texts])
