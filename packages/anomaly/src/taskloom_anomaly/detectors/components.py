"""The detectors by name, for the manifest: group `taskloom_anomaly.detectors`. Imports nothing heavy."""

from __future__ import annotations

from typing import Final

from taskloom.registry.refs import ComponentRef

GROUP: Final = "taskloom_anomaly.detectors"

_MEMBERS: Final = (
    ("mahalanobis", "Mahalanobis", "Mahalanobis distance: global, class-conditional, relative, diagonal."),
    ("que", "QuantumEntropy", "Quantum entropy on whitened activations; needs untrusted data."),
    ("spectral", "Spectral", "Spectral signatures of the untrusted data; needs no trusted data."),
    ("likelihood_ratio", "LikelihoodRatio", "Log ratio of an untrusted and a trusted Gaussian."),
    ("knn", "Knn", "Distance to the k-th nearest trusted activation."),
    ("lof", "Lof", "Local outlier factor among the trusted activations."),
    ("iforest", "IsolationForest", "How few random cuts isolate a sample."),
    ("beatrix", "Beatrix", "Gram features outside the range they have in the predicted class."),
    ("ted", "Ted", "Ranks of neighbours in the predicted class, over the layers."),
    ("pca_residual", "PcaResidual", "Distance to the principal subspace of the trusted activations."),
    ("msp", "Msp", "Largest softmax probability, negated."),
    ("energy", "Energy", "Free energy of the logits."),
    ("maxlogit", "MaxLogit", "Largest logit, negated."),
    ("gen", "Gen", "Generalised entropy of the most probable classes."),
    ("vim", "Vim", "Energy plus the residual of the last features, scaled as a logit."),
    ("react", "React", "Energy after the last features are cut at a trusted quantile."),
    ("vae", "Vae", "Loss of a variational autoencoder of the trusted activations."),
    ("abstraction", "Abstraction", "Departure from a smaller model that predicts layer after layer."),
    ("finetune", "Finetune", "Change of the output when the model is trained on with trusted data."),
    ("probe", "Probe", "Logistic regression on labelled anomalies: a skyline."),
    ("input_baseline", "InputBaseline", "A detector of the raw inputs, to be beaten."),
)  # fmt: skip

COMPONENTS: Final[tuple[ComponentRef, ...]] = tuple(
    ComponentRef(name, summary, f"taskloom_anomaly.detectors.config.{name}:{class_name}")
    for name, class_name, summary in _MEMBERS
)
