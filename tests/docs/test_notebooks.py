"""Notebooks of the examples and of the documentation run, and their runs are those of the command line to the bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from taskloom.arrays import load_npz
from taskloom.runs import Run, list_runs
from tests_sizes import size

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "notebook.ipynb"
# The page of the documentation every day, the examples with their back-ends in `make soak`.
NOTEBOOKS = [HOW_TO, *sorted((ROOT / "examples").glob("*.ipynb"))][: size("notebooks")]
DOMAINS = {"anomaly", "control", "diffusion", "hci"}


def execute(path: Path, folder: Path) -> None:
    """Run a notebook in a folder; a cell that fails raises."""
    notebook = nbformat.read(path, as_version=4)
    # nbclient handles Ctrl-C through its loop and leaves another handler than it met.
    interrupted = signal.getsignal(signal.SIGINT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the libraries between here and the kernel
        try:
            nbclient.NotebookClient(
                notebook, timeout=600, resources={"metadata": {"path": str(folder)}}
            ).execute()
        finally:
            signal.signal(signal.SIGINT, interrupted)
    errors = [
        item.text
        for cell in notebook.cells
        for item in cell.get("outputs", ())
        if item.get("name") == "stderr"
    ]
    assert errors == []


def from_a_shell(run: Run, store: Path) -> Run:
    """Return the run that a command line computes anew with the same config, in a process of its own as a shell has it."""
    words = ["run", *run.words, "--config", str(run.layout.config), "--store", str(store)]
    line = "import sys; from taskloom.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", line, *words, "--quiet"], check=True, capture_output=True)
    return list_runs(store)[-1]


# What a clock says is no result.
CLOCKS = ("plan_seconds",)


def contents(run: Run) -> dict[str, bytes]:
    """Return every artifact by its name; the files of one that is a folder one after the other."""
    return {
        name: b"".join(
            content(item)
            for item in (sorted(path.rglob("*")) if path.is_dir() else [path])
            if item.is_file()
        )
        for name, path in run.artifacts.items()
    }


def content(path: Path) -> bytes:
    """Return the bytes of a file; of arrays those of each, without what a clock says."""
    if path.suffix != ".npz":
        return path.read_bytes()
    arrays = load_npz(path)
    return b"".join(
        name.encode() + values.tobytes()
        for name, values in sorted(arrays.items())
        if name not in CLOCKS
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_first_run_is_that_of_the_command_line(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    first = list_runs(tmp_path / "runs")[0]
    twin = from_a_shell(first, tmp_path / "shell")
    assert twin.record.identity == first.record.identity
    assert json.dumps(dict(twin.metrics)) == json.dumps(dict(first.metrics))
    assert twin.record.seeds == first.record.seeds
    assert contents(twin) == contents(first)


def test_every_domain_has_a_notebook_and_none_holds_outputs() -> None:
    found = {
        path.stem: json.loads(path.read_text()) for path in (ROOT / "examples").glob("*.ipynb")
    }
    assert found.keys() >= DOMAINS
    for notebook in (*found.values(), json.loads(HOW_TO.read_text())):
        assert [cell["outputs"] for cell in notebook["cells"] if cell.get("outputs")] == []
