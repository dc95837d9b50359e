"""The path of a run: what its folder holds, how each way of ending is recorded, and what a user is told."""

import json
from pathlib import Path

import pytest
from taskloom import Config, Finding, Result, RunContext, TaskRef
from taskloom.errors import (
    CheckFailedError,
    ConfigError,
    MissingExtraError,
    PluginError,
    RunFailedError,
    StoreError,
    TaskloomError,
)
from taskloom.lifecycle.lifecycle import check_task_instance, continue_run, run_task
from taskloom.params import resolve
from taskloom.registry import LoadedTask, TaskEntry
from taskloom.report.sample import thin_rows
from taskloom.request import Origin, RunOptions
from taskloom.runs import kept, list_runs, open_run
from taskloom.runs.run import Run
from taskloom.seeding import derive_seed
from taskloom_probe.support import load, make_run, steps
from taskloom_probe.tasks import FailConfig, WaitConfig, WalkConfig


def _loaded(factory: object, config_class: type[Config] = WaitConfig) -> LoadedTask:
    return LoadedTask(
        TaskEntry("probe", TaskRef("made", "Made here.", "x:y"), ""), factory, config_class
    )  # type: ignore[arg-type]


class _Quick:
    """A task whose `run` is the function it is given."""

    def __init__(self, config: Config, act: object = None) -> None:
        self._config, self._act = config, act

    @property
    def config(self) -> Config:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        return self._act(ctx)  # type: ignore[operator,no-any-return]


def _run(act: object, store: Path) -> Run:
    return run_task(
        _loaded(lambda config: _Quick(config, act)),
        WaitConfig(),
        RunOptions(store=store, quiet=True),
    )


def test_run_leaves_a_complete_folder(tmp_path: Path) -> None:
    run = run_task(
        load("walk"),
        WalkConfig(steps=12),
        RunOptions(store=tmp_path, quiet=True, name="mine", tags=("a",)),
        Origin(argv=["tasks", "x"]),
    )
    names = {path.name for path in run.dir.iterdir()}
    assert names >= {
        "run.json",
        "config.toml",
        "env.json",
        "metrics.jsonl",
        "log.jsonl",
        "artifacts",
        "checkpoints",
        "lock",
    }
    assert (run.status, run.exit_code, run.record.attempts) == ("finished", 0, 1)
    assert (run.record.name, run.record.tags, run.record.argv) == ("mine", ("a",), ("tasks", "x"))
    # The task asked for the file by its name and gave it another in its result: it is one artifact.
    assert run.artifacts == {"place": run.dir / "artifacts/place.txt"}
    assert steps(run) == list(range(1, 13))
    assert run.metrics["place"] == run.history()[-1]["place"]
    assert run.record.seeds == {"walk": derive_seed(0, "walk")}
    assert open_run("@last", tmp_path).id == run.id


def test_config_file_of_the_folder_repeats_the_run(tmp_path: Path) -> None:
    run = run_task(
        load("walk"),
        WalkConfig(steps=7, scale=0.25, seed=3),
        RunOptions(store=tmp_path, quiet=True),
    )
    config = resolve(WalkConfig, files=[run.layout.config], environ={}).config
    again = run_task(load("walk"), config, RunOptions(store=tmp_path / "second", quiet=True))
    assert again.record.identity == run.record.identity
    assert again.metrics == run.metrics


def test_failure_is_recorded_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunFailedError) as caught:
        run_task(load("fail"), FailConfig(), RunOptions(store=tmp_path))
    run = open_run("@last", tmp_path)
    assert (run.status, run.exit_code) == ("failed", 1)
    assert run.record.failure is not None
    assert (run.record.failure.type, run.record.failure.message) == (
        "ValueError",
        "the value is wrong",
    )
    assert steps(run) == [1]
    assert run.id in caught.value.message
    assert "ValueError: the value is wrong" in caught.value.message
    assert str(run.layout.log) in caught.value.message
    assert caught.value.hint.endswith(f"tasks resume {run.id}")
    shown = capsys.readouterr().err
    assert "_raise" in shown
    assert "taskloom/lifecycle" not in shown
    logged = [json.loads(line) for line in run.layout.log.read_text().splitlines()]
    assert any("taskloom/lifecycle" in line.get("exception", "") for line in logged)
    assert not run.record.failure.foreseen


