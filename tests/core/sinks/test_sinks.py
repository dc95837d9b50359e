"""Sinks: what arrives at each destination equals the run's record, and a broken sink costs a warning."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom.errors import MissingExtraError, UnknownNameError
from taskloom.lifecycle.lifecycle import run_task
from taskloom.registry.installed import named_targets
from taskloom.request import RunOptions
from taskloom.runs import Run
from taskloom.sinks import group
from taskloom.sinks.sink import check_sinks
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than a user would: these libraries are imported beside other tests."""
    monkeypatch.setattr(group, "PATIENCE", 60.0)


def _run(store: Path, *sinks: str) -> Run:
    return run_task(
        load("walk"),
        WalkConfig(steps=5),
        RunOptions(store=store, sinks=sinks, tags=("a",), quiet=True),
    )


def test_tensorboard_holds_every_line_and_the_final_metrics(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = _run(tmp_path, "tensorboard")
    events = EventAccumulator(str(run.dir / "tensorboard"))
    events.Reload()
    written = [(event.step, event.value) for event in events.Scalars("place")]
    assert [step for step, _ in written] == [1, 2, 3, 4, 5]
    for (_, value), row in zip(written, run.history(), strict=True):
        assert math.isclose(value, row["place"], rel_tol=1e-6)  # TensorBoard keeps 32 bits
    assert events.Scalars("final/steps")[0].value == 5.0


def _read_mlflow(
    folder: Path, identifier: str
) -> tuple[dict[str, list[tuple[int, float]]], dict[str, str], str]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=folder.absolute().as_uri())
    found = client.get_run(identifier)
    histories = {
        name: [
            (metric.step, metric.value) for metric in client.get_metric_history(identifier, name)
        ]
        for name in found.data.metrics
    }
    return histories, found.data.params, found.info.status


def test_mlflow_export_equals_the_record(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from taskloom.sinks.mlflow import export_run

    run = _run(tmp_path / "store")
    histories, params, status = _read_mlflow(
        tmp_path / "mlruns", export_run(run, tmp_path / "mlruns")
    )
    assert histories["place"] == [(int(row["step"]), row["place"]) for row in run.history()]
    assert histories["final/place"] == [(0, run.metrics["place"])]
    assert params["steps"] == "5"
    assert status == "FINISHED"


def test_mlflow_sink_writes_beside_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = _run(tmp_path / "store", "mlflow")
    client = MlflowClient(tracking_uri=(tmp_path / "store" / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("probe/walk")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert [item.data.tags["taskloom.id"] for item in found] == [run.id]
    histories, _, status = _read_mlflow(tmp_path / "store" / "mlruns", found[0].info.run_id)
    assert len(histories["place"]) == 5
    assert status == "FINISHED"


@pytest.mark.slow
def test_wandb_writes_an_offline_run_into_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    run = _run(tmp_path / "store", "wandb")
    written = list(run.dir.glob("wandb/offline-run-*/*.wandb"))
    assert len(written) == 1
    log = run.layout.log.read_text()
    assert "was dropped" not in log
    assert "did not end" not in log
    assert repr(run.history()[-1]["place"]).encode() in written[0].read_bytes()


_PLUGIN = """
from taskloom.errors import MissingExtraError

class Breaking:
    def __init__(self, folder, record):
        self.lines = 0
    def log(self, step, metrics, /):
        self.lines += 1
        if self.lines == 3:
            raise ConnectionError("the server is gone")
    def close(self, run, /):
        raise AssertionError("a sink that was dropped is not closed")

def refuse(folder, record):
    raise OSError("no such device")

def breaking():
    return Breaking

def refusing():
    return refuse

def missing():
    raise MissingExtraError("The sink 'missing' needs a library that is not installed.")
"""


@pytest.fixture
def plugin(install: Callable[..., Path]) -> None:
    """Three sinks of another distribution: one breaks, one does not open, one lacks its library."""
    lines = "".join(f"{name} = sunk:{name}\n" for name in ("breaking", "refusing", "missing"))
    install("sunk", f"[taskloom.sinks]\n{lines}", sunk=_PLUGIN)


@pytest.mark.usefixtures("plugin")
def test_sink_that_breaks_is_dropped_and_the_run_goes_on(tmp_path: Path) -> None:
    run = _run(tmp_path / "store", "breaking")
    assert run.status == "finished"
    assert len(run.history()) == 5
    assert (
        run.layout.log.read_text().count(
            "the sink breaking was dropped: ConnectionError: the server is gone"
        )
        == 1
    )


@pytest.mark.usefixtures("plugin")
def test_sink_that_does_not_open_is_a_warning(tmp_path: Path) -> None:
    run = _run(tmp_path / "store", "refusing")
    assert run.status == "finished"
    assert "the sink refusing was dropped: OSError: no such device" in run.layout.log.read_text()


@pytest.mark.usefixtures("plugin")
def test_unknown_and_missing_sinks_are_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        _run(tmp_path / "store", "tensorbord")
    assert "tensorboard" in caught.value.hint
    with pytest.raises(MissingExtraError, match="not installed") as missing:
        _run(tmp_path / "store", "missing")
    assert missing.value.exit_code == 4
    assert not (tmp_path / "store").exists()


def test_the_shipped_sinks_are_installed_and_say_how_to_install_their_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from taskloom.sinks import sink

    assert set(named_targets("taskloom.sinks")) == {"tensorboard", "mlflow", "wandb"}
    monkeypatch.setattr(sink, "find_spec", lambda name: None)
    for name in named_targets("taskloom.sinks"):
        with pytest.raises(MissingExtraError) as missing:
            check_sinks([name])
        assert missing.value.hint == f"pip install 'taskloom-core[{name}]'"
