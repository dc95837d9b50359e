"""Find inputs on which a trained network works by an abnormal mechanism. Names are imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom_anomaly.compat.adversarial import (
        AdversarialExampleConfig as AdversarialExampleConfig,
    )
    from taskloom_anomaly.compat.task_config import (
        AnomalyTaskConfig as AnomalyTaskConfig,
        TaskConfigBase as TaskConfigBase,
    )
    from taskloom_anomaly.compat.tasks import TASKS as TASKS
    from taskloom_anomaly.config import AnomalyConfig as AnomalyConfig, Training as Training
    from taskloom_anomaly.data.arrays import ArrayDataset as ArrayDataset, Dataset as Dataset
    from taskloom_anomaly.models.stored import (
        StoredModel as StoredModel,
        TrainDataFromRun as TrainDataFromRun,
    )
    from taskloom_anomaly.task import AnomalyTask as AnomalyTask, Check as Check
    from taskloom_anomaly.tasks.adversarial import (
        AdversarialExampleTask as AdversarialExampleTask,
    )
    from taskloom_anomaly.tasks.backdoor_detection import (
        BackdoorDetection as BackdoorDetection,
    )
    from taskloom_anomaly.tasks.base import (
        ConfiguredTask as ConfiguredTask,
        TrainedTask as TrainedTask,
    )
    from taskloom_anomaly.tasks.toy_features import ToyFeaturesTask as ToyFeaturesTask

# Where each public name lives: the manifest is inside this package, and `tasks list` must stay light.
_HOMES = {
    "taskloom_anomaly.config": ("AnomalyConfig", "Training"),
    "taskloom_anomaly.compat.adversarial": ("AdversarialExampleConfig",),
    "taskloom_anomaly.data.arrays": ("ArrayDataset", "Dataset"),
    "taskloom_anomaly.models.stored": ("StoredModel", "TrainDataFromRun"),
    "taskloom_anomaly.task": ("AnomalyTask", "Check"),
    "taskloom_anomaly.compat.tasks": ("TASKS",),
    "taskloom_anomaly.tasks.adversarial": ("AdversarialExampleTask",),
    "taskloom_anomaly.tasks.backdoor_detection": ("BackdoorDetection",),
    "taskloom_anomaly.tasks.base": ("ConfiguredTask", "TrainedTask"),
    "taskloom_anomaly.compat.task_config": ("AnomalyTaskConfig", "TaskConfigBase"),
    "taskloom_anomaly.tasks.toy_features": ("ToyFeaturesTask",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
# Found under the old name, with the warning of a name that has moved.
_OLD = {"AnomalyBase": "taskloom_anomaly.tasks.base"}

__all__ = [
    "TASKS",
    "AdversarialExampleConfig",
    "AdversarialExampleTask",
    "AnomalyConfig",
    "AnomalyTask",
    "AnomalyTaskConfig",
    "ArrayDataset",
    "BackdoorDetection",
    "Check",
    "ConfiguredTask",
    "Dataset",
    "StoredModel",
    "TaskConfigBase",
    "ToyFeaturesTask",
    "TrainDataFromRun",
    "TrainedTask",
    "Training",
]

__getattr__, __dir__ = lazy_names("taskloom_anomaly", _HOME_OF | _OLD)
