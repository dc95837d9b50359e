"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes

# The module in `detectors/config` and the name that a detector's parameters had, and the detector.
_DETECTORS = (
    ("abstraction", "Abstraction", "abstraction:Abstraction"),
    ("beatrix", "Beatrix", "beatrix:Beatrix"),
    ("energy", "Energy", "output:Energy"),
    ("finetune", "Finetune", "finetune:Finetune"),
    ("gen", "Gen", "output:GEN"),
    ("iforest", "IsolationForest", "iforest:IsolationForest"),
    ("input_baseline", "InputBaseline", "input_baseline:InputBaseline"),
    ("knn", "Knn", "knn:KNN"),
    ("likelihood_ratio", "LikelihoodRatio", "likelihood_ratio:LikelihoodRatio"),
    ("lof", "Lof", "lof:LOF"),
    ("mahalanobis", "Mahalanobis", "mahalanobis:Mahalanobis"),
    ("maxlogit", "MaxLogit", "output:MaxLogit"),
    ("msp", "Msp", "output:MSP"),
    ("pca_residual", "PcaResidual", "pca_residual:PCAResidual"),
    ("probe", "Probe", "probe:Probe"),
    ("que", "QuantumEntropy", "que:QuantumEntropy"),
    ("react", "React", "react:ReAct"),
    ("spectral", "Spectral", "spectral:Spectral"),
    ("ted", "Ted", "ted:TED"),
    ("vae", "Vae", "vae:VAE"),
    ("vim", "Vim", "vim:ViM"),
)

# The same for attacks, networks and triggers, whose parameters were in `<kind>/config`.
_KINDS = {
    "attacks": {
        "Attack": "base:BuiltAttack",
        "Apgd": "apgd:APGD",
        "Fgsm": "fgsm:FGSM",
        "Pgd": "pgd:PGD",
    },
    "models": {
        "Model": "base:Model",
        "Cnn": "cnn:CNN",
        "Mlp": "mlp:MLP",
        "Transformer": "transformer:Transformer",
    },
    "triggers": {
        "Trigger": "base:Trigger",
        "TriggerFunction": "base:TriggerFunction",
        "Blend": "blend:Blend",
        "Corner": "corner:Corner",
        "Noise": "noise:NoiseTrigger",
        "Patch": "patch:Patch",
        "Sine": "sine:Sine",
        "Warp": "warp:Warp",
    },
}

MOVED: dict[str, Homes] = {
    "taskloom_anomaly.adversarial": "taskloom_anomaly.attacks.generate",
    "taskloom_anomaly.card": {
        "everything": "taskloom_anomaly.data.arrays:concatenate",
        "*": "taskloom_anomaly.detection.validity_card",
    },
    "taskloom_anomaly.compiled_fit": "taskloom_anomaly.detection.compiled_fit",
    "taskloom_anomaly.data.adversarial": "taskloom_anomaly.compat.adversarial",
    "taskloom_anomaly.detection": {
        "FittedDetector": "taskloom_anomaly.detection.fitting:FittedDetector",
        "fit_detector": "taskloom_anomaly.detection.fitting:fit_detector",
        "score_sets": "taskloom_anomaly.detection.fitting:score_sets",
    },
    "taskloom_anomaly.detectors.abstract_model": "taskloom_anomaly.detectors.abstraction_model",
    "taskloom_anomaly.detectors.abstract_training": "taskloom_anomaly.detectors.abstraction_jax",
    "taskloom_anomaly.detectors.components": {
        "GROUP": "taskloom_anomaly.detectors.base:GROUP",
    },
    # A detector of version 0.1 has its arithmetic in an object that `build()` makes.
    "taskloom_anomaly.detectors.config.base": {
        "Detector": "taskloom_anomaly.detectors.built:BuiltDetector",
    },
    "taskloom_anomaly.detectors.driver": "taskloom_anomaly.detectors.fit",
    "taskloom_anomaly.detectors.storage": {
        "load": "taskloom_anomaly.detection.artifacts:load_detector",
        "load_arrays": "taskloom.arrays:load_tensors",
        "save": "taskloom_anomaly.detection.artifacts:save_detector",
        "save_arrays": "taskloom.arrays:save_tensors",
    },
    "taskloom_anomaly.detectors.protocol": {
        "Stream": "taskloom_anomaly.detectors.base:FeatureStream",
        "*": "taskloom_anomaly.detectors.base",
    },
    "taskloom_anomaly.evaluation": "taskloom_anomaly.detection.evaluation",
    "taskloom_anomaly.features": "taskloom_anomaly.detection.features",
    "taskloom_anomaly.fusion": "taskloom_anomaly.detection.fusion",
    "taskloom_anomaly.keeping": "taskloom_anomaly.detection.artifacts",
    "taskloom_anomaly.models.convolution": "taskloom_anomaly.models.cnn_jax",
    "taskloom_anomaly.pictures": "taskloom_anomaly.report.png",
    "taskloom_anomaly.placement": {"Placement": "taskloom_anomaly.backends.devices:Devices"},
    "taskloom_anomaly.poisoning": "taskloom_anomaly.data.poisoning",
    "taskloom_anomaly.problem": {
        "Problem": "taskloom_anomaly.detection.assembly:DetectionData",
        "*": "taskloom_anomaly.detection.assembly",
    },
    "taskloom_anomaly.protocols": "taskloom_anomaly.task",
    "taskloom_anomaly.reasons": "taskloom_anomaly.backends.failures",
    "taskloom_anomaly.regimes": "taskloom_anomaly.detection.regimes",
    "taskloom_anomaly.registry": "taskloom_anomaly.compat.tasks",
    "taskloom_anomaly.report": {
        "report": "taskloom_anomaly.report.section:report",
    },
    "taskloom_anomaly.run": {
        "run_task": "taskloom_anomaly.compat.tasks:run_task",
        "scores_of": "taskloom_anomaly.detection.artifacts:scores_of",
    },
    "taskloom_anomaly.store": "taskloom_anomaly.detection.activations",
    "taskloom_anomaly.tasks.base": {
        "AnomalyBase": "taskloom_anomaly.tasks.base:ConfiguredTask",
    },
    "taskloom_anomaly.tasks.seed_form": "taskloom_anomaly.compat.task_config",
    "taskloom_anomaly.quiet": {"QuietContext": "taskloom.lifecycle.scratch:ScratchContext"},
    "taskloom_anomaly.tensors": {
        "read_tensors": "taskloom.arrays:load_tensors",
        "write_tensors": "taskloom.arrays:save_tensors",
    },
    "taskloom_anomaly.training": "taskloom_anomaly.models.training",
    "taskloom_anomaly.validity": "taskloom_anomaly.detection.validity_card",
    **{
        f"taskloom_anomaly.{kind}.config": {
            name: f"taskloom_anomaly.{kind}.{target}" for name, target in names.items()
        }
        for kind, names in _KINDS.items()
    },
    **{
        f"taskloom_anomaly.detectors.config.{module}": {
            name: f"taskloom_anomaly.detectors.{target}"
        }
        for module, name, target in _DETECTORS
    },
}
