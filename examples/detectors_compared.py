"""Detectors on one network: a sweep that was made without a question is asked one."""

import taskloom as tl

sweep = tl.sweep(
    "anomaly/toy_features",
    {"detector": ["mahalanobis", "knn"], "seed": range(2)},
    size=300,
    min_accuracy=0.6,
)
study = tl.Study.of(sweep, metric="auroc/fused", better="higher")
print(study)
