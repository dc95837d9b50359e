"""A secret stands in no file that taskloom writes: the whole store, the reports and the folders of the sinks are searched."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from taskloom.runs import list_runs
from tests_sizes import size

SOURCE = """
import logging
import subprocess
import sys
import warnings

from pydantic import SecretBytes, SecretStr
from taskloom import Config, DomainRef, Result, RunContext, TaskRef
from taskloom.errors import StoreError


class Leaky(Config):
    key: SecretStr = SecretStr("none")
    raw: SecretBytes = SecretBytes(b"")
    note: str = ""
    fails: bool = False

    def run(self, ctx: RunContext) -> Result:
        value = self.key.get_secret_value()
        assert len(value) == 28, value
        print("printed", value, flush=True)
        sys.stderr.write("in two " + value[:9])
        sys.stderr.flush()
        sys.stderr.write(value[9:] + " pieces\\n")
        subprocess.run(["echo", "of a child", value], check=True)
        logging.getLogger("leaky").warning("logged %s", value)
        warnings.warn("warned " + value)
        ctx.log(1, **{"loss": 0.5, "loss of " + value: 1.0})
        ctx.seed("stream of " + value)
        with ctx.progress(2, "for " + value) as progress:
            progress.advance()
        try:
            ctx.artifact(value + ".txt")
        except StoreError as error:
            print("refused:", error)
        if self.fails:
            raise RuntimeError("cannot open https://host/?key=" + value)
        numbers = {"length": float(len(value)), "metric of " + value: 1.0}
        return Result(numbers, summary="with " + value)


domain = DomainRef(
    name="leaky",
    summary="Leaks.",
    extra="",
    tasks=(TaskRef("one", summary="Leaks.", target="leaky_domain:Leaky"),),
)
"""
SINKS = [name for name in ("tensorboard", "mlflow", "wandb") if find_spec(name)]

Tasks = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def token() -> str:
    # What JSON, HTML and addresses write in another way than it is.
    return f'q"&<\u00e4{secrets.token_hex(11)}>'


@pytest.fixture
def tasks(install: Callable[..., Path], forks: Tasks, tmp_path: Path, token: str) -> Tasks:
    """Return `tasks` in a repository whose tracked `.env` holds the token, changed."""
    site = install(
        "leaky", "[taskloom.domains]\nleaky = leaky_domain:domain\n", leaky_domain=SOURCE
    )
    for words in (["init", "-q"], ["add", ".env"], ["commit", "-qm", "x"]):
        (site / ".env").write_text("KEY=\n")
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *words], cwd=site, check=True)
    (site / ".env").write_text(f"KEY={token}\n")

    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        fixed = {"TASKS_STORE": str(tmp_path / "runs"), "MLFLOW_TRACKING_URI": ""}
        return forks(*words, cwd=site, PYTHONPATH=str(site), **fixed, **variables)

    return call


def leaks(folder: Path, token: str) -> list[str]:
    """Return the files below a folder that hold the token in any spelling."""
    data = token.encode()
    forms = {
        data,
        json.dumps(token)[1:-1].encode(),
        json.dumps(token, ensure_ascii=False)[1:-1].encode(),
        quote(token, safe="").encode(),
        quote(token).encode(),
        base64.b64encode(data).rstrip(b"="),
        base64.urlsafe_b64encode(data).rstrip(b"="),
    }
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [
        str(path.relative_to(folder))
        for path in files
        if any(form in path.read_bytes() for form in forms)
    ]


def kept(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*/output.txt"))


def test_a_plain_secret_is_written_nowhere(tasks: Tasks, tmp_path: Path, token: str) -> None:
    done = tasks("run", "leaky", "one", f"--note=x{token}x", TASKS__KEY=token)
    assert done.returncode == 0, done.stderr
    swept = tasks("sweep", "leaky", "one", "--param", f"key={token}", "--seed=1,2", "--fails")
    assert swept.returncode == 1, swept.stderr
    for answer in (done, swept):
        assert token not in answer.stdout + answer.stderr
    assert leaks(tmp_path / "runs", token) == []
    assert kept(tmp_path / "runs").count("in two <secret> pieces\n") == 3
    # Names that a task makes of it too: of metrics and seeds; that of a file is refused.
    (run,) = (item for item in list_runs(tmp_path / "runs") if item.status == "finished")
    assert run.metrics == {"length": 28.0, "metric of <secret>": 1.0}
    assert [row["loss of <secret>"] for row in run.history()] == [1.0]
    assert "stream of <secret>" in run.record.seeds
    assert "refused: The name of an artifact holds" in kept(tmp_path / "runs")
    assert leaks(tmp_path / "site-leaky", token) == [".env"]
    # No record holds the value, so that what began with it cannot go on without it.
    (sweep,) = (path.parent.name for path in (tmp_path / "runs").glob("*/sweep.json"))
    refused = tasks("resume", sweep)
    assert refused.returncode == 2
    assert "--key=env:NAME" in refused.stderr


def test_a_reference_is_kept_and_read_again(tasks: Tasks, tmp_path: Path, token: str) -> None:
    failed = tasks("run", "leaky", "one", "--key=env:MY_KEY", "--fails", MY_KEY=token)
    assert failed.returncode == 1
    assert "cannot open https://host/?key=<secret>" in failed.stderr
    again = tasks("resume", "@last", MY_KEY=token)
    assert again.returncode == 1
    assert "key=<secret>" in again.stderr
    assert "no variable 'MY_KEY'" in tasks("resume", "@last").stderr
    assert leaks(tmp_path / "runs", token) == []
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/run.json"))
    assert "--key=env:MY_KEY" in record["argv"]


def test_a_plain_secret_is_refused_where_files_alone_travel(
    tasks: Tasks, tmp_path: Path, token: str
) -> None:
    refused = tasks("run", "leaky", "one", f"--key={token}", "--executor=slurm")
    assert refused.returncode == 2
    assert "--key=env:NAME" in refused.stderr
    assert list((tmp_path / "runs").glob("*/run.json")) == []


@pytest.mark.slow
@pytest.mark.parametrize("sink", SINKS[: size("searched_sinks")])
def test_no_sink_gets_a_secret(tasks: Tasks, tmp_path: Path, token: str, sink: str) -> None:
    done = tasks("run", "leaky", "one", f"--key={token}", f"--sink={sink}", f"--tag={token}")
    assert done.returncode == 0, done.stderr
    assert leaks(tmp_path, token) == ["site-leaky/.env"]