@pytest.mark.parametrize(
    ("how", "type_name"),
    [
        ("exit", "SystemExit"),
        ("silent", "RuntimeError"),
        ("result", "TypeError"),
        ("cause", "LookupError"),
    ],
)
def test_every_way_to_fail_is_a_failed_run(tmp_path: Path, how: str, type_name: str) -> None:
    with pytest.raises(RunFailedError, match=type_name):
        run_task(
            load("fail"),
            FailConfig.model_validate({"how": how}),
            RunOptions(store=tmp_path, quiet=True),
        )
    assert open_run("@last", tmp_path).status == "failed"


def test_cause_of_a_failure_is_shown_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunFailedError):
        run_task(load("fail"), FailConfig(how="cause"), RunOptions(store=tmp_path))
    shown = capsys.readouterr().err
    assert "KeyError: 'absent'" in shown
    assert "LookupError: nothing here" in shown


def test_error_of_ours_keeps_its_exit_code(tmp_path: Path) -> None:
    def act(ctx: RunContext) -> Result:
        raise MissingExtraError("no torch here")

    with pytest.raises(MissingExtraError):
        _run(act, tmp_path)
    assert open_run("@last", tmp_path).exit_code == 4


def test_constructor_that_raises_makes_no_folder(tmp_path: Path) -> None:
    def factory(config: WaitConfig) -> object:
        raise ValueError("bad size")

    with pytest.raises(
        RunFailedError, match=r"Cannot construct 'probe made': ValueError: bad size"
    ) as raised:
        run_task(_loaded(factory), WaitConfig(), RunOptions(store=tmp_path / "store", quiet=True))
    assert "in factory" in raised.value.hint
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("error", [ConfigError("too many"), MissingExtraError("no torch here")])
def test_constructor_that_refuses_the_config_makes_no_folder(
    tmp_path: Path, error: TaskloomError
) -> None:
    def factory(config: WaitConfig) -> object:
        raise error

    with pytest.raises(type(error)):
        run_task(_loaded(factory), WaitConfig(), RunOptions(store=tmp_path / "store", quiet=True))
    assert not (tmp_path / "store").exists()


def test_factory_that_makes_no_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"it is a int, and it lacks run\(ctx\)"):
        run_task(_loaded(lambda config: 3), WaitConfig(), RunOptions(store=tmp_path, quiet=True))


class _Checked(_Quick):
    def __init__(self, config: Config, findings: list[Finding]) -> None:
        super().__init__(config, lambda ctx: Result({"a": 1.0}))
        self._findings = findings

    def check(self) -> list[Finding]:
        if not self._findings:
            raise OSError("no such file")
        return self._findings


def test_check_that_finds_an_error_makes_no_folder(tmp_path: Path) -> None:
    findings = [Finding("warning", "Slow."), Finding("error", "Wrong shape.")]
    loaded = _loaded(lambda config: _Checked(config, findings))
    store = tmp_path / "store"
    with pytest.raises(CheckFailedError, match="Wrong shape"):
        run_task(loaded, WaitConfig(), RunOptions(store=store, quiet=True))
    assert not store.exists()
    findings.pop()
    assert run_task(loaded, WaitConfig(), RunOptions(store=store, quiet=True)).status == "finished"


def test_check_that_fails_in_a_worker_is_recorded_as_failed(tmp_path: Path) -> None:
    findings = [Finding("error", "Wrong shape.")]
    layout = make_run(tmp_path, "wait", WaitConfig())
    with pytest.raises(CheckFailedError):
        continue_run(_loaded(lambda config: _Checked(config, findings)), layout, quiet=True)
    assert open_run("@last", tmp_path).status == "failed"


def test_check_that_misses_a_package_keeps_its_exit_code_and_hint(tmp_path: Path) -> None:
    class Missing(_Quick):
        def check(self) -> list[Finding]:
            raise MissingExtraError("Not installed.", hint="pip install corpus")

    with pytest.raises(MissingExtraError) as caught:
        run_task(_loaded(Missing), WaitConfig(), RunOptions(store=tmp_path, quiet=True))
    assert (caught.value.exit_code, caught.value.hint) == (4, "pip install corpus")
    assert not list_runs(tmp_path)


def test_check_that_only_warns_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_task(
        _loaded(lambda config: _Checked(config, [Finding("warning", "Slow.")])),
        WaitConfig(),
        RunOptions(store=tmp_path),
    )
    assert "warning: Slow." in capsys.readouterr().err


