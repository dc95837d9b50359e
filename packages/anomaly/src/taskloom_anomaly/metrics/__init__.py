"""Separation of anomalous samples from normal ones by their scores; higher scores are more anomalous."""

from __future__ import annotations

from taskloom_anomaly.metrics.curves import Roc as Roc, roc as roc
from taskloom_anomaly.metrics.intervals import (
    Bounds as Bounds,
    auroc_interval as auroc_interval,
    bootstrap_interval as bootstrap_interval,
    delong_test as delong_test,
)
from taskloom_anomaly.metrics.ranking import (
    auroc as auroc,
    average_precision as average_precision,
    fpr_at_tpr as fpr_at_tpr,
    partial_auroc as partial_auroc,
    tpr_at_fpr as tpr_at_fpr,
)
