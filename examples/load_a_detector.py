"""Fit a detector, load it from its run, and score inputs with it."""

import numpy as np
import taskloom as tl

run = tl.run("anomaly/toy_features", detector="mahalanobis", size=300, min_accuracy=0.6)
print(run.summary)

detector = run.load("detector")
task = tl.task_of(run).task
for layer, values in detector.score(task.build_reference_data()).items():
    print(f"{layer}: median score {np.median(values):.3f} of trusted samples")
