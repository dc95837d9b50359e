"""What was computed from other code, other files or another config is never shown as the answer to this command."""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

from cases_tasks import Tasks, done, edit, is_sentence_about, metrics
from cases_verdict import verdict
from tests_sizes import size

Plugin = Callable[..., Tasks]

SCORE = """
from taskloom import Config, Result, RunContext

class Score(Config):
    def run(self, ctx: RunContext) -> Result:
        return Result({"score": 1.0})
"""
READER = """
from pathlib import Path
from taskloom import Config, Result, RunContext

class Reader(Config):
    path: Path = Path("data.csv")

    def run(self, ctx: RunContext) -> Result:
        numbers = [float(word) for word in self.path.read_text().split()]
        return Result({"mean": sum(numbers) / len(numbers)})
"""
COIN = """
from flips import heads
from taskloom import Config, Result, RunContext

class Coin(Config):
    n: int = 1

    def run(self, ctx: RunContext) -> Result:
        return Result({"heads": heads()})
"""
MIXED = """
from taskloom import Config, Result, RunContext

class Mixed(Config):
    n: int = 1

    def run(self, ctx: RunContext) -> Result:
        return Result({"value": 0.0}, summary="first code")
"""
SETS = """
from taskloom import Config, Result, RunContext

class Sets(Config):
    names: set[str] = {"mmlu", "gsm8k", "arc", "hellaswag"}

    def run(self, ctx: RunContext) -> Result:
        return Result({"n": float(len(self.names))})
"""
SECRET = """
from pydantic import SecretStr
from taskloom import Config, Result, RunContext

class Secret(Config):
    key: SecretStr = SecretStr("none")
    note: int = 0

    def run(self, ctx: RunContext) -> Result:
        return Result({"length": float(len(self.key.get_secret_value()))})
"""
LASTING = """
import time
from pathlib import Path
from taskloom import Config, Result, RunContext

class Lasting(Config):
    path: Path = Path("data.csv")

    def run(self, ctx: RunContext) -> Result:
        return self.go(ctx, 0)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        return self.go(ctx, int((checkpoint / "step").read_text()))

    def go(self, ctx, step):
        value = float(self.path.read_text())
        while step < 40:
            step += 1
            time.sleep(0.1)
            ctx.log(step, value=value)
            if ctx.should_stop:
                with ctx.checkpoint(step) as folder:
                    (folder / "step").write_text(str(step))
                break
        return Result({"value": value})
"""


def test_changed_code_is_another_run(plugin: Plugin) -> None:
    """Says 1.0, then 10.0, or names the changed code: the old run is no result of the new source.

    Compare Epistimio/orion#429 and guildai/guildai#41.
    """
    tasks = plugin("coding", SCORE, score="Score")
    module = Path(tasks.environment["PYTHONPATH"]) / "coding_case.py"
    first = metrics(tasks.run("run", "coding", "score", "--json"))["score"]
    edit(module, SCORE.replace("1.0", "10.0"))
    answer = tasks.run("run", "coding", "score", "--json")
    second = metrics(answer)["score"]
    is_told = any(word in answer.stderr.lower() for word in ("code", "source"))
    verdict(
        first == 1.0 and (second == 10.0 or is_told),
        f"{first} {second}",
        "1.0 10.0, or a message that the code has changed",
    )


def test_edited_helper_is_another_run(plugin: Plugin) -> None:
    """Counts 0.0 heads, then 1.0, or says that the code differs: a module that the task imports is its code too."""
    tasks = plugin("stale", COIN, one="Coin")
    helper = Path(tasks.environment["PYTHONPATH"]) / "flips.py"
    heads, told = [], ""
    for value in (0.0, 1.0):
        edit(helper, f"def heads():\n    return {value}\n")
        answer = tasks.run("run", "stale", "one", "--json")
        heads.append(metrics(answer)["heads"])
        told = answer.stderr.lower()
    is_told = any(word in told for word in ("code", "source"))
    verdict(
        heads == [0.0, 1.0] or (heads == [0.0, 0.0] and is_told),
        heads,
        "[0.0, 1.0], or a message that the code has changed",
    )


def test_changed_corpus_is_another_run(tasks: Tasks, tmp_path: Path) -> None:
    """Trains on 112 sequences, then on about 25, or refuses by naming the file: a shortened corpus is another one."""
    counts = itertools.product(range(1, 8), range(2), range(2), range(1, 8))
    molecules = dict.fromkeys("C" * a + "O" * b + "N" * c + "C" * d for a, b, c, d in counts)
    lines = ["smiles", *molecules]
    words = [
        *("run", "diffusion", "file", "--path", "m.csv", "--column=smiles", "--json", "--quiet"),
        *(f"--train.steps={size('begun_training_steps')}", "--denoiser.width=16"),
        *("--denoiser.num_heads=2", "--denoiser.num_layers=1"),
        *("--evaluate.num_samples=2", "--evaluate.num_holdout=3"),
    ]
    corpus = tmp_path / "m.csv"
    corpus.write_text("\n".join(lines) + "\n")
    answer = tasks.call(*words, cwd=tmp_path)
    count = metrics(answer)["corpus/train"]
    first = json.loads(answer.stdout)["id"]
    corpus.write_text("\n".join(lines[:30]) + "\n")
    answer = tasks.call(*words, cwd=tmp_path)
    must = "112, then about 25"
    if answer.returncode:
        came_out = f"{count}, then {answer.stderr.strip()[-200:]}"
        verdict(
            is_sentence_about("m.csv", answer),
            came_out,
            f"{must} or a refusal that names the file",
        )
        return
    again = metrics(answer)["corpus/train"]
    is_new = json.loads(answer.stdout)["id"] != first
    verdict(is_new and again < 40, f"{count}, then {again}", must)


