"""The plainest loops that do the arithmetic of the seed system's current version, which no registry has.

Its own choices are kept where they cost time: batches of 32 for covariances, a matrix exponential for every batch of scores,
Gram matrices of every power with a root, a sort for every neighbour and pair of layers.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch


def streaming_covariance(rows: torch.Tensor, batch: int = 32) -> torch.Tensor:
    """Chan's update with an outer product by einsum for every batch of 32, in the rows' precision."""
    width = rows.shape[1]
    mean, scatter, count = torch.zeros(width), torch.zeros(width, width), 0
    for start in range(0, len(rows), batch):
        own = rows[start : start + batch]
        centre = own.mean(dim=0)
        offset, step = own - centre, centre - mean
        total = count + len(own)
        scatter += torch.einsum("bi,bj->ij", offset, offset)
        scatter += torch.einsum("i,j->ij", step, step) * (count * len(own) / total)
        mean += step * (len(own) / total)
        count = total
    return scatter / (count - 1)


def quantum_entropy(
    rows: np.ndarray,
    mean: np.ndarray,
    white: np.ndarray,
    spread: np.ndarray,
    alpha: float = 4.0,
    batch: int = 32,
) -> np.ndarray:
    """Scores with a matrix exponential for every batch."""
    scores = []
    for start in range(0, len(rows), batch):
        z = (rows[start : start + batch] - mean) @ white
        weight = scipy.linalg.expm(alpha * spread / np.linalg.norm(spread, 2))
        scores.append(np.einsum("bi,ij,bj->b", z, weight, z, optimize=True))
    return np.concatenate(scores)


def quantum_entropy_in_torch(
    rows: torch.Tensor,
    mean: torch.Tensor,
    white: torch.Tensor,
    spread: torch.Tensor,
    alpha: float = 4.0,
    batch: int = 1024,
) -> torch.Tensor:
    """The same in torch and in the rows' precision: for every batch the largest eigenvalue, the exponential and three factors."""
    scores = []
    for start in range(0, len(rows), batch):
        z = torch.einsum("bi,ij->bj", rows[start : start + batch] - mean, white)
        weight = torch.matrix_exp(alpha * spread / torch.linalg.eigvalsh(spread).max())
        scores.append(torch.einsum("bi,ij,jb->b", z, weight, z.mT))
    return torch.cat(scores)


def _gram(rows: torch.Tensor, power: int) -> torch.Tensor:
    raised = rows**power
    product = torch.einsum("bi,bj->bij", raised, raised)
    first, second = torch.triu_indices(rows.shape[1], rows.shape[1])
    product = product[:, first, second]
    return product.sign() * product.abs() ** (1 / power)


def beatrix(
    trusted: torch.Tensor,
    classes: torch.Tensor,
    test: torch.Tensor,
    test_classes: torch.Tensor,
    powers: int = 4,
    mad_scale: float = 10.0,
) -> torch.Tensor:
    """Class-conditional Beatrix of one layer: medians of all Gram features, then the scores in batches of 32."""
    bounds = {}
    for c in classes.unique().tolist():
        for power in range(1, powers + 1):
            found = _gram(trusted[classes == c], power)
            centre = found.median(dim=0).values
            spread = (found - centre).abs().median(dim=0).values
            bounds[c, power] = centre - mad_scale * spread, centre + mad_scale * spread
    scores = []
    for start in range(0, len(test), 32):
        part, own = test[start : start + 32], test_classes[start : start + 32].tolist()
        total = torch.zeros(len(part))
        for power in range(1, powers + 1):
            found = _gram(part, power)
            low = torch.stack([bounds[c, power][0] for c in own])
            high = torch.stack([bounds[c, power][1] for c in own])
            floor = 0.01 * torch.maximum(low.abs(), high.abs()).amax(dim=1, keepdim=True)
            deviation = torch.relu(low - found) / torch.maximum(low.abs(), floor)
            deviation += torch.relu(found - high) / torch.maximum(high.abs(), floor)
            total += deviation.mean(dim=1) / powers
        scores.append(total)
    return torch.cat(scores)


def ted_ranks(
    layers: list[np.ndarray],
    classes: np.ndarray,
    trusted: list[np.ndarray],
    trusted_classes: np.ndarray,
    k: int,
    *,
    leave_out: bool,
) -> np.ndarray:
    """Mean ranks of the k nearest neighbours of the predicted class, by a sort for every sample, neighbour and layer."""
    ranks = np.zeros((len(classes), len(layers)))
    for index in range(len(classes)):
        for column, (rows, reference) in enumerate(zip(layers, trusted, strict=True)):
            distances = np.linalg.norm(reference - rows[index], axis=1)
            if leave_out:
                distances[index] = np.inf
            own = np.flatnonzero(trusted_classes == classes[index])
            nearest = own[np.argsort(distances[own])][:k]
            found = []
            for neighbour in nearest:
                order = np.argsort(distances)
                found.append(1 + int(np.flatnonzero(order == neighbour)[0]))
            ranks[index, column] = np.mean(found)
    return ranks
