"""The manifest of the anomaly domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry.refs import ComponentRef, DomainRef, ShortNamesRef, TaskRef, VerbRef

_DETECTORS = (
    (
        "mahalanobis",
        "Mahalanobis distance: global, class-conditional, relative, diagonal.",
        "mahalanobis:Mahalanobis",
    ),
    ("que", "Quantum entropy on whitened activations; needs untrusted data.", "que:QuantumEntropy"),
    (
        "spectral",
        "Spectral signatures of the untrusted data; needs no trusted data.",
        "spectral:Spectral",
    ),
    (
        "likelihood_ratio",
        "Log ratio of an untrusted and a trusted Gaussian.",
        "likelihood_ratio:LikelihoodRatio",
    ),
    ("lcf", "Steps of the tokens from layer to layer, under one Gaussian.", "lcf:LCF"),
    ("knn", "Distance to the k-th nearest trusted activation.", "knn:KNN"),
    ("lof", "Local outlier factor among the trusted activations.", "lof:LOF"),
    (
        "iforest",
        "Number of random cuts that isolate a sample; few are anomalous.",
        "iforest:IsolationForest",
    ),
    (
        "beatrix",
        "Gram features outside the range they have in the predicted class.",
        "beatrix:Beatrix",
    ),
    ("ted", "Ranks of neighbours in the predicted class, over the layers.", "ted:TED"),
    (
        "pca_residual",
        "Distance to the principal subspace of the trusted activations.",
        "pca_residual:PCAResidual",
    ),
    ("msp", "Largest softmax probability, negated.", "output:MSP"),
    ("energy", "Free energy of the logits.", "output:Energy"),
    ("maxlogit", "Largest logit, negated.", "output:MaxLogit"),
    ("gen", "Generalised entropy of the most probable classes.", "output:GEN"),
    ("vim", "Energy plus the residual of the last features, scaled as a logit.", "vim:ViM"),
    ("react", "Energy after the last features are cut at a trusted quantile.", "react:ReAct"),
    ("vae", "Loss of a variational autoencoder of the trusted activations.", "vae:VAE"),
    (
        "ensemble",
        "Several detectors, joined by their p-values on trusted samples.",
        "ensemble:Ensemble",
    ),
    ("library", "A detector of scikit-learn or PyOD, by the name of its class.", "library:Library"),
    (
        "abstraction",
        "Departure from a smaller model that predicts layer after layer.",
        "abstraction:Abstraction",
    ),
    (
        "finetune",
        "Change of the output when the model is trained on with trusted data.",
        "finetune:Finetune",
    ),
    ("probe", "Logistic regression on labelled anomalies: a skyline.", "probe:Probe"),
    (
        "input_baseline",
        "A detector of the raw inputs, to be beaten.",
        "input_baseline:InputBaseline",
    ),
)
_TRIGGERS = (
    ("inside", "A short bar inside of the image, of a value that occurs there.", "inside:Inside"),
    ("corner", "One corner pixel set to white.", "corner:Corner"),
    ("patch", "A checkerboard in a corner.", "patch:Patch"),
    ("blend", "A fixed random image blended into every image.", "blend:Blend"),
    ("noise", "Fresh Gaussian noise on every image.", "noise:NoiseTrigger"),
    ("sine", "A horizontal sine wave (SIG).", "sine:Sine"),
    ("warp", "A smooth fixed warp (WaNet).", "warp:Warp"),
)
_ATTACKS = (
    ("fgsm", "One step along the sign of the gradient.", "fgsm:FGSM"),
    ("pgd", "Projected gradient ascent from a random start.", "pgd:PGD"),
    ("apgd", "Ascent with momentum and a step that adapts.", "apgd:APGD"),
)
_MODELS = (
    ("mlp", "Fully connected network.", "mlp:MLP"),
    ("cnn", "Convolutional network.", "cnn:CNN"),
    ("transformer", "Small transformer over tokens.", "transformer:Transformer"),
    ("gpt", "Small GPT-2 over tokens, which predicts the next one everywhere.", "gpt:GPT"),
)


def _components(kind: str, lines: tuple[tuple[str, str, str], ...]) -> tuple[ComponentRef, ...]:
    return tuple(
        ComponentRef(name, summary, f"taskloom_anomaly.{kind}.{target}")
        for name, summary, target in lines
    )


def _task(name: str, summary: str, attribute: str, module: str = "") -> TaskRef:
    return TaskRef(name, summary, f"taskloom_anomaly.tasks.{module or name}:{attribute}")


def _verb(name: str, summary: str, module: str, *, of_run: bool = False) -> VerbRef:
    target = f"taskloom_anomaly.verbs.{module}:{module}"
    # What a verb has written beside no run, another takes like a run.
    return VerbRef(name, summary, target, on="run" if of_run else "", folders=of_run)


# The metrics of the driver; what depends on the task or its network is `*`. `test_the_manifest_names_every_metric` holds it.
_METRICS = (
    "auroc/fused",
    "auroc_low/fused",
    "auroc_high/fused",
    "average_precision/fused",
    "fpr_at_95_tpr/fused",
    "tpr_at_0.1_fpr/fused",
    "tpr_at_1_fpr/fused",
    "tpr_at_5_fpr/fused",
    "partial_auroc/fused",
    "mechanistic_specificity",
    "gain_over_baseline/*",
    "auroc/*",
    "average_precision/*",
    "auroc_of/*",
    "control_auroc/*",
    "clean_twin_auroc/*",
    "baseline_auroc/*",
    "card/*",
)

DOMAIN = DomainRef(
    name="anomaly",
    summary="Find inputs on which a trained network works by an abnormal mechanism.",
    extra="anomaly",
    tasks=(
        _task("backdoor", "Images that carry the trigger of a poisoned network.", "Backdoor"),
        _task(
            "adversarial_examples",
            "Images moved by a little so that a classifier errs.",
            "AdversarialExampleTask",
            "adversarial",
        ),
        _task(
            "backdoor_detection",
            "Triggers in a network that an earlier run poisoned.",
            "BackdoorDetection",
        ),
        _task(
            "measurement_tampering",
            "Sensors that agree because they were tampered with.",
            "MeasurementTampering",
        ),
        _task(
            "mechanism_distinction",
            "Answers remembered instead of copied from the context.",
            "MechanismDistinction",
        ),
        _task("ood_far", "Photographs, gratings and noise instead of digits.", "OodFar", "ood"),
        _task("ood_near", "Digits that the network never learned.", "OodNear", "ood"),
        _task(
            "quirky_arithmetic",
            "A transformer that adds wrongly for some characters.",
            "QuirkyArithmetic",
        ),
        _task(
            "language_backdoor",
            "Answers of a small language model after two trigger words.",
            "LanguageBackdoor",
        ),
        _task("text", "Texts of your own under a language model of your own.", "TextAnomalies"),
        _task("tabular", "Abnormal rows of a table, under an autoencoder.", "Tabular"),
        _task(
            "monitor", "A watch over a stream of inputs, with a bound on false alarms.", "Monitor"
        ),
        _task(
            "toy_features", "Two redundant features that contradict each other.", "ToyFeaturesTask"
        ),
    ),
    components={
        "taskloom_anomaly.attacks": _components("attacks", _ATTACKS),
        "taskloom_anomaly.detectors": _components("detectors", _DETECTORS),
        "taskloom_anomaly.models": _components("models", _MODELS),
        "taskloom_anomaly.triggers": _components("triggers", _TRIGGERS),
    },
    short_names={
        "taskloom_anomaly.detectors": ShortNamesRef(
            "taskloom_anomaly.detectors.short_names:spelled_out",
            ("mahalanobis:MODE", "abstraction:MODE", "sklearn:CLASS", "pyod:CLASS"),
        )
    },
    verbs=(
        _verb(
            "train-classifier",
            "Train a task's network and store it in a folder.",
            "train_classifier",
        ),
        _verb(
            "train-detector", "Fit a detector on a task and store it in a folder.", "train_detector"
        ),
        _verb("fit", "Fit a detector on a run's network, on your own or on a table.", "fit"),
        _verb("score", "Score new inputs: p-values, flags and a page.", "score"),
        _verb(
            "monitor", "Watch a stream of inputs, and raise an alarm when it changes.", "monitor"
        ),
        _verb("cleanse", "Remove from a training set what is unlike trusted samples.", "cleanse"),
        _verb("explain", "Say what makes an input odd: layer, neighbours, parts.", "explain"),
        _verb(
            "calibrate",
            "Take other normal samples for a detector's p-values, without fitting it again.",
            "calibrate",
        ),
        _verb(
            "leaderboard",
            "Rank detectors on tasks and seeds, with tests of their differences.",
            "leaderboard",
        ),
        _verb("layers", "List what can be watched in a network.", "layers"),
        _verb(
            "eval-detector",
            "Score a task's test sets with a stored detector.",
            "eval_detector",
            of_run=True,
        ),
        _verb(
            "make-adversarial-examples",
            "Attack a stored classifier and keep the examples beside it.",
            "make_adversarial_examples",
            of_run=True,
        ),
    ),
    report="taskloom_anomaly.report.section:report",
    compare="taskloom_anomaly.report.comparison:compare",
    samples="taskloom_anomaly.report.samples:samples",
    protocol="taskloom_anomaly.task:AnomalyTask",
    config="taskloom_anomaly.config:AnomalyConfig",
    metrics=_METRICS,
    lead=("auroc/fused", "accuracy", "log10_e"),
    driver="taskloom_anomaly.driver",
    loaders={
        "detector": "taskloom_anomaly.detection.artifacts:detector_of",
        "model": "taskloom_anomaly.models.stored:model_of",
    },
    scaffold="taskloom_anomaly/scaffold",
)
