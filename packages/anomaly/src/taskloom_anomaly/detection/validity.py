"""Numbers that validity cards are made of."""

from __future__ import annotations

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.data.arrays import ArrayDataset


def predictions(handle: ModelHandle, data: ArrayDataset, batch_size: int = 1024) -> np.ndarray:
    """Return the predicted class of every sample."""
    return np.concatenate(
        [handle.forward(b.inputs).logits.argmax(axis=1) for b in data.batches(batch_size)]
    )


def accuracy(handle: ModelHandle, data: ArrayDataset) -> float:
    """Return the share of samples whose predicted class is their label."""
    if data.labels is None:
        raise ConfigError("Accuracy needs labelled data; this data set has no labels.")
    return float(np.mean(predictions(handle, data) == data.labels))
