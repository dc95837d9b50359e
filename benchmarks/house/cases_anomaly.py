"""Runs of anomaly for `same_bits.py`: every detector, trigger, attack, model, fusion, reduction and task."""

from __future__ import annotations

from cases import Command, Entry, Stopped, Sweep, component, kinds

_DETECTORS = (
    "mahalanobis",
    "que",
    "spectral",
    "likelihood_ratio",
    "knn",
    "lof",
    "iforest",
    "beatrix",
    "ted",
    "pca_residual",
    "msp",
    "energy",
    "maxlogit",
    "gen",
    "vim",
    "react",
    "vae",
    "abstraction",
    "finetune",
    "probe",
    "input_baseline",
)
_MODES = ("global", "class", "relative", "mixture", "diagonal", "simple_relative")
_TOY = {"size": 200, "training.epochs": 4, "min_accuracy": 0.0}
_DIGITS = {
    "data.source": "digits8",
    "data.num_test": 200,
    "training.epochs": 2,
    "min_accuracy": 0.0,
}
_BACKDOOR = {**_DIGITS, "data.num_train": 600, "min_attack_success": 0.0}
_MLP = component("model", "mlp", hidden_dims=[32, 16])
_CNN = component("model", "cnn", channels=[4, 4], dense_dims=[8])
_VARIANTS = {
    **{
        f"mahalanobis-{mode}": component("detector", "mahalanobis", mode=mode)
        for mode in _MODES[1:]
    },
    **{
        f"mahalanobis-{name}": component("detector", "mahalanobis", mode="mixture", shrinkage=name)
        for name in ("fixed", "ledoit_wolf", "oas")
    },
    "mahalanobis-rank": component(
        "detector", "mahalanobis", rank=3, normalize=True, classes="label"
    ),
    "que-alpha": component("detector", "que", alpha=1.0, rank=4),
    "spectral-none": component("detector", "spectral", classes="none", rank=2),
    "likelihood_ratio-oas": component("detector", "likelihood_ratio", shrinkage="oas"),
    "knn-coreset": component("detector", "knn", k=3, normalize=False, coreset=20, max_samples=64),
    "lof-few": component("detector", "lof", k=5, max_samples=50),
    "iforest-few": component("detector", "iforest", trees=10, tree_samples=16),
    "beatrix-all": component("detector", "beatrix", by_class=False, powers=2),
    "ted-last": component("detector", "ted", reference="last", k=3),
    "pca_residual-rank": component("detector", "pca_residual", rank=1),
    "abstraction-global": component(
        "detector", "abstraction", mode="global", distance="l2", epochs=2
    ),
    "abstraction-adversarial": component(
        "detector", "abstraction", mode="adversarial", epochs=1, adversarial_steps=2
    ),
    "input_baseline-knn": component("detector", "input_baseline", method="knn"),
    **{f"fusion-{name}": {"fusion": name} for name in ("max", "cauchy", "harmonic", "min_p")},
    "layers": {"layers": ["dense_1", "dense_0.input"]},
    "contaminated": {"contamination": 0.1, "calibration_fraction": 0.4, "batch_size": 64},
    "both": {"regime": "trusted_untrusted", "detector.kind": "que"},
    "seed": {"seed": 5, "baselines": False},
}
_MODELS = {
    **{f"mlp-{name}": {**_MLP, "model.backend": name} for name in ("linen", "nnx", "torch")},
    **{f"cnn-{name}": {**_CNN, "model.backend": name} for name in ("linen", "nnx", "torch")},
    **{
        f"reduction-{name}": {**_CNN, "reduction": name}
        for name in ("flatten", "mean", "max", "mean_max")
    },
    "reduction-torch": {**_CNN, "model.backend": "torch", "reduction": "flatten"},
    "beatrix-cnn": {**_CNN, "detector.kind": "beatrix"},
    **{
        f"{name}-{backend}": {**_MLP, "model.backend": backend, "detector.kind": name}
        for name in ("vim", "finetune", "abstraction")
        for backend in ("nnx", "torch")
    },
}
_TRIGGERS = {
    **{
        name: {**_MLP, "trigger.kind": name}
        for name in ("corner", "patch", "blend", "noise", "sine")
    },
    "warp": {**_CNN, "trigger.kind": "warp"},
    "all-to-all": {**_MLP, "behavior": "all_to_all", "poison_fraction": 0.3},
    "shifted": {**_MLP, "data.max_shift": 1, "target_class": 3},
    "spectral": {**_MLP, "detector.kind": "spectral", "untrusted_anomalous_fraction": 0.05},
}
_SMALL = {"model.width": 16, "model.num_layers": 1, "model.num_heads": 2, "training.epochs": 1}
_CLASSIFIER = ("data.source=digits8", "training.epochs=2", "data.num_test=200")


