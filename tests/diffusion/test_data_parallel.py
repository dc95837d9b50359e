"""Data-parallel training: fresh processes that together do exactly what one does alone."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskloom import Resources
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError, ProcessLostError, RunFailedError, UsageError
from taskloom.opening import open_task
from taskloom.registry.entries import Given
from taskloom.testing import MemoryContext
from taskloom_diffusion.config import TrainConfig
from taskloom_diffusion.training.team import share_of_step
from taskloom_diffusion.training.worker import task_of_order
from taskloom_diffusion.training.workers import Workers, order_of, watch


def toy(**train: object) -> BoundTask[Any, Any]:
    fields: dict[str, Any] = {
        "num_tokens": 3,
        "length": 3,
        "num_sequences": 300,
        "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
        "train": {
            "steps": 4, "batch_size": 16, "log_every": 3, "checkpoint_every": 2, "validate_every": 4, **train,
        },
        "evaluate": {"num_samples": 10, "num_holdout": 10, "num_draws": 1},
    }  # fmt: skip
    return open_task("diffusion/toy", fields)


def rows(ctx: MemoryContext) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if not k.startswith("speed")} for row in ctx.rows]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what Lightning would set and leave behind."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.slow
def test_two_processes_are_one_that_accumulates_two_batches_bit_for_bit(tmp_path: Path) -> None:
    alone, together, later = (MemoryContext(tmp_path / n) for n in ("one", "two", "later"))
    expected = toy(accumulate=2).run(alone)
    found = toy(devices=2).run(together)
    # Halving and adding two numbers is exact in either order, so not even rounding differs.
    assert found.artifacts["model"].read_bytes() == expected.artifacts["model"].read_bytes()
    assert found.metrics == expected.metrics
    assert [row["step"] for row in together.rows] == [3, 4]
    for ours, theirs in zip(rows(together), rows(alone), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12)
    # Going on from the middle, where a line of metrics was half summed up.
    middle = next(p for p in sorted((together.dir / "checkpoints").iterdir()) if "2" in p.name)
    resumed = toy(devices=2).run(later, middle)
    assert resumed.artifacts["model"].read_bytes() == expected.artifacts["model"].read_bytes()
    assert rows(later) == rows(together)
    # One process goes on with what two began.
    resumed = toy(accumulate=2).run(MemoryContext(tmp_path / "one again"), middle)
    assert resumed.artifacts["model"].read_bytes() == expected.artifacts["model"].read_bytes()


def test_what_a_run_was_given_does_not_change_what_a_step_is() -> None:
    four = TrainConfig(accumulate=2, devices=2)
    assert [share_of_step(four, processes) for processes in (1, 2, 4)] == [4, 2, 1]
    with pytest.raises(
        ConfigError, match=r"3 processes cannot share the 4 batches of a step .* --train\.devices=3"
    ):
        share_of_step(four, 3)


def test_gpus_that_cannot_share_a_step_are_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    ctx = MemoryContext(tmp_path, resources=Resources(gpus=2))
    with pytest.raises(ConfigError, match="2 processes cannot share the 1 batches"):
        toy().run(ctx)
    assert ctx.rows == []


def test_a_process_that_ends_too_early_is_one_sentence(tmp_path: Path) -> None:
    words = "import sys; print('Traceback', file=sys.stderr); sys.exit('the corpus is gone')"
    workers = Workers(tmp_path, [[sys.executable, "-S", "-c", words]])
    try:
        with pytest.raises(
            RunFailedError, match="process 1 of 2 ended with code 1: the corpus is gone"
        ):
            workers.wait_until_ready()
    finally:
        workers.close()


def test_a_process_that_waits_in_vain_for_a_lost_one_ends(tmp_path: Path) -> None:
    workers = Workers(tmp_path, [[sys.executable, "-S", "-c", "import time; time.sleep(600)"]])
    ends: list[int] = []
    over = threading.Event()
    arguments = {"patience": 0.1, "end": ends.append}
    thread = threading.Thread(target=watch, args=(workers, over), kwargs=arguments)
    thread.start()
    workers.processes[0].kill()
    thread.join(300)
    workers.close()
    assert ends == [1]


@pytest.mark.slow
def test_a_training_process_that_is_killed_ends_the_attempt_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    ctx = MemoryContext(tmp_path / "killed")
    task = toy(devices=2, steps=2000, log_every=1)
    killed: list[int] = []

    def kill() -> None:
        while ctx.latest_checkpoint is None:  # the first line of metrics comes before it
            time.sleep(0.05)
        pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in pids:
            if b"taskloom_diffusion.training.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
                killed.append(int(pid))

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(ProcessLostError, match="training process 1 of 2 was killed by signal 9"):
        task.run(ctx)
    thread.join()
    assert len(killed) == 1
    assert ctx.latest_checkpoint is not None


OWN_SCRIPT = """
import sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import lightning.pytorch as pl, torch
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader
from taskloom_diffusion import CorpusData, DiffusionTask
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import collate
from taskloom_diffusion.training.team import GroupEnvironment, ProcessGroup, gathered, joined

rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
group = ProcessGroup(rank, size, folder / "meet" if size > 1 else None)
torch.manual_seed(0)
rows = [torch.randint(3, 6, (2 + n,)).numpy() for n in range(7)]
task = DiffusionTask({"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2}, {}, {"lr": 1e-2},
                     SymbolTokenizer("char", list("abc")), max_length=9)
torch.nn.init.normal_(task.model.head.weight, generator=torch.Generator().manual_seed(1))
quiet = dict(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
def placed():
    return dict(devices=size, strategy=DDPStrategy(cluster_environment=GroupEnvironment(group))) if size > 1 else {}

with joined(group, gpus=False):
    if size > 1:
        rows_of = torch.arange(3 + rank, dtype=torch.float64) + 10 * rank
        print(gathered(rows_of).tolist(), gathered(torch.ones(2 * rank, 2)).shape)
    loader = DataLoader(rows, batch_size=2, collate_fn=lambda part: collate(part, 0))
    (answer,) = pl.Trainer(**quiet, **placed()).validate(task.double(), loader, verbose=False)
    task.float()
    mine = [collate(rows[2 * n : 2 * n + 2], 0) for n in range(rank, 2, size)]
    trainer = pl.Trainer(max_steps=1, accumulate_grad_batches=2 // size, use_distributed_sampler=False, **quiet, **placed())
    trainer.fit(task, DataLoader(mine, batch_size=None))
    options = {"max_length": 8, "train.batch_size": 3, "train.steps": 4, "train.accumulate": 2}
    def learnt(steps, begin=None):
        data = CorpusData(sys.argv[4], options)
        made = DiffusionTask({"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2}, {}, {"lr": 1e-2},
                             data.tokenizer, **data.arguments)
        trainer = pl.Trainer(max_steps=steps, accumulate_grad_batches=2 // size, use_distributed_sampler=False,
                             limit_val_batches=0, **quiet, **placed())
        trainer.fit(made, data, ckpt_path=begin, weights_only=False)
        if steps == 2:
            trainer.save_checkpoint(folder / "half.ckpt")
        return made.state_dict()
    whole, half, later = learnt(4), learnt(2), learnt(4, folder / "half.ckpt")
    equal = [name for name in whole if torch.equal(torch.as_tensor(whole[name]), torch.as_tensor(later[name]))]
    moved = [name for name in whole if not torch.equal(torch.as_tensor(whole[name]), torch.as_tensor(half[name]))]
    print("resumed", len(whole), len(equal), len(moved))
weights = torch.cat([p.detach().flatten() for p in task.model.parameters()]).double()
print(repr([answer["val_loss"], float(weights.sum()), float((weights * torch.arange(len(weights))).sum())]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Output of the script on one process, and on each of two."""
    found = []
    texts = tmp_path_factory.mktemp("texts") / "mine.smi"
    texts.write_text("\n".join("C" * n + end for n in range(1, 7) for end in "CON"))
    for size in (1, 2):
        folder = tmp_path_factory.mktemp("own")
        script = [sys.executable, "-c", OWN_SCRIPT]
        ranks = [
            subprocess.Popen(
                [*script, str(rank), str(size), str(folder), str(texts)], stdout=subprocess.PIPE, text=True
            )
            for rank in range(size)
        ]  # fmt: skip
        found += [p.communicate(timeout=600)[0].splitlines() for p in ranks]
    return found


@pytest.mark.slow
def test_a_script_of_ones_own_says_the_same_on_two_processes(said: list[list[str]]) -> None:
    """Seven rows on two ranks, of which a sampler repeats one; and a step of two micro-batches, or of one on each."""
    alone, *together = (ast.literal_eval(lines[-1]) for lines in said)
    for held_out, *sums in together:
        assert held_out == pytest.approx(alone[0], abs=1e-12)
        assert sums == pytest.approx(alone[1:], rel=1e-6)


@pytest.mark.slow
def test_a_script_of_ones_own_goes_on_bit_for_bit_on_two_processes(said: list[list[str]]) -> None:
    """Stopped after two of four steps and begun anew from its checkpoint, every number of its state is the same."""
    for lines in said:
        words = next(line for line in lines if line.startswith("resumed")).split()[1:]
        every, equal, moved = map(int, words)
        assert every == equal
        # What two more steps did not move would be equal whatever was resumed.
        assert moved > every // 2


@pytest.mark.slow
def test_processes_with_unequal_numbers_of_rows_learn_from_all_of_them(
    said: list[list[str]],
) -> None:
    """Blocks of padding are no rows, so the batches of two processes seldom have as many."""
    _, *together = said
    told = [next(line for line in lines if "torch.Size" in line) for lines in together]
    assert told == ["[0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 13.0] torch.Size([2, 2])"] * 2


def test_the_other_processes_find_a_task_of_a_file_but_no_class_of_a_notebook(
    tmp_path: Path,
) -> None:
    file = tmp_path / "letters.py"
    file.write_text((Path(__file__).parent / "plugin" / "lab_letters.py").read_text())
    task = open_task(f"{file}:Letters", {"train.devices": 2})
    order = order_of(task, MemoryContext(tmp_path), None, 2, tmp_path / "rendezvous")
    found = task_of_order(json.loads(json.dumps(order)))
    assert (type(found.task).__name__, found.config, found.name) == (
        "Letters",
        task.config,
        task.name,
    )

    cell = replace(task, given=Given("cell", "Letters", source="class Letters: ..."))
    with pytest.raises(UsageError, match=r"Letters is a class of a notebook.* save it in a file"):
        cell.check()
    with pytest.raises(UsageError, match="Letters is a class of a notebook"):
        order_of(cell, MemoryContext(tmp_path), None, 2, tmp_path / "rendezvous")
