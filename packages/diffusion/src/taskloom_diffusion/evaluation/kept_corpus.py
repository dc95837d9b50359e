"""The corpus as a run keeps it: its test part whole, the others by fingerprint, so that no verb judges on what was trained on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom import RunContext
from taskloom.errors import ConfigError

from taskloom_diffusion.model.told import as_told, kept_conditions, tensors_of
from taskloom_diffusion.training.batches import TokenStore, fitting
from taskloom_diffusion.training.preparation import (
    BoundCorpus,
    Prepared,
    judged_store,
    prepare,
)

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.tokenizers.base import FittedTokenizer

_CORPUS, _TEST, _LEFT_OUT = "corpus", "test_part", "left_out"
_CONDITIONS = "test_conditions"


def keep_corpus(ctx: RunContext, prepared: Prepared) -> dict[str, Path]:
    """Write what later verbs compare with, and what was left out; return the artifacts."""
    corpus = prepared.corpus
    # By fingerprint: the training part may be as large as the disk, and comparing needs no more.
    facts = {
        "format": 1,
        "name": corpus.name,
        "split": corpus.split,
        "train": prepared.train.fingerprint(),
        "sequences": {
            "train": len(prepared.train),
            "validation": len(corpus.validation),
            "test": len(corpus.test),
        },
        "dropped": corpus.dropped,
        "changed": corpus.changed,
        "too_long": prepared.too_long,
        "notes": list(corpus.notes),
        "packages": _packages(),
        "unfinished": [i for i, text in enumerate(corpus.test) if text in corpus.unfinished],
    }
    written = {_CORPUS: ctx.artifact("corpus.json"), _TEST: ctx.artifact("test_part.jsonl")}
    _write(written[_CORPUS], json.dumps(facts, indent=1) + "\n")
    _write(written[_TEST], "".join(json.dumps(text) + "\n" for text in corpus.test))
    if prepared.conditions:
        written[_CONDITIONS] = ctx.artifact("test_conditions.json")
        told = {text: prepared.values[text] for text in corpus.test}
        kept = kept_conditions(prepared.conditions, 0.0)["conditions"]
        _write(written[_CONDITIONS], json.dumps({"conditions": kept, "values": told}) + "\n")
    if corpus.left_out:
        table = io.StringIO()
        lines = csv.writer(table, lineterminator="\n")
        lines.writerow(("line", "text", "reason"))
        lines.writerows((entry.line, entry.text, entry.reason) for entry in corpus.left_out)
        written[_LEFT_OUT] = ctx.artifact("left_out.csv")
        _write(written[_LEFT_OUT], table.getvalue())
    return written


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="\n")


def _packages() -> dict[str, str]:
    import rdkit  # RDKit is heavy

    return {"rdkit": rdkit.__version__}


def facts_of(run: Run) -> Mapping[str, Any]:
    """Return what a run keeps of its corpus; nothing if it was made before runs kept any."""
    if _CORPUS not in run.artifacts:
        return {}
    found: dict[str, Any] = json.loads(run.read(_CORPUS))
    return found


def with_its_split(run: Run, task: BoundCorpus) -> BoundCorpus:
    """Return the task with the split that the run was made with: its own, or that of earlier versions."""
    facts = facts_of(run)
    return as_before(task) if not facts or facts.get("split") == "legacy" else task


def as_before(task: BoundCorpus) -> BoundCorpus:
    """Return the task with the split of runs that were made before there were three parts."""
    config = task.config.model_copy(update={"split": "legacy"})
    return replace(task, config=config, task=task.factory(config))


def kept_test_part(run: Run, task: BoundCorpus, tokenizer: FittedTokenizer) -> TokenStore:
    """Return the sequences that a run is judged on: those that it kept, whatever has become of its file."""
    if _TEST not in run.artifacts:
        return prepare(as_before(task), tokenizer).test
    # A line separator of Unicode is data, so only line feeds are looked for.
    lines = run.read(_TEST).decode("utf-8", "surrogatepass").split("\n")
    texts: Sequence[str] = [json.loads(line) for line in lines if line]
    unfinished = {texts[i] for i in facts_of(run).get("unfinished", ())}
    store = judged_store(texts, tokenizer, task.config, unfinished)
    if _CONDITIONS in run.artifacts:
        kept = json.loads(run.read(_CONDITIONS))
        fits = fitting(texts, tokenizer, task.config.length_policy, task.config.max_length)
        values = [kept["values"].get(text, {}) for text in fits[: len(store)]]
        store.condition = tensors_of(as_told(kept["conditions"]), values)
    return store


@dataclass(frozen=True)
class Compared:
    """A run's corpus, read again.

    Attributes:
        prepared: The corpus, whose held-out part is the one that the run kept.
        change: How it differs from the one that was trained on, in words; empty if it does not.
    """

    prepared: Prepared
    change: str = ""


def compared(
    run: Run, task: BoundCorpus, tokenizer: FittedTokenizer, *, accept: bool = False
) -> Compared:
    """Return a run's corpus, read again and compared with what was trained on.

    Args:
        run: The run.
        task: Its task.
        tokenizer: Of its model.
        accept: Go on where they differ.

    Raises:
        ConfigError: They differ, and that is not accepted.
    """
    facts = facts_of(run)
    task = with_its_split(run, task)
    prepared = prepare(task, tokenizer)
    if not facts:
        return Compared(prepared)
    # What was tested on once is what is tested on, whatever has become of the file.
    prepared = replace(prepared, test=kept_test_part(run, task, tokenizer))
    if prepared.train.fingerprint() == facts["train"]:
        return Compared(prepared)
    change = _change(facts, prepared)
    if not accept:
        raise ConfigError(
            f"the corpus of run {run.id} is not the one that it was trained on: {change}; put it back, or --accept-changes "
            "compares samples with the training part of now (the test part is the run's own in any case)"
        )
    return Compared(prepared, change)


def _change(facts: Mapping[str, Any], prepared: Prepared) -> str:
    was, now = facts["sequences"]["train"], len(prepared.train)
    parts = [f"'{facts['name']}' had {was} training sequences and has {now}"]
    if was == now:
        parts = [f"'{facts['name']}' has other training sequences, {now} as before"]
    # Another RDKit writes some molecules otherwise, which looks like another file.
    theirs, ours = facts["packages"], _packages()
    parts += [
        f"{name} was {theirs.get(name)} and is {v}"
        for name, v in ours.items()
        if theirs.get(name) != v
    ]
    return "; ".join(parts)
