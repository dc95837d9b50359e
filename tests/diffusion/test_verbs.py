"""The command line of the domain on a tiny trained run, good input and bad."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import taskloom_diffusion
import torch
import yaml
from taskloom import open_run
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom_diffusion.corpora.files import read_file


class Done(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def tasks(*arguments: str, store: Path | None = None) -> Done:
    """Run a command line inside this process: a new one would import torch every time."""
    words = [*arguments, *(["--store", str(store)] if store else [])]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def store(trained_run: Path) -> Path:
    """The folder of a store with one trained run."""
    return trained_run.parent


@pytest.mark.slow
def test_samples_are_reproducible_and_counted(store: Path) -> None:
    first = tasks("diffusion", "sample", "@last", "--num=3", "--json", store=store)
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    again = tasks("diffusion", "sample", "@last", "--num=2", "--sampler=confidence", store=store)
    assert again.returncode == 0, again.stderr
    assert len(made["samples"]) == 3
    assert made["calls_per_sequence"] > 1
    few = tasks(
        "diffusion",
        "sample",
        "@last",
        "--num=3",
        "--json",
        "--sampler=random",
        "--sampler.num_calls=4",
        store=store,
    )
    assert json.loads(few.stdout)["calls_per_sequence"] == 4


def test_infilling_keeps_what_is_known(store: Path) -> None:
    done = tasks("diffusion", "infill", "@last", "*CC[MASK]{4}C(=O)O*", "--num=5", store=store)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("*CC") and line.endswith("C(=O)O*") for line in lines)
    assert "5 completions, 4.0 network calls each" in done.stderr
    again = tasks(
        "diffusion", "infill", "@last", "*CC[MASK]{4}C(=O)O*", "--num=5", "--json", store=store
    )
    assert json.loads(again.stdout)["completions"] == lines


def test_infilling_is_exact_unless_a_sampler_is_chosen(store: Path) -> None:
    """The sampler of the record counts when the command line names it, even with the values it has there."""

    def sampler_of(*options: str) -> dict[str, object]:
        words = ("diffusion", "infill", "@last", "*C[MASK]{3}*", "--num=1", "--json", *options)
        done = tasks(*words, store=store)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)["sampler"]
        return found

    assert sampler_of()["kind"] == "first_hitting"
    assert sampler_of("--sampler=confidence")["kind"] == "confidence"
    changed = sampler_of("--sampler.temperature=0.5")
    assert (changed["kind"], changed["temperature"]) == ("confidence", 0.5)
    assert sampler_of("--sampler=random", "--sampler.num_calls=2")["num_calls"] == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["infill", "@last", "*CC*"], "has no gap"),
        (["infill", "@last", "CC[mask]"], "did you mean '[MASK]' by '[mask]'?"),
        (["infill", "@last", "*C[Xe]C[MASK]*"], "the token '[Xe]'"),
        (["infill", "@last", "[MASK]{500}"], "max_length is 80"),
        (["sample", "@last", "--length=500"], "above the model's max_length"),
        (
            ["sample", "@last", "--with=eta=0.1", "--with=num_steps=9"],
            "'--with eta=0.1' is now spelt '--sampler.eta=0.1 --sampler.num_steps=9'.",
        ),
        (["infill", "@last", "C[MASK]", "--with=top_p=0.9"], "is now spelt '--sampler.top_p=0.9'"),
        (["evaluate", "@last", "--with=top_p=0.9"], "is now spelt '--sampler.top_p=0.9'"),
        (["sample", "@last", "--sampler=confidense"], "did you mean --sampler=confidence?"),
        (["sample", "@last", "--sampler.tempreature=2"], "did you mean --sampler.temperature?"),
        (
            ["sample", "@last", "--sampler.temperature=-2"],
            "--sampler.temperature=-2: must be >= 0",
        ),
        (
            ["sample", "@last", "--sampler.temperature=hot"],
            "--sampler.temperature=hot: must be a number",
        ),
        (["sample", "@last", "--max_length=9"], "no parameter 'max_length'"),
        (["likelihood", "@last", "--sampler=random"], "no parameter 'sampler'"),
        (["sample", "@last", "--trajectory=nowhere/t.json"], "there is no folder 'nowhere'"),
        (["likelihood", "@last", "--file=nowhere.smi"], "cannot be read: No such file"),
        (["schedules", "--out=nowhere/s.svg"], "there is no folder 'nowhere'"),
        (["schedules", "--out=."], "is a folder; give a file"),
        (["likelihood", "@last", "--time-sampler=clipped"], "is biased"),
        (["evaluate", "@last", "--time-sampler=clipped"], "is biased"),
        (["sample", "nosuchrun"], "nosuchrun"),
        (["sample", "@last", "--seed=-1"], "'--seed': Input should be greater than or equal to 0"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence(store: Path, arguments: list[str], complaint: str) -> None:
    done = tasks("diffusion", *arguments, store=None if "schedules" in arguments else store)
    assert done.returncode in (1, 2, 5)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_likelihood_names_its_bound(store: Path) -> None:
    done = tasks("diffusion", "likelihood", "@last", "--draws=2", "--json", store=store)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["bound"] == "any-order bound, exact count of masks"
    assert figures["standard_error"] > 0
    shown = tasks("diffusion", "likelihood", "@last", "--draws=2", store=store)
    first, *lines = shown.stdout.splitlines()
    assert re.fullmatch(
        rf"{figures['bound']}, on {figures['sequences']} sequences of {figures['tokens']} tokens",
        first,
    )
    assert [line.split()[-1] for line in lines] == [
        "token",
        "token",
        "character",
        "byte",
        "token",
        "sequence",
    ]
    assert all("+-" in line for line in lines[:5])


@pytest.mark.slow
def test_likelihood_of_each_sequence_adds_up_to_that_of_the_file(
    store: Path, tmp_path: Path
) -> None:
    (tmp_path / "two.smi").write_text("CCO\nCCCC\n", encoding="utf-8")
    words = ("diffusion", "likelihood", "@last", f"--file={tmp_path / 'two.smi'}", "--draws=3", "--each")  # fmt: skip
    found = json.loads(tasks(*words, "--json", store=store).stdout)
    assert [(row["text"], row["tokens"]) for row in found["each"]] == [("CCO", 3), ("CCCC", 4)]
    assert sum(row["nats"] for row in found["each"]) / 7 == pytest.approx(found["nats_per_token"])
    shown = tasks(*words, store=store).stdout.splitlines()
    assert [line.split()[-1] for line in shown[:2]] == ["CCO", "CCCC"]
    assert shown[0].startswith(f"{found['each'][0]['nats']:.5g} +- ")


def test_likelihood_of_a_file_counts_what_is_too_long_and_names_unknown_tokens(
    store: Path, tmp_path: Path
) -> None:
    (tmp_path / "some.smi").write_text("*CC*\n" + "C" * 90 + "\n")
    done = tasks(
        "diffusion", "likelihood", "@last", f"--file={tmp_path / 'some.smi'}", "--draws=2", "--json", store=store
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["sequences"], figures["too_long"], figures["tokens"]) == (1, 1, 4)
    assert figures["bits_per_character"] == pytest.approx(figures["bits_per_token"])
    (tmp_path / "other.smi").write_text("*CC*\n*C[Xe]*\nnot a molecule\n")
    words = ("diffusion", "likelihood", "@last", f"--file={tmp_path / 'other.smi'}", "--draws=1")
    figures = json.loads(tasks(*words, "--json", store=store).stdout)
    assert (figures["lines"], figures["sequences"]) == (3, 1)
    assert figures["left_out"] == {"unparsable": 1, "unknown_token": 1}
    done = tasks(*words, "--uncut=refuse", store=store)
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert "1 of 3 lines" in told
    assert "the first: the token '[Xe]' of '*C[Xe]*' is not in the vocabulary" in told


def test_evaluation_draws_again_with_another_sampler(store: Path) -> None:
    done = tasks(
        "diffusion", "evaluate", "@last", "--num=4", "--draws=1", "--sampler=random", "--sampler.num_calls=2",
        "--time-sampler=low_discrepancy", "--json", store=store,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["calls_per_sample"] == 2
    assert figures["bound"] == "continuous-time bound, low_discrepancy levels"
    assert {"valid", "valid_error", "unique", "novel", "perplexity_error"} <= set(figures)
    relative = figures["bits_per_character_error"] / figures["bits_per_character"]
    assert relative == pytest.approx(
        figures["nelbo_standard_error"] / figures["nelbo_nats_per_token"]
    )


def test_evaluation_takes_other_metrics_and_sizes_than_the_record(store: Path) -> None:
    done = tasks(
        "diffusion", "evaluate", "@last", "--evaluate.num_samples=3", "--evaluate.num_draws=1",
        "--evaluate.num_holdout=2", "--metrics=sequences", "--json", store=store,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["samples"] == 3
    assert "valid" not in figures
    assert "novelty" in figures


def test_evaluation_for_people_has_units_and_errors(store: Path) -> None:
    done = tasks("diffusion", "evaluate", "@last", "--num=4", "--draws=1", store=store)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"any-order bound, exact count of masks, on [1-6] test sequences", lines[0])
    assert re.fullmatch(r"bound +\d\.\d+ \+- [-\de.]+ +nats per token", lines[1])
    assert any(
        re.fullmatch(r"bound +\d\.\d+ \+- [-\de.]+ +bits per character", line) for line in lines
    )
    assert any(re.fullmatch(r"valid +0 \+- 15 +%", line) for line in lines)
    assert "network calls" in done.stdout
    assert lines[-1].endswith("CPU seconds per sample")


def test_a_trajectory_begins_with_masks_and_ends_with_the_samples(
    store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "states.json"
    done = tasks("diffusion", "sample", "@last", "--num=2", f"--trajectory={path}", store=store)
    assert done.returncode == 0, done.stderr
    states = json.loads(path.read_text())
    assert set(states[0][0]) <= {"[MASK]", "[PAD]"}
    ends = ["".join(t for t in row if t != "[PAD]") for row in states[-1]]
    assert ends == done.stdout.splitlines()


def test_a_damaged_model_is_one_sentence_and_the_record_stays(
    store: Path, trained_run: Path
) -> None:
    tensors = trained_run / "artifacts" / "model.safetensors"
    kept = tensors.read_bytes()
    tensors.write_bytes(kept[:100])
    try:
        done = tasks("diffusion", "sample", "@last", store=store)
    finally:
        tensors.write_bytes(kept)
    assert done.returncode == 5
    assert "cannot be read as safetensors: it is damaged (" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_is_loaded_from_its_run_and_from_a_folder(trained_run: Path) -> None:
    model = open_run(trained_run).load("model")
    alone = taskloom_diffusion.load(trained_run / "artifacts")
    assert type(model) is type(alone) is taskloom_diffusion.TrainedModel
    assert not model.training
    weights = alone.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_schedules_are_listed_and_drawn(tmp_path: Path) -> None:
    done = tasks("diffusion", "schedules", "--json", "--out", str(tmp_path / "s.svg"))
    assert done.returncode == 0, done.stderr
    rows = {row["schedule"]: row for row in json.loads(done.stdout)}
    assert rows["cosine"]["alpha(0.5)"] == pytest.approx(0.292893, abs=1e-6)
    assert len(rows) >= 13
    assert (tmp_path / "s.svg").read_text().startswith("<svg")


def test_import_config_writes_what_runs(tmp_path: Path) -> None:
    (tmp_path / "mols.smi").write_text("CCO\nCCN\nCCC\nCCCC\nCCCO\nc1ccccc1\nCC(=O)O\nCCCN\n")
    (tmp_path / "c.yaml").write_text(
        "model: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32}\n"
        "diffusion: {num_timesteps: 20, schedule_type: cosine}\n"
        f"data: {{data_path: {tmp_path / 'mols.smi'}, batch_size: 4, max_length: 24, num_workers: 4}}\n"
        "generation: {num_samples: 3}\n"
    )
    there = tmp_path / "ours.yaml"
    done = tasks(
        "diffusion", "import-config", str(tmp_path / "c.yaml"), "--faithful", "--out", str(there)
    )
    assert done.returncode == 0, done.stderr
    assert "left out data.num_workers = 4" in done.stderr
    assert yaml.safe_load(there.read_text())["schedule"]["kind"] == "polydiff_cosine"
    run = tasks(
        "run", "diffusion", "file", "--config", str(there), "--train.steps=2", "--json", store=tmp_path / "runs"
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["metrics"]["samples/calls"] == 20
    bad = tasks("diffusion", "import-config", str(tmp_path / "none.yaml"))
    assert bad.returncode == 2
    assert "cannot be read" in bad.stderr


def test_files_with_bad_lines_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "mols.smi"
    path.write_text("CCO\nnot a molecule\nCCN\nOCC\nC1CC\nCCCCO\nc1ccccc1\nCC(=O)O\n")
    done = tasks(
        "check",
        "diffusion",
        "file",
        f"--path={path}",
        "--denoiser.width=16",
        "--denoiser.num_heads=2",
    )
    assert done.returncode == 0, done.stderr + done.stdout
    told = done.stdout + done.stderr
    assert "2 unparsable (first: 'not' in line 2, 'C1CC' in line 5)" in told
    assert "1 duplicate (first: 'OCC' in line 4)" in told
    # Spreadsheets write a byte-order mark, which is no part of the first molecule.
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbfsmiles,name\nCCO,a\nCCN,b\nCCC,c\n")
    assert len(read_file(marked, "smiles", "smiles", 0.34, 0).train) == 1
    with pytest.raises(ConfigError, match=r"it has smiles, name; did you mean 'smiles'\?"):
        read_file(marked, "smile", "smiles", 0.34, 0)
    with pytest.raises(ConfigError, match=r"4 lines and 0 usable .* a CSV file needs column=NAME"):
        read_file(marked, "", "smiles", 0.34, 0)
    marked.write_bytes(b"\xff\xfe\x00CCO")
    with pytest.raises(ConfigError, match="it is UTF-16 text; save it as UTF-8"):
        read_file(marked, "", "smiles", 0.34, 0)
    empty = tmp_path / "empty.smi"
    empty.write_text("\n")
    refused = tasks("run", "diffusion", "file", f"--path={empty}", store=tmp_path / "runs")
    assert refused.returncode != 0
    assert "0 usable sequences; a corpus needs at least 3" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_sampling_from_a_finished_run_imports_no_trainer(store: Path) -> None:
    """Lightning brings torchmetrics, and that transformers, scipy and matplotlib: four of five core-seconds of the verb."""
    script = (
        "import sys; from taskloom.cli import main; code = main(sys.argv[1:]); "
        "print(code, sorted({m.split('.')[0] for m in sys.modules}))"
    )
    words = ["diffusion", "sample", "@last", "--num=2", "--store", str(store)]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True, timeout=300
    )  # fmt: skip
    code, loaded = done.stdout.splitlines()[-1].split(" ", 1)
    heavy = {"lightning", "torchmetrics", "transformers", "scipy", "matplotlib", "sympy", "rdkit"}
    assert code == "0", done.stderr
    assert "'torch'" in loaded
    assert {name for name in heavy if f"'{name}'" in loaded} == set()