def _param(*pairs: str) -> tuple[str, ...]:
    """Return the words that set parameters of a verb's task."""
    return tuple(f"--param={pair}" for pair in pairs)


ENTRIES: tuple[Entry, ...] = (
    Sweep("detectors", "toy_features", kinds("detector", *_DETECTORS), _TOY),
    Sweep("variants", "toy_features", _VARIANTS, _TOY),
    Sweep("models", "backdoor", _MODELS, {**_BACKDOOR, "training.epochs": 1}),
    Sweep("triggers", "backdoor", _TRIGGERS, _BACKDOOR),
    Sweep(
        "mnist",
        "backdoor",
        {"default": _MLP},
        {**_BACKDOOR, "data.source": "mnist", "training.epochs": 1},
    ),
    Sweep(
        "stored",
        "backdoor_detection",
        {"same": {}, "other": {"backdoor.kind": "noise", "detector.kind": "que"}},
        {
            "run_path": "{run:triggers/corner}",
            "max_size": 100,
            "min_accuracy": 0.0,
            "min_attack_success": 0.0,
        },
    ),
    Sweep(
        "attacks",
        "adversarial_examples",
        {
            **kinds("attack", "fgsm", "pgd", "apgd"),
            "pgd-plain": component("attack", "pgd", steps=5, random_start=False, eps=0.3),
        },
        {**_DIGITS, "success_threshold": 1.0, "max_size": 150, "max_anomalous_size": 60},
    ),
    Sweep("near", "ood_near", {"default": {}}, {**_DIGITS, "classes": [0, 1, 2, 3, 4]}),
    Sweep(
        "far",
        "ood_far",
        {"default": {}},
        {**_DIGITS, "data.source": "mnist", "data.num_train": 300},
    ),
    Sweep(
        "quirky",
        "quirky_arithmetic",
        {"default": {}, "greater": {"quirk": "when_greater", "reduction": "mean"}},
        {**_SMALL, "modulus": 7, "num_names": 8, "min_accuracy": 0.0},
    ),
    Sweep(
        "mechanism",
        "mechanism_distinction",
        {"default": {}, "mean": {"reduction": "mean"}},
        {**_SMALL, "size": 256, "test_size": 60, "min_accuracy": 0.0},
    ),
    Sweep(
        "tampering",
        "measurement_tampering",
        {"default": {}},
        {"size": 400, "training.epochs": 2, "min_accuracy": 0.0},
    ),
    Sweep(
        "tabular",
        "tabular",
        {name: {"source": name} for name in ("breast_cancer", "wine", "digits8", "shuttle")},
        {"max_rows": 300, "training.epochs": 3, "min_explained": -100.0},
    ),
    Stopped(
        "stopped",
        "toy_features",
        {
            "size": 400,
            "training.epochs": 1500,
            "training.checkpoint_every": 500,
            "min_accuracy": 0.0,
        },
        lines=50,
    ),
    Command(
        "train-classifier",
        ("anomaly", "train-classifier", "--dir={files}/classifier", *_param(*_CLASSIFIER)),
    ),
    Command(
        "make-examples",
        (
            "anomaly",
            "make-adversarial-examples",
            "{files}/classifier",
            "--attack=fgsm",
            "--eps=0.4",
            "--success-threshold=1",
            "--max-examples=80",
        ),
    ),
    Sweep(
        "examples",
        "adversarial_examples",
        {"made": {}},
        {
            "run_path": "{files}/classifier",
            "attack.kind": "fgsm",
            "attack.eps": 0.4,
            "success_threshold": 1.0,
            "max_anomalous_size": 80,
            "min_accuracy": 0.0,
        },
    ),
    Command(
        "train-detector",
        (
            "anomaly",
            "train-detector",
            "--dir={files}/detector",
            "--model={run:triggers/corner}",
            "--detector=knn",
        ),
    ),
    Command("eval-detector", ("anomaly", "eval-detector", "{files}/detector", "--dir={dir}")),
    Command("eval-run", ("anomaly", "eval-detector", "{run:triggers/patch}", "--dir={dir}")),
)
