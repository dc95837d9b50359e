"""What goes in: a user's lines and molecules stay what they are, and the same in training and in judging."""

from __future__ import annotations

import json
import random
from pathlib import Path

from cases_tasks import Tasks, done, is_sentence_about
from cases_verdict import told, verdict
from rdkit import Chem
from taskloom.opening import open_task
from taskloom_diffusion.metrics.molecules import molecule_metrics
from taskloom_diffusion.tasks.file import File, FileConfig
from taskloom_diffusion.training.preparation import prepare
from tests_sizes import size

LITTLE = ("--denoiser.num_heads=2", "--evaluate.num_samples=2", "--quiet")


def test_lines_stay(tmp_path: Path) -> None:
    """Keeps the indentation of a line and a line separator inside of one, as `content = "lines"` is documented."""
    path = tmp_path / "code.txt"
    path.write_text("def f(x):\n    return x\na\u2028b\n  end\n", encoding="utf-8")
    corpus = File(FileConfig(path=path, content="lines", holdout_share=0.3)).load_corpus()
    lines = sorted([*corpus.train, *corpus.holdout])
    must = sorted(["def f(x):", "    return x", "a\u2028b", "  end"])
    verdict(lines == must, ascii(lines), ascii(must))


def test_stereo_is_kept_or_told(tmp_path: Path) -> None:
    """Keeps 12 different molecules 12, in the corpus and among samples: enantiomers, E and Z, isotopes, numbered ends."""
    lines = [
        *("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "F/C=C/F", "F/C=C\\F"),
        *("[2H]C([2H])([2H])O", "CO", "[13CH3]C(=O)O", "CC(=O)O"),
        *("C[C@H](O)CC", "C[C@@H](O)CC", "[1*]CC[2*]", "*CC*"),
    ]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["smiles", *lines]) + "\n")
    corpus = File(FileConfig(path=path, column="smiles", holdout_share=0.1)).load_corpus()
    kept = len(corpus.train) + len(corpus.holdout)
    distinct = round(12 * molecule_metrics(lines, ["CCCC"])["unique"])
    verdict(
        (kept, distinct) == (12, 12),
        f"{kept} kept, {distinct} distinct",
        "12 kept, 12 distinct",
    )


def test_uncut_molecules_are_left_out(tmp_path: Path) -> None:
    """Trains on all 119 molecules, though one has a dative bond, which RDKit accepts and the tokenizer cannot cut."""
    good = ["C" * count + end for count in range(1, 60) for end in "ON"]
    path = tmp_path / "mine.smi"
    path.write_text("\n".join([*good, "N->[Cu]"]) + "\n")
    try:
        prepared = prepare(open_task("diffusion/file", FileConfig(path=path)))
    except Exception as error:
        verdict(False, f"the whole file is refused: {told(error)}", "119")
    count = len(prepared.train) + len(prepared.holdout)
    dropped = sum(prepared.corpus.dropped.values())
    verdict((count, dropped) == (119, 0), f"{count} molecules and {dropped} left out", "119")


def test_writings_of_one_molecule(tasks: Tasks, tmp_path: Path) -> None:
    """Says the same nats of CCO and OCC within 4 standard errors: lines are made canonical as the corpus was."""
    rng = random.Random(0)
    drawn = ["".join(rng.choice("CCCCNO") for _ in range(rng.randint(3, 10))) for _ in range(800)]
    made = {Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in drawn}
    corpus, two = tmp_path / "mine.smi", tmp_path / "two.smi"
    corpus.write_text("\n".join(sorted(made)) + "\n")
    two.write_text("CCO\nOCC\n")
    words = (f"--train.steps={size('writings_steps')}", "--train.ema=0.9", "--denoiser.width=32")
    words += ("--denoiser.num_layers=2", *LITTLE)
    done(tasks.call("run", "diffusion", "file", f"--path={corpus}", *words))
    words = ("--each", "--json", f"--draws={size('writings_draws')}")
    answer = done(tasks.call("diffusion", "likelihood", "@last", "--file", two, *words))
    rows = json.loads(answer.stdout)["each"]
    (one, one_error), (other, other_error) = (
        (row["nats"], row["standard_error"] or 0.0) for row in rows
    )
    error = (one_error**2 + other_error**2) ** 0.5
    verdict(
        abs(one - other) < 4 * error + 1e-6,
        f"CCO and OCC {one:.2f} +- {one_error:.2f}, {other:.2f} +- {other_error:.2f} nats",
        "the same twice",
    )


def test_grown_file(tasks: Tasks, tmp_path: Path) -> None:
    """Judges on no molecule that was trained on, or refuses by naming the file, after 20 lines were appended to it."""
    rng = random.Random(0)
    words = sorted(
        {"".join(rng.choice("CCCCNO") for _ in range(rng.randint(3, 14))) for _ in range(900)}
    )
    rng.shuffle(words)
    path = tmp_path / "mine.smi"

    def write(count: int) -> None:
        path.write_text("\n".join(words[:count]) + "\n")

    write(400)
    options = ("--holdout_share=0.2", "--evaluate.num_holdout=80", "--denoiser.width=16")
    options += (f"--train.steps={size('begun_training_steps')}", "--denoiser.num_layers=1", *LITTLE)
    done(tasks.call("run", "diffusion", "file", f"--path={path}", *options))
    fields = {"path": path, "holdout_share": 0.2, "evaluate": {"num_holdout": 80}}
    task = open_task("diffusion/file", FileConfig.model_validate(fields))
    trained_on = set(prepare(task).corpus.train)
    write(420)
    answer = tasks.call("diffusion", "likelihood", "@last", "--each", "--json", "--draws=1")
    must = "none, or a refusal that names the file"
    if answer.returncode:
        came_out = f"exit code {answer.returncode}: {answer.stderr[-200:]}"
        verdict(is_sentence_about("mine.smi", answer), came_out, must)
        return
    judged = [row["text"] for row in json.loads(answer.stdout)["each"]]
    seen = sum(text in trained_on for text in judged)
    verdict(
        len(judged) >= 40 and not seen,
        f"{seen} of {len(judged)} judged molecules were trained on",
        must,
    )


def test_known_tokens_stay_in_infill(tasks: Tasks) -> None:
    """Keeps the known tokens on both sides of the gap in all 40 completions, where sequences end in an end token."""
    words = ("--num_molecules=400", "--max_length=40", "--length_policy=eos_pad")
    words += (f"--train.steps={size('end_token_steps')}", "--denoiser.width=32")
    words += ("--denoiser.num_layers=2", "--denoiser.num_heads=2", "--evaluate.num_samples=2")
    words += ("--evaluate.num_holdout=5", "--quiet")
    done(tasks.call("run", "diffusion", "smiles", *words))
    words = ("CC[MASK]{6}OCCN", "--num=40", "--json")
    answer = done(tasks.call("diffusion", "infill", "@last", *words))
    texts = json.loads(answer.stdout)["completions"]
    lost = [text for text in texts if not (text.startswith("CC") and text.endswith("OCCN"))]
    verdict(
        len(texts) == 40 and not lost,
        f"{len(lost)} of {len(texts)} completions lost known tokens {lost[:3]}",
        "0 of 40",
    )
