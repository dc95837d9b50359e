"""Axes of what a torch network gives: one score for a sample, and channels as the features of an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases_verdict import verdict
from taskloom.errors import TaskloomError
from taskloom_anomaly import ArrayDataset, metrics
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.detection.features import ModelStream, extractor_for
from taskloom_anomaly.detectors.fit import fit, score
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from torch import Tensor, nn


def _handle(model: nn.Module, inputs: np.ndarray) -> ModelHandle:
    """Return the handle of a network with its own parameters."""
    parameters = {name: value.numpy() for name, value in model.state_dict().items()}
    return as_handle(model, parameters, inputs[:1])


class Channels(nn.Module):
    """Channels that pass through a module in the middle, and are averaged over the picture."""

    def __init__(self, mid: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        self.conv.weight.data = torch.eye(3)[:, :, None, None]
        self.mid, self.pool, self.fc = mid, nn.AdaptiveAvgPool2d(1), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.mid(self.conv(x))), 1))


def _middles() -> dict[str, nn.Module]:
    torch.manual_seed(1)  # with 0, the first convolution leaves a channel silent
    return {
        "BatchNorm2d": nn.BatchNorm2d(3),
        "ReLU": nn.ReLU(),
        "GELU": nn.GELU(),
        "SiLU": nn.SiLU(),
        "Mish": nn.Mish(),
        "PReLU": nn.PReLU(),
        "GroupNorm": nn.GroupNorm(1, 3),
        "Dropout2d": nn.Dropout2d(),
        "Upsample": nn.Upsample(scale_factor=1),
        "Identity": nn.Identity(),
        "Conv2d+GroupNorm+ReLU": nn.Sequential(nn.Conv2d(3, 3, 1), nn.GroupNorm(1, 3), nn.ReLU()),
        "Conv2d+BatchNorm2d+Mish": nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Mish()),
    }


def test_torch_feature_axis() -> None:
    """Finds exchanged channels (width 3, AUROC 1) behind each of 12 modules: channels are the features of an image.

    Compare Trusted-AI/adversarial-robustness-toolbox#2313.
    """
    rng = np.random.default_rng(0)
    level = np.array([0.8, 0.5, 0.2], np.float32)[:, None, None]

    def images(count: int, step: int = 1) -> ArrayDataset:
        x = (level + rng.normal(0, 0.1, (count, 3, 12, 10))).astype(np.float32)
        return ArrayDataset(np.ascontiguousarray(x[:, ::step]))

    trusted, normal, anomalous = images(600), images(300), images(300, -1)
    wrong = []
    for name, mid in _middles().items():
        handle = _handle(Channels(mid), trusted.inputs)
        extractor = extractor_for(handle, ("mid",), "auto", 256)
        detector = Mahalanobis(shrinkage="oas")
        stream = ModelStream(extractor, {"trusted": trusted})
        fitted = fit(detector, stream, extractor.spec(trusted), 0)
        scores = (
            score(detector, fitted, extractor.batches(data))["mid"] for data in (normal, anomalous)
        )
        width, area = handle.layers["mid"].shape[-1], metrics.auroc(*scores)
        if width != 3 or area < 0.999:
            wrong.append(f"{name}: {width} {area:.2f}")
    verdict(
        not wrong,
        f"{12 - len(wrong)} of 12 modules right; {', '.join(wrong)}",
        "12 of 12 with width 3 and AUROC 1.000",
    )


class Sequences(nn.Module):
    """A transformer in torch's default order: tokens before samples."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 8)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x).transpose(0, 1))[-1])


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
def test_torch_samples_axis() -> None:
    """Gives 100 scores for 100 samples at every batch size, or names the layer in a sentence: never 24 scores."""
    torch.manual_seed(0)
    model, rng = Sequences(), np.random.default_rng(0)
    trusted, test = (
        ArrayDataset(rng.normal(size=(count, 24, 3)).astype(np.float32)) for count in (300, 100)
    )
    handle, scores = _handle(model, trusted.inputs), []
    for batch in (1024, 50):
        try:
            extractor = extractor_for(handle, ("encoder",), "auto", batch)
            detector = Mahalanobis(shrinkage="oas")
            stream = ModelStream(extractor, {"trusted": trusted})
            fitted = fit(detector, stream, extractor.spec(trusted), 0)
            scores.append(score(detector, fitted, extractor.batches(test))["encoder"])
        except TaskloomError as error:
            must = "100 scores, or a sentence that names the layer"
            verdict("encoder" in str(error), error, must)
            return
    counts = [len(found) for found in scores]
    same = counts == [100, 100] and bool(np.allclose(*scores, rtol=1e-4))
    verdict(
        same,
        f"{counts} scores for 100 samples, equal: {same}",
        "[100, 100], equal, or a sentence that names the layer",
    )