def test_check_task_instance_turns_exceptions_into_findings() -> None:
    findings = check_task_instance(_loaded(lambda config: _Checked(config, [])), WaitConfig())
    assert [finding.level for finding in findings] == ["error"]
    assert "OSError: no such file" in findings[0].message


@pytest.mark.parametrize("bad", ["step", "t", "", "a\nb", "x" * 201, " a", "\x1b[31m"])
def test_log_refuses_hostile_names(tmp_path: Path, bad: str) -> None:
    with pytest.raises(RunFailedError, match="metric name"):
        _run(lambda ctx: ctx.log(0, **{bad: 1.0}), tmp_path)


@pytest.mark.parametrize("bad", ["3", None, [1.0], b"3"])
def test_log_refuses_what_is_no_number(tmp_path: Path, bad: object) -> None:
    with pytest.raises(RunFailedError, match="TypeError"):
        _run(lambda ctx: ctx.log(0, loss=bad), tmp_path)


def test_log_limits_the_number_of_names(tmp_path: Path) -> None:
    def act(ctx: RunContext) -> Result:
        for index in range(2000):
            ctx.log(index, **{f"m{index}": 1.0})
        return Result()

    with pytest.raises(RunFailedError, match="at most 1000"):
        _run(act, tmp_path)


def test_log_takes_special_and_huge_numbers(tmp_path: Path) -> None:
    def act(ctx: RunContext) -> Result:
        ctx.log(0, nan=float("nan"), inf=float("inf"), ninf=-float("inf"), huge=10**400, flag=True)
        return Result({"nan": float("nan")}, {}, "")

    run = _run(act, tmp_path)
    raw = json.loads((run.dir / "metrics.jsonl").read_text())
    assert (raw["nan"], raw["inf"], raw["ninf"], raw["huge"], raw["flag"]) == (
        "NaN",
        "Infinity",
        "-Infinity",
        "Infinity",
        1.0,
    )
    again = list_runs(tmp_path)[0]
    assert again.metrics["nan"] != again.metrics["nan"]
    assert "the final metric nan is nan" in again.layout.log.read_text()


def test_a_run_keeps_its_many_lines_thinned_as_a_page_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "AT_ONCE", 1000)

    def act(ctx: RunContext) -> Result:
        for step in range(4500):
            ctx.log(step, loss=step % 97 / 2, odd=float("nan") if step % 7 else -float(step))
        return Result()

    run = _run(act, tmp_path)
    folder = run.dir
    found = kept.KeptLines.load(folder)
    assert found.end == kept.size_of(folder)
    assert found.thinner.rows() == thin_rows(run.rows())
    # One that continues goes on from what is kept; after lines that were not kept, nothing more is.
    for size, count in ((found.end, 4501), (found.end + 1, 4500)):
        keeper = kept.LineKeeper(folder, size)
        keeper.add({"step": 4500.0, "loss": 900.0})
        keeper.close(found.end)
        assert kept.KeptLines.load(folder).thinner.count == count
        found.save()


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", ""])
def test_artifact_refuses_names_that_lead_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        _run(lambda ctx: ctx.artifact(name), tmp_path)


def test_artifact_that_is_missing_or_outside_is_left_out_with_a_warning(tmp_path: Path) -> None:
    artifacts = {"gone": Path("artifacts/gone.txt"), "outside": Path("/etc/hostname")}
    run = _run(lambda ctx: Result({"a": 1.0}, artifacts, ""), tmp_path)
    assert run.artifacts == {}
    log = run.layout.log.read_text()
    assert "the artifact gone is missing" in log
    assert "the artifact outside lies outside the run folder" in log


def test_unwritable_store_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="Cannot make a run in"):
        run_task(
            load("walk"), WalkConfig(), RunOptions(store=tmp_path / "file" / "store", quiet=True)
        )


def test_secrets_of_the_environment_reach_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "planted-secret-1")
    argv = ["tasks", "run", "--url=https://me:planted-secret-2@host/x"]
    run = run_task(
        load("walk"), WalkConfig(), RunOptions(store=tmp_path, quiet=True), Origin(argv=argv)
    )
    for path in run.dir.rglob("*"):
        if path.is_file():
            assert b"planted-secret" not in path.read_bytes(), path
