"""Files that are judged line by line: each figure is its line's own, memory stays flat, and what was stopped goes on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from taskloom import open_run
from taskloom.errors import ConfigError, UsageError
from taskloom.opening import task_of
from taskloom_diffusion.corpora.corpus import SourceRow
from taskloom_diffusion.evaluation.answer_file import AnswerFile, FileRequest
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.evaluation.completion import complete_file, complete_one
from taskloom_diffusion.evaluation.judged_file import JudgedFile, Line
from taskloom_diffusion.evaluation.judging import of_file
from taskloom_diffusion.evaluation.streamed import CHUNK, Draws, Record, Totals, answers, judge
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.time_samplers.base import TimeSampler
from taskloom_diffusion.time_samplers.mask_rates import LogUniform
from taskloom_diffusion.time_samplers.times import LowDiscrepancy
from taskloom_diffusion.tokenizers.extent import measure
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.module import DiffusionModule
from tests_sizes import size

HOW = Draws(3, 0, None, 8)
MIXED = ["CCO one", "OCC", "nonsense", "CCCC", "", "*CC[Xe]*", "C" * 90, "CC=O", "CCO again"]


@pytest.fixture(scope="module")
def model(trained_run: Path) -> DiffusionModel:
    """The tiny model of polymers."""
    found: DiffusionModel = open_run(trained_run).load("model")
    return found


@pytest.fixture
def mixed(trained_run: Path, model: DiffusionModel, tmp_path: Path) -> JudgedFile:
    """A file with lines that are kept and lines that are not."""
    path = tmp_path / "mixed.smi"
    path.write_text("".join(f"{text}\n" for text in MIXED))
    return JudgedFile(path, "", task_of(open_run(trained_run)).config, model.tokenizer)


def found(model: DiffusionModel, file: JudgedFile, how: Draws = HOW) -> list[Record]:
    return [record for records in judge(model, file, how) for record in records]


def test_every_line_has_an_answer_in_its_place(model: DiffusionModel, mixed: JudgedFile) -> None:
    records = found(model, mixed)
    assert [record["line"] for record in records] == list(range(1, len(MIXED) + 1))
    left_out = {record["line"]: record.get("left_out") for record in records}
    assert left_out == {
        **dict.fromkeys((1, 2, 4, 8, 9)),
        **{3: "unparsable", 5: "empty", 6: "unknown_token", 7: "too_long"},
    }
    assert (records[0]["columns"], records[1]["as_read"]) == ({"name": "one"}, "OCC")
    totals = Totals()
    for record in records:
        totals.add(record)
    assert totals.tally.counts == dict.fromkeys(
        ("unparsable", "empty", "unknown_token", "too_long"), 1
    )
    assert totals.tally.lines == len(MIXED)


@pytest.mark.parametrize(
    "levels", [None, LowDiscrepancy(), LogUniform()], ids=lambda c: getattr(c, "kind", "")
)
def test_a_figure_is_that_of_its_molecule_alone(
    model: DiffusionModel, mixed: JudgedFile, levels: TimeSampler | None
) -> None:
    """Written otherwise, beside others, in another order or another batch."""
    how = Draws(3, 0, levels, 8)
    alone = {r["line"]: r["nats"] for r in found(model, mixed, how) if "nats" in r}
    assert alone[1] == alone[2] == alone[9]
    mixed.path.write_text("".join(f"{text}\n" for text in ["CCCCC", "C=CC", *reversed(MIXED)]))
    turned = {
        r["line"]: r["nats"] for r in found(model, mixed, Draws(3, 0, levels, 2)) if "nats" in r
    }
    for line, nats in alone.items():
        assert turned[3 + len(MIXED) - line] == pytest.approx(nats, rel=1e-5)


def test_totals_are_the_bound_of_all_at_once(model: DiffusionModel, mixed: JudgedFile) -> None:
    totals = Totals()
    records = [record for record in found(model, mixed, Draws(64, 0, None, 8)) if "nats" in record]
    for record in records:
        totals.add(record)
    bound = totals.bound(model, None)
    nats, tokens = (np.array([r[name] for r in records]) for name in ("nats", "tokens"))
    assert bound.nats_per_token == pytest.approx(nats.sum() / tokens.sum(), rel=1e-12)
    residual = nats - bound.nats_per_token * tokens
    count = len(records)
    error = np.sqrt((residual**2).sum() * count / (count - 1)) / tokens.sum()
    assert bound.standard_error == pytest.approx(error, rel=1e-9)
    assert bound.num_characters == sum(len(record["text"]) for record in records)
    store = TokenStore([model.tokenizer.encode(record["text"]) for record in records])
    whole = estimate_bound(model, store, num_draws=64, batch_size=8, seed=1)
    apart = abs(whole.nats_per_token - bound.nats_per_token)
    spread = np.hypot(*(np.sqrt(sum(e**2 for e in errors)) / tokens.sum() for errors in (
        [r["standard_error"] for r in records], [e for _, e in whole.each]
    )))  # fmt: skip
    assert apart < 4 * spread


def test_bounds_of_rows_are_unbiased_under_blocks(module: object, integrate: object) -> None:
    """Blocks have levels of their own: over many seeds the mean is that of the estimator over all at once."""
    del integrate
    task: DiffusionModule = module(block_size=2)  # type: ignore[operator]  # the fixture's function
    with torch.no_grad():
        for weights in task.model.parameters():
            weights.normal_(std=0.3, generator=torch.Generator().manual_seed(weights.numel()))
    task.eval()
    rows = [[3, 4, 5, 3, 4], [4, 4, 3]]
    lines = [
        Line(SourceRow(i, ""), [measure(task.tokenizer, task.tokenizer.decode(row))])
        for i, row in enumerate(rows)
    ]
    ours = np.array([
        [r["nats"] for r in next(answers(task, iter(lines), Draws(2, seed, None, 8)))]
        for seed in range(size("bounds_of_small_corpora"))
    ])  # fmt: skip
    theirs = np.array([
        [nats for nats, _ in estimate_bound(task, TokenStore(rows), num_draws=2, batch_size=8, seed=seed).each]
        for seed in range(size("bounds_of_small_corpora"))
    ])  # fmt: skip
    error = np.sqrt(ours.var(0) / len(ours) + theirs.var(0) / len(theirs))
    assert np.all(np.abs(ours.mean(0) - theirs.mean(0)) < 4 * error)


def test_memory_does_not_grow_with_the_file(model: DiffusionModel) -> None:
    """Four times the lines, the same peak, whatever is written where."""

    cco = measure(model.tokenizer, "CCO")

    def lines(count: int) -> Iterator[Line]:
        for number in range(count):
            # Each a row of its own, with a column: nothing is shared.
            row = SourceRow(number + 1, f"CC{number}", {"name": f"number {number}" * 20})
            kept = [cco] if number % 4 == 0 else []
            yield Line(row, kept, () if kept else ("unparsable",))

    def peak(count: int) -> int:
        totals = Totals()
        tracemalloc.start()
        try:
            for records in answers(model, lines(count), Draws(1, 0, None, 250)):
                for record in records:
                    totals.add(record)
            assert totals.tally.lines == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    once = size("streamed_lines")
    peak(CHUNK)
    assert peak(4 * once) < 1.2 * peak(once)


def test_what_was_stopped_goes_on_bit_for_bit(
    trained_run: Path, model: DiffusionModel, mixed: JudgedFile, tmp_path: Path
) -> None:
    run = open_run(trained_run)
    task = task_of(run)
    asked = {"draws": 3, "seed": 0, "levels": None}
    mixed.path.write_text("".join(f"C{'C' * (n % 7)}O {n}\n" for n in range(CHUNK + 50)))
    whole, stopped = tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    request = FileRequest(mixed.path, out=whole)
    expected = of_file(run, task, model, request, **asked)
    assert len(whole.read_text().splitlines()) == CHUNK + 50

    def stop(records: object) -> None:
        raise KeyboardInterrupt

    request = FileRequest(mixed.path, out=stopped)
    with pytest.raises(KeyboardInterrupt):
        of_file(run, task, model, request, show=stop, **asked)
    assert not stopped.exists()
    part = stopped.with_name("stopped.jsonl.part")
    part.write_bytes(part.read_bytes() + b'{"line": 10')  # torn
    with pytest.raises(
        UsageError, match="was begun otherwise: draws was 3 and is 4; go on as before, or remove"
    ):
        of_file(run, task, model, request, **{**asked, "draws": 4})
    again = of_file(run, task, model, request, **asked)
    assert stopped.read_bytes() == whole.read_bytes()
    assert again.bound == expected.bound
    assert again.totals.tally == expected.totals.tally
    assert list(tmp_path.glob("*.part*")) == []
    with pytest.raises(KeyboardInterrupt):
        of_file(run, task, model, request, show=stop, **asked)
    mixed.path.write_text("CCO\n")
    with pytest.raises(UsageError, match="was begun otherwise: the file has changed"):
        AnswerFile(stopped, request, {"run": run.id, **asked})


def test_templates_of_a_file_are_completed_as_if_each_were_alone(
    model: DiffusionModel, mixed: JudgedFile
) -> None:
    templates = ["*C[MASK]{3}* first", "*CC*", "*C[Xe][MASK]*", "", "C[MASK]{90}", "CC[MASK]{2}"]
    mixed.path.write_text("".join(f"{text}\n" for text in templates))
    asked = {"num": 3, "seed": 5}
    done = complete_file(model, FirstHitting(), mixed.path, "", mixed.config, refuse=False, **asked)
    assert done.tally.counts == {"no_gap": 1, "unknown_token": 1, "empty": 1, "too_long": 1}
    assert [(row["line"], row["columns"]) for row in done.rows] == [(1, {"name": "first"}), (6, {})]
    for row in done.rows:
        assert row["texts"] == complete_one(model, FirstHitting(), row["template"], **asked).texts
    with pytest.raises(ConfigError, match=r"1 of 6 lines .* the first: in the template, the token"):
        complete_file(model, FirstHitting(), mixed.path, "", mixed.config, refuse=True, **asked)


def test_lines_begin_anywhere(mixed: JudgedFile) -> None:
    whole = [line.row for line in mixed.lines()]
    assert [line.row for line in islice(mixed.lines(4), 3)] == whole[4:7]
