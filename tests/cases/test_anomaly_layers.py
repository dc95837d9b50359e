"""Which array is watched in a torch network: the one that the named module gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from cases_verdict import told, verdict
from taskloom.errors import TaskloomError
from taskloom_anomaly import ArrayDataset
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.detection.activations import ActivationStore
from taskloom_anomaly.detection.features import extractor_for
from torch import Tensor, nn


def _handle(model: nn.Module, inputs: np.ndarray) -> ModelHandle:
    """Return the handle of a network with its own parameters."""
    parameters = {name: value.numpy() for name, value in model.state_dict().items()}
    return as_handle(model, parameters, inputs[:1])


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


class Convolution(nn.Module):
    """A block as in every ResNet of torchvision: the activation writes over what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.relu(self.bn(self.conv(x)))), 1))


def test_torch_inplace_activation() -> None:
    """Gives what the layer gave, with and without logits, though the next module writes over its memory.

    Compare meta-pytorch/captum#156, ViCCo-Group/thingsvision#44 and pytorch/pytorch#20705.
    """
    torch.manual_seed(0)
    model, x = Convolution().eval(), _normal(4, 3, 10, 10)
    with torch.no_grad():
        true = model.bn(model.conv(torch.tensor(x))).numpy()
    handle, gaps = _handle(model, x), []
    for logits in (True, False):
        found = handle.forward(x, ["bn"], logits=logits).activations["bn"]
        gaps.append(round(float(np.abs(np.moveaxis(found, -1, 1) - true).max()), 6))
    verdict(gaps == [0.0, 0.0], f"differences with and without logits {gaps}", [0.0, 0.0])


class Block(nn.Module):
    """A submodule whose own name is `output`, as BERT's."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.output = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return 100 * self.mix(x) + self.output(x)


class Wrapped(nn.Module):
    """One child that holds everything, so that default layers are all of its modules."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleDict({"block": Block(), "head": nn.Linear(8, 3)})

    def forward(self, x: Tensor) -> Tensor:
        return self.inner["head"](self.inner["block"](x))


def test_torch_layer_names() -> None:
    """Gives what `block.output` gave, not what `block` gave, and runs with default layers that have such a name."""
    torch.manual_seed(0)
    model, x = Wrapped().eval(), _normal(5, 8)
    handle, name = _handle(model, x), "inner.block.output"
    with torch.no_grad():
        true = model.get_submodule(name)(torch.tensor(x)).numpy()
    found = handle.forward(x, [name]).activations
    gap = float(np.abs(next(iter(found.values())) - true).max())
    try:
        features = next(extractor_for(handle, (), "auto", 8).batches(ArrayDataset(x)))
        is_equal = np.array_equal(features.activations[name], true)
        default = "run, right" if is_equal else "run, wrong"
    except KeyError as error:
        default = f"KeyError {error}"
    verdict(
        gap == 0 and default == "run, right",
        f"got {list(found)}, difference {gap:.3g}, default layers {default}",
        "difference 0, default layers run, right",
    )


class Twice(nn.Module):
    """One activation module that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.act, self.head = nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.second(self.act(self.first(x)))))


def test_torch_reused_module() -> None:
    """Knows two activations of a module that runs twice, or refuses its name: the first is never taken in silence.

    Compare openai/CLIP#239, facebookresearch/multimodal#33 and meta-pytorch/captum#378.
    """
    torch.manual_seed(0)
    x = _normal(5, 8)
    handle, is_refused = _handle(Twice().eval(), x), False
    try:
        handle.forward(x, ["act"])
    except (KeyError, ValueError, TaskloomError) as error:
        is_refused = "act" in str(error) and not isinstance(error, KeyError)
    names = [
        name for name in handle.layers if name.startswith("act") and not name.endswith(".input")
    ]
    verdict(len(names) == 2 or is_refused, f"names {names}", "two names, or a refusal of `act`")


class Half(nn.Module):
    """A network in bfloat16, as language models are published."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x.to(torch.bfloat16)))


def test_torch_bfloat16() -> None:
    """Gives activations in float32 that equal the bfloat16 values to the last digit.

    Compare johnmarktaylor91/torchlens#26 and curt-tigges/crosslayer-coding#30.
    """
    torch.manual_seed(0)
    model, x = Half().to(torch.bfloat16).eval(), _normal(5, 8)
    try:
        handle = as_handle(model, None, x[:1], warn=False)
        found = handle.forward(x, ["hidden"]).activations["hidden"]
        shape = tuple(handle.parameters()["head.weight"].shape)
    except Exception as error:
        must = "equal activations, weights of shape (3, 16)"
        verdict(False, told(error), must)
    with torch.no_grad():
        true = model.hidden(torch.tensor(x).to(torch.bfloat16)).float().numpy()
    same = bool(np.array_equal(found.astype(np.float32), true))
    verdict(
        same and shape == (3, 16),
        f"equal activations: {same}, weights {shape}",
        "equal activations: True, weights (3, 16)",
    )


class Trunk(nn.Module):
    """Blocks in a list, as the trunk of every transformer is."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(16, 16) for _ in range(3)])
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.head(self.norm(x))


def test_blocks_in_a_list() -> None:
    """Watches blocks of a ModuleList by default, and not only what lies outside the list."""
    layers = as_handle(Trunk(), None, np.zeros((1, 16), np.float32), warn=False).default_layers
    verdict(
        any(name.startswith("blocks") for name in layers),
        f"default layers {list(layers)}",
        "some of blocks.*",
    )


class Scaled(nn.Module):
    """A network with a number that `forward` reads and that is no parameter."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.head, self.scale = nn.Linear(8, 8), nn.Linear(8, 3), scale

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x * self.scale))


def test_activations_of_another_model(tmp_path: Path) -> None:
    """Keeps activations for one network each: equal class and weights do not make two networks one."""
    x, store, gaps = _normal(5, 8), ActivationStore(tmp_path), []
    for handle in [as_handle(Scaled(scale), None, x[:1], warn=False) for scale in (1.0, 50.0)]:
        extractor = extractor_for(handle, ("hidden",), "auto", 8, store)
        kept = next(extractor.batches(ArrayDataset(x))).activations["hidden"]
        fresh = handle.forward(x, ["hidden"]).activations["hidden"]
        gaps.append(float(np.abs(kept - fresh).max()))
    verdict(gaps == [0.0, 0.0], f"differences {gaps}", [0.0, 0.0])
