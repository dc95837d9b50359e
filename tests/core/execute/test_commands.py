"""The commands around runs, as a user types them: output, exit codes, and one sentence for what cannot be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.lifecycle.lifecycle import run_task
from taskloom.request import RunOptions
from taskloom.runs import Run, list_runs, open_run
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig

pytestmark = pytest.mark.usefixtures("probe_domain")


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an empty folder; the first test makes the runs in it that each test has a copy of."""
    return tmp_path_factory.mktemp("three-runs")


@pytest.fixture
def store(three_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TASKS_STORE", str(tmp_path))
    for steps in () if any(three_runs.iterdir()) else (2, 3, 4):
        run_task(
            load("walk"),
            WalkConfig(steps=steps),
            RunOptions(store=three_runs, quiet=True, tags=("first",) if steps == 2 else ()),
        )
    shutil.copytree(three_runs, tmp_path, dirs_exist_ok=True)
    return tmp_path


def _say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_ls_filters_sorts_and_limits(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _say(
        capsys, "runs", "ls", "--where", "metrics.steps >= 3", "--sort=-metrics.steps"
    )
    assert code == 0
    ids = [line.split()[0] for line in out.splitlines()[1:]]
    by_steps = {run.metrics["steps"]: run.id for run in list_runs(store)}
    assert ids == [by_steps[4.0], by_steps[3.0]]
    code, out, err = _say(capsys, "runs", "ls", "--limit", "1")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [open_run("@last", store).id]
    assert "2 more" in err


def test_ls_as_json_has_everything(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _say(capsys, "runs", "ls", "--json", "--tag=first")
    told = json.loads(out)
    assert code == 0
    assert [row["metrics"]["steps"] for row in told["runs"]] == [2.0]
    assert set(told) == {"runs"}


def test_ls_agrees_before_and_after_typer(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A line with --task goes through Typer, one without does not.
    _, quick, _ = _say(capsys, "runs", "ls", "--where", "domain = probe")
    _, slow, _ = _say(capsys, "runs", "ls", "--task", "probe/walk")
    assert quick == slow != ""


def test_ls_tells_of_damaged_folders(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run("@last", store)
    run.layout.record.write_text("{")
    code, out, err = _say(capsys, "runs", "ls")
    assert code == 0
    first, *rest = out.splitlines()[1:]
    assert first.split()[:2] == [run.id, "damaged"]
    assert "run.json: Expecting" in first
    assert len(rest) == 2
    assert err == ""
    _, out, err = _say(capsys, "runs", "ls", "--where", "domain = probe")
    assert run.id not in out
    assert f"{run.id} is damaged: run.json: Expecting" in err
    _, out, _ = _say(capsys, "runs", "ls", "--json")
    told = json.loads(out)["runs"]
    assert [sorted(row) for row in told if "id" not in row] == [["damaged", "folder"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["runs", "ls", "--where", "speed > 3"], 2),
        (["runs", "ls", "--where", "metrics.a >"], 2),
        (["runs", "ls", "--limit", "-1"], 2),
        (["runs", "diff", "@last", "nothing"], 5),
        (["runs", "rm", "@last"], 2),
        (["runs", "tag", "@last", "a\nb"], 2),
        (["runs", "export", "@last", "--where", "id = x"], 2),
        (["runs", "export", "--format", "mlflow"], 2),
        (["resume", "nothing"], 5),
        (["resume", "@last", "steps=3"], 2),
        (["resume", "@last", "--steps=3"], 2),
        (["resume", "@last", "--time-limit", "soon"], 2),
        (["resume", "@last", "--jobs", "3"], 2),
        (["sweep", "probe", "walk", "--steps=0,1"], 2),
        (["sweep", "probe", "walk", "--stepz=1,2"], 2),
        (["sweep", "probe", "walk", "--scale=log:1:2"], 2),
        (["sweep", "probe", "walk", "--seed=0:2", "--steps=1,2,3", "--zip"], 2),
        (["sweep", "probe", "walk", "--file", "absent.toml"], 2),
        (["sweep", "probe", "walk", "--memory", "much"], 2),
        (["sweep", "probe", "walk", "--optimize", "place"], 2),
        (["sweep", "probe", "walk", "--seed=0:2", "--sink", "papyrus"], 2),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    store: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    before = sorted(path.name for path in store.iterdir() if path.is_dir())
    found, out, err = _say(capsys, *words)
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert sorted(path.name for path in store.iterdir() if path.is_dir()) == before


def test_compare_and_diff(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _say(capsys, "runs", "compare", "@-2", "@last", "--json")
    assert json.loads(out)["parameters"] == {"steps": [3, 4]}
    _, out, _ = _say(capsys, "runs", "diff", "@-2", "@last")
    assert "+1" in next(
        line for line in out.splitlines() if line.startswith("steps") and "+" in line
    )
    _, out, err = _say(capsys, "runs", "diff", "@last", "@last")
    assert (out, "differ in nothing" in err) == ("", True)


def test_tag_rm_and_reindex(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _say(capsys, "runs", "tag", "@last", "good", "paper")[1] == "good paper\n"
    assert _say(capsys, "runs", "tag", "@last", "--remove=good")[1] == "paper\n"
    assert _say(capsys, "runs", "rm", "--yes", "@last", "@-2")[0] == 0
    assert len(list_runs(store)) == 1
    assert _say(capsys, "runs", "reindex")[1].startswith("1 runs in ")


def test_export_to_a_file(store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = _say(
        capsys, "runs", "export", "--format=jsonl", "--history", "--where", "config.steps = 4"
    )
    assert code == 0
    assert [json.loads(line)["step"] for line in out.splitlines()] == [1.0, 2.0, 3.0, 4.0]
    assert _say(capsys, "runs", "export", "@last", "-o", str(tmp_path / "out.csv"))[:2] == (0, "")
    assert (tmp_path / "out.csv").read_text().startswith("id,domain,task,")


def test_resume_of_a_finished_run_says_so(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _say(capsys, "resume", "@last")
    assert (code, "has finished" in err) == (0, True)


def test_resume_continues_a_crashed_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run("@last", store)
    record = json.loads(run.layout.record.read_text())
    run.layout.record.write_text(json.dumps({**record, "status": "running", "metrics": {}}))
    code, out, _ = _say(capsys, "resume", run.id, "--json")
    assert code == 0
    assert json.loads(out)["metrics"] == dict(run.metrics)
    assert Run(run.dir).record.attempts == 2


def test_sweep_shows_its_points_and_runs_them(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "probe", "walk", "--steps=2,3", "--seed=0:2", "--executor=inline"]
    code, out, err = _say(capsys, *words, "--dry-run")
    assert (code, len(out.splitlines()), "4 points" in err) == (0, 4, True)
    code, out, _ = _say(capsys, *words, "--json")
    told = json.loads(out)
    assert code == 0
    assert [(run["config"]["steps"], run["config"]["seed"]) for run in told["runs"]] == [
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
    ]
    assert len(list_runs(store)) == 5  # two of the four had been run before
    code, _, _ = _say(capsys, "resume", told["sweep"])
    assert code == 0


@pytest.mark.parametrize("option", ["--sink=papyrus", "--executor=slrm"])
def test_wrong_name_is_refused_although_an_identical_run_has_finished(
    store: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    words = ["run", "probe", "walk", "--steps=2"]
    assert _say(capsys, *words)[0] == 0
    before = len(list_runs(store))
    for more in ((), ("--prepare",)):
        code, _, err = _say(capsys, *words, option, *more)
        assert (code, "There is no " in err) == (2, True)
    assert len(list_runs(store)) == before


def test_search_finds_the_best_of_a_list_and_resumes(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    words = ["sweep", "probe", "walk", "--steps=5", "--scale=log:0.1:10", "--executor=inline"]
    code, out, _ = _say(capsys, *words, "--optimize=metrics.place:max", "--trials=6", "--json")
    told = json.loads(out)
    places = [run["metrics"]["place"] for run in told["runs"]]
    assert (code, len(places)) == (0, 6)
    assert places == sorted(places, reverse=True)
    assert all(0.1 <= run["config"]["scale"] <= 10 for run in told["runs"])
    before = len(list_runs(store))
    code, out, _ = _say(capsys, "resume", told["sweep"], "--json")
    assert (code, len(json.loads(out)["runs"]), len(list_runs(store))) == (0, 6, before)


def test_search_for_a_metric_that_does_not_exist_names_those_that_do(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    words = ["sweep", "probe", "walk", "--scale=linear:1:2", "--executor=inline", "--trials=2"]
    code, _, err = _say(capsys, *words, "--optimize=metrics.plaice:max")
    assert code == 2
    assert "has no metric 'plaice'; it has place, steps" in err


def test_listing_runs_imports_neither_typer_nor_pydantic(store: Path) -> None:
    code = (
        "import sys; from taskloom.cli import main\n"
        "code = main(['runs', 'ls', '--where', 'metrics.steps > 1', '--sort', 'duration'])\n"
        "heavy = {'typer', 'pydantic', 'rich', 'numpy', 'yaml'} & set(sys.modules)\n"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TASKS_STORE": str(store)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4


def test_prepare_makes_a_folder_that_a_worker_runs(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from taskloom.placement.folder import execute_folder

    words = ("run", "probe", "walk", "--steps=6", "--cpus=2", "--nodes=2", "--prepare")
    code, out, _ = _say(capsys, *words)
    run = open_run(out.strip(), store)
    assert (code, run.status) == (0, "created")
    assert (run.record.resources.cpus, run.record.resources.num_nodes) == (2, 2)
    assert execute_folder(run.dir).metrics["steps"] == 6.0
    code, _, err = _say(capsys, *words[:-1], "--executor=local")
    assert code == 2
    assert "--nodes=2: the local executor gives a run one machine" in err


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_run_with_resume_goes_on_with_an_identical_run(
    store: Path, capsys: pytest.CaptureFixture[str], executor: str
) -> None:
    words = ("run", "probe", "walk", "--steps=6", "--resume", f"--executor={executor}")
    _, out, _ = _say(capsys, *words[:4], "--prepare")
    prepared = open_run(out.strip(), store)
    assert _say(capsys, *words)[0] == 0
    ended = open_run(prepared.id, store)
    assert (ended.status, ended.record.attempts, ended.metrics["steps"]) == ("finished", 1, 6.0)
    # Nothing is left to go on with: the finished run is returned, and other parameters are another run.
    _, out, err = _say(capsys, *words)
    assert str(prepared.dir) in out
    assert f"reused: {prepared.id} (just now)" in err
    assert _say(capsys, *words[:3], "--steps=7", "--resume")[0] == 0
    assert open_run("@last", store).id != prepared.id
    assert _say(capsys, *words, "--force")[0] == 2


def test_keep_best_keeps_the_checkpoint_at_which_the_metric_was_best(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "probe", "walk", "--steps=60", "--every=5", "--executor=local")
    for direction, pick in (("min", min), ("max", max)):
        assert _say(capsys, *words, f"--keep-best=place:{direction}", "--force")[0] == 0
        run = open_run("@last", store)
        at = {int(row["step"]): row["place"] for row in run.history() if row["step"] % 5 == 0}
        best = pick(at, key=lambda step, at=at: at[step])
        kept = {int(path.name) for path in run.layout.checkpoints.iterdir()}
        assert kept == {best, 50, 55, 60}
    assert _say(capsys, *words, "--force")[0] == 0
    assert len(list(open_run("@last", store).layout.checkpoints.iterdir())) == 3
    code, _, err = _say(capsys, *words, "--keep-best=place")
    assert code == 2
    assert "write it as METRIC:min or METRIC:max" in err
