"""A torch network that you have: fit a detector on trusted inputs, score new ones, and see which layer finds them."""

import numpy as np
import taskloom_anomaly
import torch

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(6, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
for value in network.parameters():  # a stand-in for weights that were trained
    value.data += 0.2 * torch.randn_like(value)

rng = np.random.default_rng(0)
trusted, normal, odd = (
    rng.normal(mean, 1, (n, 6)).astype(np.float32) for mean, n in ((0, 400), (0, 50), (1.5, 50))
)
detector = taskloom_anomaly.fit(network, trusted, detector="mahalanobis")
quiet, loud = detector.score(normal), detector.score(odd)
for layer in quiet:
    right = np.mean(loud[layer][:, None] > quiet[layer])
    print(f"layer {layer}: {right:.3f} of pairs in the right order")
print("all layers together:", detector.fused(odd).shape)
