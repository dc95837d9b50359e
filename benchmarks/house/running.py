"""Runs the entries of a list by the command line `tasks`, and reads what they left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cases import Command, Entry, Parameters, Stopped, Sweep
from contents import Contents, Described

_ERROR = "error"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Small networks with weights from a formula, in the form that the users and assistants named `learned` read.
_POLICIES = """
import json, sys, zipfile, io, torch
def save(path, role, keys, inputs, outputs):
    wave = lambda *shape: torch.sin(torch.arange(torch.Size(shape).numel(), dtype=torch.float32)).reshape(shape)
    state = {"mlp_extractor.policy_net.0.weight": wave(5, inputs), "mlp_extractor.policy_net.0.bias": wave(5),
             "action_net.weight": wave(outputs, 5), "action_net.bias": wave(outputs)}
    weights = io.BytesIO()
    torch.save(state, weights)
    facts = {"format": "taskloom-hci-policy", "version": 1, "role": role, "keys": keys, "low": [0.0] * inputs,
             "span": [8.0] * inputs, "activation": "tanh"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("policy.pth", weights.getvalue())
        archive.writestr("taskloom.json", json.dumps(facts))
save(sys.argv[1] + "/user.zip", "user", ["task_state__position", "user_state__goal"], 2, 3)
save(sys.argv[1] + "/assistant.zip", "assistant", ["task_state__position", "task_state__targets"], 4, 9)
"""


@dataclass
class Runner:
    """Runs entries of one domain in a store of its own.

    Attributes:
        tasks: The command `tasks`.
        domain: The domain.
        folder: A folder for the store and everything else; emptied.
        found: What the runs and commands left, by `domain/entry/label`.
        runs: Folders of runs, by `entry/label`.
    """

    tasks: Path
    domain: str
    folder: Path
    found: dict[str, dict[str, Described]] = field(default_factory=dict)
    runs: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.store, self.files = self.folder / "store", self.folder / "files"
        for folder in (self.store, self.files):
            folder.mkdir(parents=True)
        self.contents = Contents({"store": self.store, "files": self.files, "folder": self.folder})
        if self.domain == "hci":
            python = str(self.tasks.with_name("python"))
            subprocess.run([python, "-c", _POLICIES, str(self.files)], check=True)
        words = [a + b + c for a in "abcd" for b in "aeiou" for c in ("", "n", "st")]
        (self.files / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")

    def run(self, entry: Entry) -> None:
        """Run an entry and keep what it left."""
        if isinstance(entry, Sweep):
            self._sweep(entry)
        elif isinstance(entry, Stopped):
            self._stopped(entry)
        else:
            self._command(entry)

    def _sweep(self, sweep: Sweep) -> None:
        file = self.folder / f"{sweep.name}.json"
        rows = [self._filled({**sweep.shared, **point}) for point in sweep.points.values()]
        file.write_text(json.dumps({"runs": rows}, indent=1), encoding="utf-8")
        words = (
            "sweep",
            self.domain,
            sweep.task,
            "--file",
            str(file),
            "--executor=inline",
            "--force",
        )
        done = self._call((*words, "--json", "--store", str(self.store)))
        runs = json.loads(done.stdout)["runs"] if done.stdout.startswith("{") else []
        if len(runs) != len(sweep.points):
            self._failed(sweep.name, done, f"{len(runs)} runs of {len(sweep.points)}")
            return
        for label, run in zip(sweep.points, runs, strict=True):
            self._keep_run(f"{sweep.name}/{label}", Path(run["dir"]))

    def _stopped(self, entry: Stopped) -> None:
        store = self.folder / "stopped"
        words = [f"--{k}={_written(v)}" for k, v in self._filled(entry.parameters).items()]
        line = [str(self.tasks), "run", self.domain, entry.task, *words, "--store", str(store)]
        process = subprocess.Popen(
            line,
            env=_environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None and _lines(store) < entry.lines:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate()
        folder = next(path.parent for path in store.glob("*/run.json"))
        status = json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"]
        print(
            f"  {self.domain}/{entry.name}: {status} after {_lines(store)} lines", file=sys.stderr
        )
        if status != "finished":
            self._call(("resume", folder.name, "--store", str(store)))
        self.contents.folders = {**self.contents.folders, "stopped": store}
        self._keep_run(f"{entry.name}/resumed", folder)

    def _command(self, command: Command) -> None:
        left = self.folder / f"left-{command.name}"
        left.mkdir()
        words = [self._put_in(word).replace("{dir}", str(left)) for word in command.words]
        if command.stored:
            words += ["--store", str(self.store)]
        before = set(self.files.rglob("*"))
        done = self._call(words, command.typed)
        if done.returncode:
            self._failed(command.name, done, f"exit code {done.returncode}")
        items = {"output": self.contents.text(done.stdout)} | self.contents.folder(left)
        for path in sorted(set(self.files.rglob("*")) - before):
            if path.is_file():
                name = path.parent.relative_to(self.files).as_posix()
                items |= {f"files/{name}/{k}": v for k, v in self.contents.file(path).items()}
        self.found.setdefault(f"{self.domain}/{command.name}", {}).update(items)

    def _keep_run(self, name: str, folder: Path) -> None:
        self.runs[name] = folder
        self.found[f"{self.domain}/{name}"] = self.contents.run(folder)
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if record["status"] != "finished":
            why = (record.get("failure") or {}).get("message", "")
            print(f"  {self.domain}/{name} is {record['status']}: {why}", file=sys.stderr)

    def _failed(self, name: str, done: subprocess.CompletedProcess[str], what: str) -> None:
        text = f"{what}: {' '.join(done.stderr.split()[-60:])}"
        print(f"  {self.domain}/{name}: {text}", file=sys.stderr)
        self.found[f"{self.domain}/{name}"] = {_ERROR: self.contents.text(what)}

    def _call(self, words: Sequence[str], typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.tasks), *words],
            env=_environment(), cwd=self.folder, input=typed, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def _filled(self, parameters: Parameters) -> dict[str, object]:
        """Return parameters with folders in the place of their names."""
        return {
            name: self._put_in(value) if isinstance(value, str) else value
            for name, value in parameters.items()
        }

    def _put_in(self, word: str) -> str:
        word = word.replace("{files}", str(self.files))
        if "{run:" in word:
            before, _, rest = word.partition("{run:")
            name, _, after = rest.partition("}")
            word = f"{before}{self.runs.get(name, self.folder / 'missing')}{after}"
        return word


def _environment() -> dict[str, str]:
    """Return the environment without settings of `tasks`, and with one thread."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TASKS_", "TASKLOOM_"))}
    return {**kept, **dict.fromkeys(_THREADS, "1")}


def _lines(store: Path) -> int:
    """Return how many lines of metrics the only run of a store has."""
    return sum(path.read_bytes().count(b"\n") for path in store.glob("*/metrics.jsonl"))


def _written(value: object) -> str:
    """Return a value as an option has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
