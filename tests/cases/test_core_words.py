"""What a user types is taken as it was meant, and what a program prints is what was promised."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cases_tasks import Tasks, done
from cases_verdict import verdict
from tests_sizes import size

Plugin = Callable[..., Tasks]

DOCS = Path(__file__).parents[2] / "docs"
CHOICES = """
import enum
from typing import Literal
from taskloom import Config, Result, RunContext

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

class Choices(Config):
    level: Literal[1, 2, 3] = 1
    bias: Literal[True, False, "auto"] = "auto"
    colour: Colour = Colour.RED

    def run(self, ctx: RunContext) -> Result:
        return Result({"level": float(self.level)})
"""
TALK = """
from taskloom import Config, Result, RunContext

class Talk(Config):
    prompt: str = "hi"
    words: list[str] = []

    def run(self, ctx: RunContext) -> Result:
        return Result({"n": float(len(self.prompt))})
"""
NOISE = """
import subprocess
from taskloom import Config, Result, RunContext

class Noise(Config):
    def run(self, ctx: RunContext) -> Result:
        print("PRINTED")
        subprocess.run(["echo", "FROM-A-CHILD"])
        return Result({"x": 1.0})
"""
SAY = """
from taskloom import Config, Result, RunContext

class Say(Config):
    word: str = "hi"

    def run(self, ctx: RunContext) -> Result:
        return Result({"x": 1.0})
"""
# Runs each of the command lines on a machine without that function, and prints the exit codes.
ELSEWHERE = """
import json, os, sys
if hasattr(os, "sched_getaffinity"):
    del os.sched_getaffinity
if hasattr(os, "process_cpu_count"):  # from Python 3.13 on; where the other is missing it is this
    os.process_cpu_count = os.cpu_count
from taskloom.cli import main

def code(words):
    try:
        return int(main(words))
    except AttributeError as error:
        return str(error)

