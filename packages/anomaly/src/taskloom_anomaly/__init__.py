"""Find inputs on which a trained network works by an abnormal mechanism. Names are imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

from taskloom_anomaly.domain import DOMAIN

if TYPE_CHECKING:
    from taskloom_anomaly.attacks.apgd import APGD as APGD
    from taskloom_anomaly.attacks.base import Attack as Attack
    from taskloom_anomaly.attacks.fgsm import FGSM as FGSM
    from taskloom_anomaly.attacks.pgd import PGD as PGD
    from taskloom_anomaly.backends.convert import to_flax as to_flax, to_torch as to_torch
    from taskloom_anomaly.backends.handle import ModelHandle as ModelHandle
    from taskloom_anomaly.backends.huggingface import huggingface as huggingface
    from taskloom_anomaly.backends.resolve import as_handle as as_handle
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
    from taskloom_anomaly.detection.answers import Answers as Answers
    from taskloom_anomaly.detection.artifacts import load as load, load_detector as load_detector
    from taskloom_anomaly.detection.assembly import (
        DetectionData as DetectionData,
        assemble as assemble,
    )
    from taskloom_anomaly.detection.estimator import OutlierDetector as OutlierDetector
    from taskloom_anomaly.detection.fitting import (
        FittedDetector as FittedDetector,
        fit_detector as fit_detector,
    )
    from taskloom_anomaly.detection.own_network import fit as fit
    from taskloom_anomaly.detectors.abstraction import Abstraction as Abstraction
    from taskloom_anomaly.detectors.base import Detector as Detector
    from taskloom_anomaly.detectors.beatrix import Beatrix as Beatrix
    from taskloom_anomaly.detectors.finetune import Finetune as Finetune
    from taskloom_anomaly.detectors.iforest import IsolationForest as IsolationForest
    from taskloom_anomaly.detectors.input_baseline import InputBaseline as InputBaseline
    from taskloom_anomaly.detectors.knn import KNN as KNN
    from taskloom_anomaly.detectors.likelihood_ratio import LikelihoodRatio as LikelihoodRatio
    from taskloom_anomaly.detectors.lof import LOF as LOF
    from taskloom_anomaly.detectors.mahalanobis import Mahalanobis as Mahalanobis
    from taskloom_anomaly.detectors.output import (
        GEN as GEN,
        MSP as MSP,
        Energy as Energy,
        MaxLogit as MaxLogit,
    )
    from taskloom_anomaly.detectors.pca_residual import PCAResidual as PCAResidual
    from taskloom_anomaly.detectors.probe import Probe as Probe
    from taskloom_anomaly.detectors.que import QuantumEntropy as QuantumEntropy
    from taskloom_anomaly.detectors.react import ReAct as ReAct
    from taskloom_anomaly.detectors.spectral import Spectral as Spectral
    from taskloom_anomaly.detectors.stream import ArrayStream as ArrayStream
    from taskloom_anomaly.detectors.ted import TED as TED
    from taskloom_anomaly.detectors.vae import VAE as VAE
    from taskloom_anomaly.detectors.vim import ViM as ViM
    from taskloom_anomaly.errors import InvalidTaskError as InvalidTaskError
    from taskloom_anomaly.models.base import Model as Model
    from taskloom_anomaly.models.cnn import CNN as CNN
    from taskloom_anomaly.models.mlp import MLP as MLP
    from taskloom_anomaly.models.stored import (
        StoredModel as StoredModel,
        TrainDataFromRun as TrainDataFromRun,
    )
    from taskloom_anomaly.models.transformer import Transformer as Transformer
    from taskloom_anomaly.task import AnomalyTask as AnomalyTask, Check as Check
    from taskloom_anomaly.tasks.adversarial import AdversarialExampleTask as AdversarialExampleTask
    from taskloom_anomaly.tasks.backdoor_detection import BackdoorDetection as BackdoorDetection
    from taskloom_anomaly.tasks.base import (
        ConfiguredTask as ConfiguredTask,
        TrainedTask as TrainedTask,
    )
    from taskloom_anomaly.tasks.toy_features import ToyFeaturesTask as ToyFeaturesTask
    from taskloom_anomaly.triggers.base import Trigger as Trigger
    from taskloom_anomaly.triggers.blend import Blend as Blend
    from taskloom_anomaly.triggers.corner import Corner as Corner
    from taskloom_anomaly.triggers.inside import Inside as Inside
    from taskloom_anomaly.triggers.noise import NoiseTrigger as NoiseTrigger
    from taskloom_anomaly.triggers.patch import Patch as Patch
    from taskloom_anomaly.triggers.sine import Sine as Sine
    from taskloom_anomaly.triggers.warp import Warp as Warp

# Where each public name lives: the manifest is inside this package, and `tasks list` must stay light.
_HOMES = {
    "taskloom_anomaly.attacks.base": "Attack",
    "taskloom_anomaly.backends.convert": "to_flax to_torch",
    "taskloom_anomaly.backends.handle": "ModelHandle",
    "taskloom_anomaly.backends.huggingface": "huggingface",
    "taskloom_anomaly.backends.resolve": "as_handle",
    "taskloom_anomaly.compat.adversarial": "AdversarialExampleConfig",
    "taskloom_anomaly.compat.task_config": "AnomalyTaskConfig TaskConfigBase",
    "taskloom_anomaly.compat.tasks": "TASKS",
    "taskloom_anomaly.config": "AnomalyConfig Training",
    "taskloom_anomaly.data.arrays": "ArrayDataset Dataset",
    "taskloom_anomaly.detection.artifacts": "load load_detector",
    "taskloom_anomaly.detection.assembly": "DetectionData assemble",
    "taskloom_anomaly.detection.answers": "Answers",
    "taskloom_anomaly.detection.estimator": "OutlierDetector",
    "taskloom_anomaly.detection.fitting": "FittedDetector fit_detector",
    "taskloom_anomaly.detection.own_network": "fit",
    "taskloom_anomaly.detectors.base": "Detector",
    "taskloom_anomaly.detectors.stream": "ArrayStream",
    "taskloom_anomaly.errors": "InvalidTaskError",
    "taskloom_anomaly.models.base": "Model",
    "taskloom_anomaly.models.stored": "StoredModel TrainDataFromRun",
    "taskloom_anomaly.task": "AnomalyTask Check",
    "taskloom_anomaly.tasks.adversarial": "AdversarialExampleTask",
    "taskloom_anomaly.tasks.backdoor_detection": "BackdoorDetection",
    "taskloom_anomaly.tasks.base": "ConfiguredTask TrainedTask",
    "taskloom_anomaly.tasks.toy_features": "ToyFeaturesTask",
    "taskloom_anomaly.triggers.base": "Trigger",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
# The components are those of the manifest.
_TARGETS = (ref.target.split(":") for refs in DOMAIN.components.values() for ref in refs)
_HOME_OF |= {name: module for module, name in _TARGETS}
# Found under its old name, with the warning of a name that has moved.
_OLD = {"AnomalyBase": "taskloom_anomaly.tasks.base"}

__all__ = list(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll] -- built from the manifest

__getattr__, __dir__ = lazy_names("taskloom_anomaly", _HOME_OF | _OLD)
