"""Remasking of fragments by a user's score (after GenMol, Lee et al. 2025): good molecules lose fragments and get others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from taskloom import derive_seed
from taskloom.errors import UsageError

from taskloom_diffusion.evaluation.sampling import complete
from taskloom_diffusion.fragments.cutting import closed, cut, joined, links_of, renumbered
from taskloom_diffusion.fragments.design import Designer
from taskloom_diffusion.fragments.excision import excise
from taskloom_diffusion.fragments.filling import begin, fragment_tokenizer
from taskloom_diffusion.fragments.fixed import Fixed, grown_order, holds
from taskloom_diffusion.fragments.lengths import room_for
from taskloom_diffusion.fragments.pairing import LinkPairing
from taskloom_diffusion.fragments.scoring import Archive, Score, Scored, auc_top_10, ranked
from taskloom_diffusion.tokenizers.fragments import FragmentTokenizer, molecule_of
from taskloom_diffusion.tokenizers.symbols import split_smiles

CHILDREN = 32
"""Molecules that are drawn in a round."""
_PARENTS, _FRAGMENTS, _SHIFT = 100, 100, 10.0
_REMASK, _JOIN = 0.6, 0.8
_NEAR = 3
# Rounds without a single new molecule after which none is to be expected.
_MOST_EMPTY = 25


@dataclass
class FragmentSearch:
    """A search that is over.

    Attributes:
        archive: Every molecule that was scored.
        budget: Calls that there were to make.
        free: Drawn molecules that cost no call, by reason: no molecule, not as given, scored before.
        ended: Why it ended before its budget; empty if it did not.
    """

    archive: Archive
    budget: int
    free: Counter[str] = field(default_factory=Counter)
    ended: str = ""

    @property
    def best(self) -> list[Scored]:
        """The ten molecules of the highest scores."""
        return self.archive.best(10)

    @property
    def auc(self) -> float:
        """AUC top-10 over the budget."""
        return auc_top_10([entry.score for entry in self.archive.entries], self.budget)

    def sentence(self) -> str:
        """Return what came of it, in words."""
        told = f"{len(self.archive)} calls, AUC top-10 {self.auc:.4f}"
        free = ", ".join(f"{count} {reason}" for reason, count in self.free.most_common())
        told += f"; drawn without a call: {free}" if free else ""
        failed = self.archive.failures
        if failed:
            told += f"; the score failed for {len(failed)}, first for '{failed[0].smiles}': {failed[0].failed}"
        return told + (f"; {self.ended}" if self.ended else "")


def search(
    designer: Designer,
    score: Score,
    start: Sequence[str],
    *,
    archive: Archive,
    budget: int,
    lock: str = "",
) -> FragmentSearch:
    """Return molecules of high score.

    A call is a new canonical SMILES given to the score; what fails, was scored before, or does not hold what it should costs none.
    Draws are a function of (seed, round, child), so a search that goes on from its archive ends as one that was never stopped.

    Args:
        designer: A model of fragments.
        score: The function: canonical SMILES to numbers, more is better.
        start: Molecules to begin with.
        archive: What was scored already.
        budget: Calls to make.
        lock: SMILES or SMARTS of a part that every molecule must hold.

    Raises:
        UsageError: There is nothing to begin with, or nothing of it holds the lock.
        ConfigError: The score failed too often.
    """
    first = [s for s in dict.fromkeys(map(molecule_of, start)) if s and holds(s, lock)]
    if not first:
        raise UsageError(
            f"none of {len(start)} molecules to start from "
            + (f"holds the lock '{lock}'" if lock else "can be read")
        )
    found = FragmentSearch(archive, budget)
    archive.ask(score, first[:budget], 0)
    last = max((entry.round for entry in archive.entries), default=0)
    number = max(last, 1)
    empty = 0
    while len(archive) < budget or number <= last:
        round_ = _Round(designer, archive.before(number), number, lock)
        children, free = round_.children()
        # In a round that was begun before, what it had scored counts as its own.
        ours = {entry.smiles for entry in archive.entries if entry.round == number}
        new = [smiles for smiles in children if smiles in ours or smiles not in archive]
        found.free += free
        found.free["scored before"] += len(children) - len(new)
        room = budget - len(archive) + len(ours)
        archive.ask(score, new[: max(room, 0)], number)
        empty = 0 if new else empty + 1
        number += 1
        if empty >= _MOST_EMPTY:
            found.ended = f"{_MOST_EMPTY} rounds drew nothing new"
            break
    return found


class _Round:
    """Children of one round.

    Args:
        designer: A model of fragments.
        archive: What was scored before the round.
        number: Number of the round.
        lock: What every child must hold.
    """

    def __init__(
        self, designer: Designer, archive: Sequence[Scored], number: int, lock: str
    ) -> None:
        self.designer = designer
        self.tokenizer: FragmentTokenizer = fragment_tokenizer(designer.model)
        self.number = number
        self.lock = lock
        self.parents = ranked(archive)[:_PARENTS]
        self.vocabulary = [] if lock else self._vocabulary(archive)

    def _vocabulary(self, archive: Sequence[Scored]) -> list[str]:
        """Return the fragments of one link whose molecules have the highest scores on average."""
        sums: dict[str, list[float]] = {}
        for entry in archive:
            if entry.score is not None:
                for piece in set(map(_alone, cut(entry.smiles, self.tokenizer.cuts).pieces)):
                    sums.setdefault(piece, []).append(entry.score)
        means = [
            (-sum(scores) / len(scores), piece)
            for piece, scores in sums.items()
            if len(links_of(piece)) == 1
        ]
        return [piece for _, piece in sorted(means)[:_FRAGMENTS]]

    def children(self) -> tuple[list[str], Counter[str]]:
        """Return the molecules that passed, and how many did not, by reason."""
        model = self.designer.model
        free: Counter[str] = Counter()
        plans: list[tuple[int, Fixed, list[int]]] = []
        for child in range(CHILDREN):
            random = np.random.default_rng(
                derive_seed(self.designer.seed, f"round/{self.number}", child)
            )
            planned = self._plan(random)
            if planned is None:
                free["nothing to take away"] += 1
            else:
                plans.append((child, *planned))
        if not plans:
            return [], free
        steering = None
        if self.designer.pair_links:
            steering = LinkPairing(self.tokenizer, model.mask_token_id)
        made = complete(
            model,
            self.designer.sampler,
            [ids for _, _, ids in plans],
            seed=derive_seed(self.designer.seed, "children", self.number),
            batch_size=CHILDREN,
            numbers=[child for child, _, _ in plans],
            steering=steering,
        )
        found = []
        for (_, fixed, _), ids in zip(plans, made.tokens, strict=True):
            end = self.tokenizer.end_id
            text = self.tokenizer.written(ids[: ids.index(end)] if end in ids else ids)
            verdict = excise(text, fixed)
            if verdict.fault:
                free["no molecule" if verdict.fault == "valid" else "not as given"] += 1
            elif not holds(verdict.smiles, self.lock):
                free["without the lock"] += 1
            else:
                found.append(verdict.smiles)
        return list(dict.fromkeys(found)), free

    def _plan(self, random: np.random.Generator) -> tuple[Fixed, list[int]] | None:
        """Return what stays of a molecule, and its text with the gap as masks; None where nothing fits."""
        kind = random.random()
        if _REMASK <= kind < _JOIN and len(self.vocabulary) > 1:
            first, second = (
                self.vocabulary[int(i)] for i in random.choice(len(self.vocabulary), 2)
            )
            # Both begin to count at 50, and are not joined.
            return self._with_gap(_apart([first, second.replace("%50", "%51")]), None, random)
        weights = 1 / (_SHIFT + np.arange(len(self.parents)))
        parent = self.parents[int(random.choice(len(weights), p=weights / weights.sum()))]
        pieces = list(cut(parent.smiles, self.tokenizer.cuts).pieces)
        if len(pieces) < 2:
            return None
        terminal = kind >= _JOIN
        options = [
            taken for taken in self._takings(pieces, terminal) if self._is_free(pieces, taken)
        ]
        if not options:
            return None
        taken = options[int(random.integers(len(options)))]
        rest = [piece for i, piece in enumerate(pieces) if i not in taken]
        lost = ".".join(pieces[i] for i in taken)
        own = None if terminal else len(split_smiles(lost))
        return self._with_gap(_apart(rest), own, random)

    def _takings(self, pieces: Sequence[str], terminal: bool) -> list[frozenset[int]]:
        """Return sets of fragments that may go: one, or two that are joined; or for `terminal` one at an end, or all of these."""
        links = [set(links_of(piece)) for piece in pieces]
        ones = [frozenset([i]) for i in range(len(pieces))]
        if terminal:
            ends = [i for i in range(len(pieces)) if len(links[i]) == 1]
            every = frozenset(ends)
            return [frozenset([i]) for i in ends] + [every] * (1 < len(every) < len(pieces))
        pairs = [
            frozenset([i, j])
            for i in range(len(pieces))
            for j in range(i)
            if links[i] & links[j] and len(pieces) > 2
        ]
        return [*ones, *pairs]

    def _is_free(self, pieces: Sequence[str], taken: frozenset[int]) -> bool:
        if not self.lock:
            return True
        rest = [piece for i, piece in enumerate(pieces) if i not in taken]
        return holds(closed(joined(grown_order(rest))), self.lock)

    def _with_gap(
        self, fixed: Fixed, own: int | None, random: np.random.Generator
    ) -> tuple[Fixed, list[int]] | None:
        model = self.designer.model
        try:
            ids = begin(model, fixed)
        except UsageError:
            return None  # too long for the model
        room, least = room_for(model, ids), len(fixed.open_links) + 1
        if own is not None and random.random() < 0.5:
            gap = own + int(random.integers(-_NEAR, _NEAR + 1))
        elif self.designer.known is not None:
            law = self.designer.known.gaps.law(least - 1, len(ids) - 1, room)
            gap = int(random.choice(len(law), p=law))
        else:
            gap = int(random.integers(least, room + 1))
        gap = min(max(gap, least), room)
        return fixed, [*ids, *[model.mask_token_id] * gap]


def _alone(piece: str) -> str:
    """Return a fragment with links numbered as if it stood alone."""
    return "".join(renumbered(split_smiles(piece)))


def _apart(pieces: Sequence[str]) -> Fixed:
    """Return fragments as what stays: links that another of them closes are closed, others open."""
    text = joined(grown_order(pieces))
    fixed = Fixed(text, text, ())
    return Fixed(text, text, tuple(str(n) for n, _ in enumerate(fixed.open_links, 1)))
