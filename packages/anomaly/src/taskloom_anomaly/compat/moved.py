"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes

MOVED: dict[str, Homes] = {
    "taskloom_anomaly.adversarial": "taskloom_anomaly.attacks.generate",
    "taskloom_anomaly.card": "taskloom_anomaly.detection.validity_card",
    "taskloom_anomaly.compiled_fit": "taskloom_anomaly.detection.compiled_fit",
    "taskloom_anomaly.data.adversarial": "taskloom_anomaly.compat.adversarial",
    "taskloom_anomaly.detection": {
        "FittedDetector": "taskloom_anomaly.detection.fitting:FittedDetector",
        "fit_detector": "taskloom_anomaly.detection.fitting:fit_detector",
        "score_sets": "taskloom_anomaly.detection.fitting:score_sets",
    },
    "taskloom_anomaly.detectors.driver": "taskloom_anomaly.detectors.fit",
    "taskloom_anomaly.detectors.protocol": "taskloom_anomaly.detectors.base",
    "taskloom_anomaly.evaluation": "taskloom_anomaly.detection.evaluation",
    "taskloom_anomaly.features": "taskloom_anomaly.detection.features",
    "taskloom_anomaly.fusion": "taskloom_anomaly.detection.fusion",
    "taskloom_anomaly.keeping": "taskloom_anomaly.detection.artifacts",
    "taskloom_anomaly.pictures": "taskloom_anomaly.report.png",
    "taskloom_anomaly.placement": "taskloom_anomaly.backends.devices",
    "taskloom_anomaly.poisoning": "taskloom_anomaly.data.poisoning",
    "taskloom_anomaly.problem": "taskloom_anomaly.detection.assembly",
    "taskloom_anomaly.protocols": "taskloom_anomaly.task",
    "taskloom_anomaly.reasons": "taskloom_anomaly.backends.failures",
    "taskloom_anomaly.regimes": "taskloom_anomaly.detection.regimes",
    "taskloom_anomaly.registry": "taskloom_anomaly.compat.tasks",
    "taskloom_anomaly.report": {
        "report": "taskloom_anomaly.report.section:report",
    },
    "taskloom_anomaly.run": "taskloom_anomaly.driver",
    "taskloom_anomaly.store": "taskloom_anomaly.detection.activations",
    "taskloom_anomaly.tasks.seed_form": "taskloom_anomaly.compat.task_config",
    "taskloom_anomaly.training": "taskloom_anomaly.models.training",
    "taskloom_anomaly.validity": "taskloom_anomaly.detection.validity",
}