print(json.dumps([code(words) for words in json.loads(sys.argv[1])]), file=sys.stderr)
"""


def test_choices_that_are_no_texts(plugin: Plugin) -> None:
    """Takes integers, booleans and members of an enumeration from words, variables and sweeps, as from a file.

    Compare mauvilsa/jsonargparse#427 and knowsuchagency/mcp2cli#83.
    """
    tasks = plugin("choosing", CHOICES, one="Choices")
    wrong = []
    for words, variables, wanted in (
        (["--level=2"], {}, "level = 2"),
        (["--bias=true"], {}, "bias = true"),
        (["--colour=2"], {}, "colour = 2"),
        ([], {"TASKS__LEVEL": "3"}, "level = 3"),
    ):
        answer = tasks.call("run", "choosing", "one", *words, "--print-config", **variables)
        if wanted not in answer.stdout:
            wrong.append(f"{words or variables}: {answer.stderr.strip()[:120]}")
    answer = tasks.call("sweep", "choosing", "one", "--level=1,2,3", "--dry-run")
    if len(answer.stdout.splitlines()) != 3:
        wrong.append(f"a sweep: {answer.stderr.strip()[:120]}")
    verdict(not wrong, f"{5 - len(wrong)} of 5 ok; {'; '.join(wrong)}", "5 of 5 ok")


def test_comma_in_the_text_of_a_sweep(plugin: Plugin) -> None:
    """Reads the points `hello, world` and `c`: quotation marks hold a text together and are no part of it.

    Compare hydra-ecosystem/hydra#573 and #96.
    """
    tasks = plugin("talking", TALK, one="Talk")
    prompts = '--prompt="hello, world",c'
    answer = done(tasks.call("sweep", "talking", "one", prompts, "--dry-run", "--json"))
    points = [point["config"]["prompt"] for point in json.loads(answer.stdout)]
    answer = tasks.call("run", "talking", "one", '--words=a,"b,c"', "--print-config")
    words = "refused"
    if answer.returncode == 0:
        words = answer.stdout[answer.stdout.find("words") :].split("\n\n")[0]
    is_listed = words == "refused" or ("b,c" in words and '\\"' not in words and "'\"" not in words)
    verdict(
        points == ["hello, world", "c"] and is_listed,
        f"{points} and {words}",
        "['hello, world', 'c'] and the words a and b,c (or a refusal)",
    )


def _documented_searches() -> list[list[str]]:
    """Return the words of the first two searches that the guide to sweeps prints, with few trials."""
    (page,) = DOCS.rglob("sweeps.md")
    lines = re.findall(r"^\s*\$? ?(tasks sweep .*--optimize.*)$", page.read_text("utf-8"), re.M)
    searches = [shlex.split(line, comments=True)[1:] for line in lines[:2]]
    assert len(searches) == 2, f"{page} prints no two searches"
    for words in searches:
        if "--trials" in words:
            words[words.index("--trials") + 1] = str(size("documented_trials"))
    return searches


@pytest.mark.slow
def test_documented_searches_run(make_tasks: Callable[[], Tasks]) -> None:
    """Ends with 0 and 0 as printed; a range for a choice and a metric that no run has are refused before any run."""
    codes = []
    for words in _documented_searches():
        codes.append(make_tasks().call(*words, "--executor=inline").returncode)
    tasks = make_tasks()
    few = ("--trials", "2", "--executor=inline")
    ranged = tasks.call(
        *("sweep", "anomaly", "backdoor", "--detector.shrinkage=log:1e-4:1"),
        *("--optimize", "metrics.auroc/fused:max", *few),
    )
    unknown = tasks.call(
        *("sweep", "anomaly", "toy_features", "--detector=knn", "--detector.k=1:20"),
        *("--optimize", "metrics.auroc:max", *few),
    )
    is_told = "auroc/fused" in unknown.stderr + unknown.stdout
    found = codes, [ranged.returncode, unknown.returncode]
    made = len(list(tasks.store.rglob("run.json")))
    verdict(
        found == ([0, 0], [2, 2]) and is_told and made == 0,
        f"{found}, right name told: {is_told}, runs made: {made}",
        "([0, 0], [2, 2]), told, none",
    )


def test_json_beside_prints(plugin: Plugin) -> None:
    """Prints one JSON document: what the task and its children print is kept in the run's folder instead.

    Compare guildai/guildai#508, and the captured output of IDSIA/sacred.
    """
    tasks = plugin("noisy", NOISE, one="Noise")
    answer = tasks.run("run", "noisy", "one", "--json")
    try:
        parses = json.loads(answer.stdout)["metrics"] == {"x": 1.0}
    except ValueError:
        parses = False
    files = [path for path in tasks.store.rglob("*") if path.is_file()]
    kept = [path.name for path in files if b"PRINTED" in path.read_bytes()]
    verdict(
        parses and bool(kept),
        f"parses: {parses}, kept in {kept}",
        "parses: True, kept in a file of the run",
    )


def test_odd_terminals(tasks: Tasks, tmp_path: Path) -> None:
    """Succeeds or fails with a sentence and its own exit code: a closed stream or a full disk is no defect."""
    wrong = []
    complaint = tmp_path / "complaint"

    def look(
        label: str,
        words: list[str],
        streams: str = "",
        allowed: tuple[int, ...] = (0,),
        **variables: str,
    ) -> None:
        complaint.write_text("")
        shell = f'exec "$@" {streams}'
        answer = subprocess.run(
            ["sh", "-c", shell, "sh", Path(sys.executable).with_name("tasks"), *words],
            env={**tasks.environment, **variables},
            cwd=tmp_path,
            capture_output=True,
            timeout=300,
            check=False,
        )
        told = complaint.read_text(errors="replace") + answer.stderr.decode(errors="replace")
        is_defect = "defect of" in told
        if answer.returncode not in allowed or is_defect or "Traceback" in told:
            wrong.append(f"{label}: {answer.returncode}" + ", called a defect" * is_defect)

    game = ["run", "hci", "example", f"--episodes={size('recorded_episodes')}"]
    look("stdout closed", [*game, "--quiet"], f">&- 2>{shlex.quote(str(complaint))}")
    look("stderr closed", [*game, "--seed=2"], "2>&-")
    answer = done(tasks.call("runs", "ls", "--where", "config.seed = 2", "--json"))
    if len(json.loads(answer.stdout)) != 1:
        wrong.append("stderr closed: no run")
    look("stdout full", ["list"], ">/dev/full", allowed=(1, 5))
    look("five columns", ["run", "hci", "example", "--help"], COLUMNS="5")
    long_name = f"--store={tmp_path / ('d' * 256)}"
    look("a name of 256 bytes", [*game, "--seed=5", long_name], allowed=(5,))
    look("3,000 brackets", ["runs", "ls", "--where", "(" * 3000], allowed=(2,))
    verdict(not wrong, "; ".join(wrong), "6 of 6 in order")


def test_texts_of_another_encoding(plugin: Plugin) -> None:
    """Records a text that the locale cannot decode, or refuses it with exit code 2: no answer calls it a defect."""
    tasks = plugin("saying", SAY, one="Say")
    bare = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    wrong = []
    for label, variables, word in (
        ("C locale", bare, "--word=w\u00f6rd".encode()),
        ("no UTF-8", {}, b"--word=\xff\xfe"),
    ):
        answer = tasks.run("run", "saying", "one", os.fsdecode(word), **variables)
        told = answer.stderr
        if answer.returncode not in (0, 2) or "defect" in told or "Traceback" in told:
            wrong.append(f"{label}: exit code {answer.returncode}, {told.strip()[-120:]}")
    verdict(not wrong, "; ".join(wrong), "0 or 2 twice")


def test_without_sched_getaffinity(tasks: Tasks) -> None:
    """Ends a run and a sweep with 0 and 0 where the function does not exist, as on macOS and Windows.

    Compare scverse/scirpy#517, vllm-project/vllm#19120 and python/cpython#81781.
    """
    game = ["hci", "example", "--episodes=2"]
    lines = [["run", *game], ["sweep", *game, "--seed=0:2"]]
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, json.dumps(lines)],
        env=tasks.environment,
        cwd=tasks.store.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    codes = json.loads(answer.stderr.splitlines()[-1])
    verdict(codes == [0, 0], codes, [0, 0])
