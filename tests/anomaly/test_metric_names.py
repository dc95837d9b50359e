"""The manifest names every metric that the driver reports: a search for another is refused before it begins."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from taskloom.registry import find_domain, find_task, load_task
from taskloom.task import Result
from taskloom_anomaly.tasks.toy_features import ToyFeaturesConfig, ToyFeaturesTask

NAMES = find_domain("anomaly").ref.metrics


def test_the_manifest_names_every_metric(run: Callable[..., Result]) -> None:
    task = ToyFeaturesTask(ToyFeaturesConfig(size=200, min_accuracy=0.5))
    found = run(task).metrics
    assert "auroc/fused" in found
    assert [name for name in found if not any(fnmatchcase(name, known) for known in NAMES)] == []
    exact = [name for name in NAMES if "*" not in name and name.endswith("/fused")]
    # 100 normal samples cannot resolve one false alarm in a thousand, so that rate has no figure here.
    unresolved = {"tpr_at_0.1_fpr/fused"}
    assert set(exact) - unresolved == {name for name in found if name.endswith("/fused")}


def test_the_names_stand_where_a_search_looks() -> None:
    assert load_task(find_task("anomaly", "toy_features")).domain.metrics == NAMES
