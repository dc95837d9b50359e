"""Fragments of the training part as a run keeps them, so that completing a scaffold needs no corpus."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from taskloom import RunContext, derive_seed
from taskloom.errors import UsageError

from taskloom_diffusion.fragments.gaps import GapCounts, TrainingFragments
from taskloom_diffusion.tokenizers.fragments import FragmentTokenizer
from taskloom_diffusion.training.preparation import Prepared

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_NAME = "fragments"
# A vocabulary of fragments has a long tail of those that came once.
_MOST_FRAGMENTS, _NUM_START = 5000, 200


def keep_fragments(ctx: RunContext, prepared: Prepared) -> dict[str, Path]:
    """Write the gaps and the fragments of the training sequences, if they are of fragments; return the artifact."""
    tokenizer = prepared.tokenizer
    if not isinstance(tokenizer, FragmentTokenizer):
        return {}
    gaps: Counter[tuple[int, int, int]] = Counter()
    pieces: Counter[str] = Counter()
    for row in range(len(prepared.train)):
        # In an order like those of the training: what is fixed later may be any of its beginnings.
        ids = tokenizer.varied(prepared.train.get(row), derive_seed(0, "gaps", row))
        # Ends and padding are of the sequence and of no fragment.
        tokens = [token for token in ids.tolist() if token > tokenizer.end_id]
        uses: Counter[int] = Counter()
        begin = 0
        for place, token in enumerate(tokens):
            uses[token] += token in tokenizer.links
            if token == tokenizer.dot_id:
                pieces[_alone(tokenizer, tokens[begin:place])] += 1
                begin = place + 1
                still = sum(times == 1 for times in uses.values())
                # Where a link is open, what follows must close it: such beginnings have other lengths behind them.
                gaps[still, place, len(tokens) - begin] += 1
        pieces[_alone(tokenizer, tokens[begin:])] += 1
    # Training molecules come in the order of their ranks, so the first of them are a sample.
    facts = {
        "format": 1,
        "gaps": [[*key, count] for key, count in sorted(gaps.items())],
        "pieces": pieces.most_common(_MOST_FRAGMENTS),
        "start": list(prepared.corpus.train[:_NUM_START]),
    }
    path = ctx.artifact("fragments.json")
    path.write_text(json.dumps(facts) + "\n", encoding="utf-8", newline="\n")
    return {_NAME: path}


def _alone(tokenizer: FragmentTokenizer, ids: list[int]) -> str:
    """Return a fragment with links numbered as if it stood alone."""
    return tokenizer.written(tokenizer.renumbered(ids))


def fragments_of(run: Run) -> TrainingFragments:
    """Return the gaps and fragments that a run keeps of its training.

    Raises:
        UsageError: Its model does not know fragments.
    """
    if _NAME not in run.artifacts:
        raise UsageError(
            f"run {run.id} was not trained on fragments; train one with --tokenizer=fragments"
        )
    facts = json.loads(run.read(_NAME))
    table = np.array(facts["gaps"], dtype=np.int64).reshape(-1, 4)
    pieces = {str(text): int(count) for text, count in facts["pieces"]}
    return TrainingFragments(GapCounts(table), pieces, tuple(facts["start"]))