def test_changed_file_is_another_run(plugin: Plugin, tmp_path: Path) -> None:
    """Takes the means 2, 200 and 7, or refuses by naming the file: its content counts, not its relative name."""
    tasks = plugin("reading", READER, mean="Reader")
    here, there = tmp_path / "here", tmp_path / "there"
    for place in (here, there):
        place.mkdir()

    def mean(place: Path) -> float | str:
        answer = tasks.run("run", "reading", "mean", "--json", "--quiet", cwd=place)
        if answer.returncode:
            return answer.stderr.strip() or "no reason"
        return metrics(answer)["mean"]

    def is_right(found: float | str, value: float) -> bool:
        return found == value or (isinstance(found, str) and "data.csv" in found)

    (here / "data.csv").write_text("1 2 3")
    first = mean(here)
    if first != 2.0:
        raise RuntimeError(first)
    (here / "data.csv").write_text("100 200 300")
    second = mean(here)
    (there / "data.csv").write_text("7 7 7")
    third = mean(there)
    verdict(
        is_right(second, 200.0) and is_right(third, 7.0),
        f"{first} {second} {third}",
        "2.0 200.0 7.0, or a refusal that names the file",
    )


def test_sweep_after_an_edit(plugin: Plugin) -> None:
    """Shows three results of the new code, or says which runs other code made: no table mixes both in silence."""
    tasks = plugin("mixed", MIXED, one="Mixed")
    module = Path(tasks.environment["PYTHONPATH"]) / "mixed_case.py"

    def sweep(points: str) -> str:
        answer = done(tasks.run("sweep", "mixed", "one", f"--n={points}", "--executor=inline"))
        return str(answer.stdout + answer.stderr).lower()

    sweep("1,2")
    edit(module, MIXED.replace("0.0", "1.0").replace("first code", "second code"))
    told = sweep("1,2,3")
    old, new = told.count("first code"), told.count("second code")
    phrases = ("other code", "code has changed", "code differs", "code changed", "source")
    is_told = any(phrase in told for phrase in phrases)
    verdict(
        new > 0 and (old == 0 or is_told),
        f"{old} results of the first code, {new} of the second",
        "0 and 3, or a line about the code",
    )


def test_set_fields_have_one_identity(plugin: Plugin) -> None:
    """Finds 1 identity and 1 run: the order of a set of texts is that of the process, not of the config."""
    tasks = plugin("sets", SETS, all="Sets")
    for seed in "123":
        done(tasks.run("run", "sets", "all", "--quiet", PYTHONHASHSEED=seed))
    runs = [json.loads((folder / "run.json").read_text()) for folder in tasks.records()]
    identities = len({run["identity"] for run in runs})
    verdict(
        (identities, len(runs)) == (1, 1),
        f"{identities} identities, {len(runs)} runs",
        "1 identities, 1 runs",
    )


def test_secret_fields(plugin: Plugin) -> None:
    """Reaches the task whole (12, 12), stands in no file, and another secret is another run (4).

    Compare mlflow/mlflow#14955 and allenai/rslearn#687.
    """
    tasks = plugin("keeping", SECRET, secret="Secret")

    def length(*words: str) -> int | str:
        answer = tasks.run("run", "keeping", "secret", "--json", *words)
        return int(metrics(answer)["length"]) if answer.returncode == 0 else answer.stderr.strip()

    inline = length("--key=sk-LEAKED-12")
    placed = length("--key=sk-LEAKED-12", "--note=1", "--executor=local")
    files = [path for path in tasks.store.rglob("*") if path.is_file()]
    leaks = [path.name for path in files if b"sk-LEAKED" in path.read_bytes()]
    other = length("--key=four")
    verdict(
        (inline, placed, len(leaks), other) == (12, 12, 0, 4),
        f"{inline}, {placed}, {len(leaks)} files {sorted(set(leaks))}, {other}",
        "12, 12, 0 files, 4",
    )


def test_resume_elsewhere(plugin: Plugin, tmp_path: Path) -> None:
    """Ends with 100.0, or refuses by naming the file: a relative path keeps the meaning it had when the run began.

    Compare PrimeIntellect-ai/verifiers#803.
    """
    tasks = plugin("lasting", LASTING, one="Lasting")
    here, there = tmp_path / "here", tmp_path / "there"
    for place, number in ((here, "100"), (there, "7")):
        place.mkdir()
        (place / "data.csv").write_text(number)
    with tasks.start("run", "lasting", "one", cwd=here) as process:
        while process.poll() is None and not list(tasks.store.glob("*/metrics.jsonl")):
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(300)
    answer = tasks.run("resume", "@last", "--json", cwd=there)
    must = "100.0, or a refusal that names the file"
    if answer.returncode:
        verdict(is_sentence_about("data.csv", answer), answer.stderr, must)
        return
    value = metrics(answer)["value"]
    verdict(value == 100.0, value, must)
